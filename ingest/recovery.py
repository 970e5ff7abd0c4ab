"""What opening a spool does to the segments that a crash or a failing disk left unsealed.

A torn end is copied to ``quarantine/`` and cut off. Damage with good records behind
it stays where it is, and a GAP record names what is missing. Then the segment is
sealed. One bad segment never stops the start, and nothing is deleted but a file
that holds no record at all. A segment put aside after a failed sync is sealed
from a copy, for only bytes that are written anew are sure to reach the disk.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ingest.disk import FULL, Disk
from ingest.keys import Keys
from ingest.records import Kind, PendingRecord
from ingest.segment import (
    FOOTER_SIZE,
    HEADER_SIZE,
    NO_CHAIN,
    RECORD_OVERHEAD,
    Chain,
    Damage,
    Footer,
    Header,
    Raw,
    encode_footer,
    encode_record,
    later_version,
    read_footer,
    walk,
)
from ingest.segments import COPY, NAME, OPEN, POISONED, SEALED, SegmentInfo, from_ns

QUARANTINE = "quarantine"


@dataclass(slots=True)
class Recovery:
    """What was found at the start.

    Attributes:
        next_seq: where the numbers go on.
        link: what the next segment carries of the last.
        sealed: what was sealed now.
        notes: for people, one line each.
        unread_from: the first number of the last segment that could not be read; 0 where all could.
    """

    next_seq: int = 1
    link: bytes = NO_CHAIN
    sealed: list[SegmentInfo] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread_from: int = 0

    def follow(self, last_seq: int, link: bytes) -> None:
        """Numbers go on after ``last_seq``."""
        if last_seq >= self.next_seq:
            self.next_seq, self.link = last_seq + 1, link


@dataclass(frozen=True, slots=True)
class Sealing:
    """A segment about to be sealed: what its footer says, and the byte the footer stands at."""

    path: Path
    first_seq: int
    count: int
    last_seq: int
    sha256: str
    size: int
    link: bytes
    boot_id: int
    key_id: str

    def footer(self, now_ns: int) -> bytes:
        """The footer's bytes."""
        footer = Footer(self.count, self.first_seq, self.last_seq, self.sha256, now_ns)
        return encode_footer(footer, boot_id=self.boot_id, chain=self.link)


def seal_file(disk: Disk, fd: int, sealing: Sealing, footer: bytes) -> SegmentInfo:
    """Make a segment whose footer is written durable, read-only and known by its sealed name. Closes ``fd``."""
    try:
        disk.fsync(fd)
        disk.make_read_only(fd)
        disk.fsync(fd)
    finally:
        disk.close(fd)
    final = sealing.path.with_suffix(SEALED)
    disk.rename(sealing.path, final)
    disk.sync_directory(final.parent)
    words = read_footer(footer)
    assert words is not None  # noqa: S101  we have just made it
    return SegmentInfo(
        final.stem.partition("-")[2],
        final,
        words.first_seq,
        words.last_seq,
        words.count,
        words.sha256,
        from_ns(words.sealed_ns),
        sealing.size + len(footer),
        key_id=sealing.key_id,
    )


def recover(disk: Disk, directory: Path, keys: Keys, boot_id: int, make_room: Callable[[], None]) -> Recovery:
    """Mend every segment of a spool that was not sealed, and find where the numbers go on.

    Args:
        disk: the file system calls.
        directory: the spool, owned by the caller.
        keys: for the chain; a segment of a key that is not at hand is sealed without looking at it.
        boot_id: of this boot.
        make_room: called once when the disk is too full to mend something.

    Raises:
        OSError: the folder itself cannot be read. A bad segment is a note, not an error.
    """
    found = Recovery()
    names = [name for name in disk.names(directory) if NAME.fullmatch(name)]
    for name in names:
        if name.endswith(COPY):
            disk.remove(directory / name)
    for name in (name for name in names if name.endswith((OPEN, POISONED))):
        path = directory / name
        for attempt in (1, 2):
            try:
                _mend(disk, path, keys, boot_id, found)
            except OSError as wrong:
                if attempt == 1 and wrong.errno in FULL:
                    make_room()
                    continue
                found.notes.append(f"{name}: left as it is: {wrong.strerror}")
                try:
                    found.follow(_State.of(disk.read(path), keys).last_seq, NO_CHAIN)
                except OSError:
                    found.unread_from = max(found.unread_from, _first_seq(path))
            break
    sealed = [name for name in disk.names(directory) if NAME.fullmatch(name) and name.endswith(SEALED)]
    if sealed:
        try:
            _follow(directory / sealed[-1], disk.read(directory / sealed[-1]), keys, found)
        except OSError as wrong:
            found.notes.append(f"{sealed[-1]}: cannot be read: {wrong.strerror}")
            found.unread_from = max(found.unread_from, _first_seq(directory / sealed[-1]))
    return found


def rescue(disk: Disk, path: Path, keys: Keys, boot_id: int, good: int | None = None) -> SegmentInfo | None:
    """Seal the records of a segment that was put aside, from a copy, and move the original to quarantine.

    Args:
        disk: the file system calls.
        path: the ``.poisoned`` file.
        keys: for the chain.
        boot_id: of this boot.
        good: the length up to which records were acknowledged; None takes every sound record.

    Returns:
        The sealed copy; None when there was no record in it.

    Raises:
        OSError: it could not be done now; nothing is lost, ask again later.
    """
    data = disk.read(path)
    state = _State.of(data if good is None else data[:good], keys)
    info = None
    if state.data_records and path.with_suffix(SEALED).name not in disk.names(path.parent):
        copy = path.with_suffix(COPY)
        disk.remove(copy)
        fd = disk.create(copy)
        try:
            body = data[: state.end] + state.gaps(boot_id)
            sealing = state.sealing(copy, body, boot_id)
            footer = sealing.footer(time.time_ns())
            _write_all(disk, fd, body + footer)
        except BaseException:
            disk.close(fd)
            raise
        info = seal_file(disk, fd, sealing, footer)
    quarantine(disk, path)
    return info


def _mend(disk: Disk, path: Path, keys: Keys, boot_id: int, found: Recovery) -> None:
    if path.suffix == POISONED and later_version(disk.read(path)) is None:
        info = rescue(disk, path, keys, boot_id)
        found.notes.append(
            f"{path.name}: its sync had failed; {'sealed from a copy and ' if info else ''}moved to quarantine/"
        )
        if info:
            found.sealed.append(info)
            _follow(info.path, disk.read(info.path), keys, found)
        return
    data = disk.read(path)
    if (version := later_version(data)) is not None:
        found.notes.append(f"{path.name}: of format version {version}, left as it is for the tillwatch that wrote it")
        found.follow(_last_possible(path, data), NO_CHAIN)
        return
    state = _State.of(data, keys)
    if not state.data_records:
        if state.end < len(data) or state.damages:
            quarantine(disk, path)
            found.notes.append(f"{path.name}: no record in it; moved to {QUARANTINE}/")
        else:
            disk.remove(path)
            disk.sync_directory(path.parent)
        return
    if state.end < len(data):
        _keep_tail(disk, path, data[state.end :], state.end)
        found.notes.append(f"{path.name}: {len(data) - state.end} torn bytes at byte {state.end} cut off and kept")
    found.notes.extend(f"{path.name}: {damage}" for damage in state.damages)
    fd = disk.open_append(path)
    try:
        if state.end < len(data):
            disk.truncate(fd, state.end)
        body = data[: state.end]
        if state.footer is None:
            gaps = state.gaps(boot_id)
            body += gaps
            sealing = state.sealing(path, body, boot_id)
            footer = sealing.footer(time.time_ns())
            _write_all(disk, fd, gaps + footer)
        else:
            footer = body[-FOOTER_SIZE:]
            sealing = state.sealing(path, body[:-FOOTER_SIZE], boot_id)
    except BaseException:
        disk.close(fd)
        raise
    info = seal_file(disk, fd, sealing, footer)
    found.sealed.append(info)
    found.follow(info.last_seq, Chain(keys.chain).link(footer))


@dataclass(slots=True)
class _State:
    """What is in an unsealed segment. ``end`` is the byte after its last good record or footer."""

    data: bytes
    chain: Chain
    header: Header | None = None
    end: int = 0
    count: int = 0
    data_records: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_at: tuple[int, int] = (0, HEADER_SIZE)
    footer: Footer | None = None
    damages: list[Damage] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes, keys: Keys) -> "_State":
        state = cls(data, Chain(keys.chain))
        entries = list(walk(data))
        first = entries[0] if entries else None
        if isinstance(first, Header) and (own := keys.of(first.key_id)) is not None:
            state.chain = Chain(own.chain)
            entries = list(walk(data, state.chain))
        for entry in entries:
            state.see(entry)
        return state

    def see(self, entry: Header | Raw | Damage | Footer) -> None:
        if isinstance(entry, Header):
            self.header, self.end = entry, HEADER_SIZE
        elif isinstance(entry, Raw):
            self.first_seq = self.first_seq or entry.seq
            self.last_seq = max(self.last_seq, entry.seq)
            self.count += 1
            self.data_records += entry.kind is not Kind.SESSION
            self.last_at = (entry.offset, entry.end)
            self.end = entry.end
            self.footer = None
        elif isinstance(entry, Footer):
            self.footer = entry
            self.end = entry.offset + FOOTER_SIZE
        elif not entry.torn:
            self.damages.append(entry)

    @property
    def link(self) -> bytes:
        """What the next record carries of the last."""
        return self.chain.link(self.data[slice(*self.last_at)])

    def gaps(self, boot_id: int) -> bytes:
        """A GAP record for each damage, appended behind the last good record."""
        encoded = b""
        for damage in self.damages:
            facts = {
                "reason": damage.what,
                "offset": damage.offset,
                "bytes": damage.length,
                "missing": list(damage.missing) if damage.missing else None,
            }
            gap = PendingRecord(Kind.GAP, "", "", time.time_ns(), facts=facts)
            one = encode_record(gap, seq=self.last_seq + 1, port_id=0, boot_id=boot_id, chain=self.link)
            self.data = self.data[: self.end] + one
            self.last_at = (self.end, self.end + len(one))
            self.end += len(one)
            self.last_seq += 1
            self.count += 1
            encoded += one
        return encoded

    def sealing(self, path: Path, body: bytes, boot_id: int) -> Sealing:
        sha256 = hashlib.sha256(body).hexdigest()
        key_id = self.header.key_id if self.header else ""
        return Sealing(path, self.first_seq, self.count, self.last_seq, sha256, len(body), self.link, boot_id, key_id)


def _follow(path: Path, data: bytes, keys: Keys, found: Recovery) -> None:
    if later_version(data) is not None:
        found.follow(_last_possible(path, data), NO_CHAIN)
        return
    footer = read_footer(data)
    chain = Chain(keys.chain)
    if footer is not None:
        found.follow(footer.last_seq, chain.link(data[-FOOTER_SIZE:]))
        return
    found.follow(max(_first_seq(path), _State.of(data, keys).last_seq), NO_CHAIN)


def _first_seq(path: Path) -> int:
    """The number of its first record, from its name."""
    return int(path.name[:20])


def _last_possible(path: Path, data: bytes) -> int:
    """No record of an unreadable file has a number above this one: numbers may be left out, never used twice."""
    return _first_seq(path) + len(data) // RECORD_OVERHEAD


def _keep_tail(disk: Disk, path: Path, tail: bytes, offset: int) -> None:
    folder = path.parent / QUARANTINE
    disk.make_directory(folder)
    kept = folder / f"{path.stem}.{offset}.tail"
    disk.remove(kept)
    fd = disk.create(kept)
    try:
        _write_all(disk, fd, tail)
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.sync_directory(folder)
    disk.sync_directory(path.parent)


def quarantine(disk: Disk, path: Path) -> None:
    """Move a file to the spool's ``quarantine/``, for good."""
    folder = path.parent / QUARANTINE
    disk.make_directory(folder)
    disk.rename(path, folder / path.name)
    disk.remove(path)  # rename(2) leaves both names where a power cut had already made both of one file
    disk.sync_directory(folder)
    disk.sync_directory(path.parent)


def _write_all(disk: Disk, fd: int, data: bytes) -> None:
    if disk.write(fd, data) != len(data):
        raise OSError(min(FULL), "No space left on device")

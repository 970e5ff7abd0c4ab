"""Two folders of one spool made equal again: what one lost or damaged is copied from the other.

Of each segment the better copy is kept: sealed and whole before anything else (the first
folder's, where both are), then the one with more sound records. Two damaged copies are put
together where each has what the other lacks. A copy that cannot be read just now may be the
better one: only a sealed and whole one takes its place. A copy that is replaced goes to
``quarantine/`` unless the new one begins with it. Segments named in ``pruned.jsonl`` are
gone on purpose and do not come back.
"""

import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.disk import FULL, Disk
from ingest.ledger import written_down
from ingest.records import Kind, PendingRecord
from ingest.recovery import QUARANTINE
from ingest.segment import FOOTER_SIZE, HEADER_SIZE, Footer, Header, Ports, Raw, later_version, read_footer, walk
from ingest.segments import COPY, NAME, OPEN, POISONED, SEALED

LEDGER = "pruned.jsonl"
"""What was cleared away on purpose, one JSON object a line, in the spool's folder."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One of the two folders."""

    disk: Disk
    folder: Path


@dataclass(slots=True)
class Healed:
    """What came of it.

    Attributes:
        notes: what was done and what could not be, for people, one line each.
        failed: a folder that could not be read or written, and why; the other one is to be gone on with.
        late: records of a copy that gave way to a shorter one that was sealed: to be appended anew.
        after: to be called once ``late`` is on the disk.
        unfinished: the time was over before all was looked at.
        unread_from: the first number of the last segment that could not be read in one folder; 0 where all could.
    """

    notes: list[str] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    late: list[PendingRecord] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    unfinished: bool = False
    unread_from: int = 0


@dataclass(slots=True)
class _Found:
    """A segment as one folder has it; ``name`` is empty where it has none."""

    copy: Copy
    name: str = ""
    data: bytes = b""
    records: int = 0
    last_seq: int = 0
    whole: bool = False
    """Sealed, and the bytes are those that were."""
    unread: str = ""
    """Why none of its files could be read, though there are some."""

    @property
    def path(self) -> Path:
        return self.copy.folder / self.name


def heal(
    first: Copy,
    second: Copy,
    *,
    deep: bool = False,
    sealed_only: bool = False,
    ended_only: bool = False,
    seconds: float | None = None,
) -> Healed:
    """Make both folders hold the same segments.

    Args:
        first: the spool's own folder.
        second: the mirror.
        deep: read every byte; else sealed segments are compared by size and footer.
        sealed_only: touch nothing but segments that are sealed in both: a collector owns the others.
        ended_only: touch nothing but segments that are sealed in one of them: the others may be written now.
        seconds: after so long begin no further segment, once one was copied.
    """
    healed = Healed()
    there: list[dict[str, list[str]]] = []
    pruned: set[str] = set()
    for copy in (first, second):
        try:
            names = copy.disk.names(copy.folder)
            pruned |= _pruned(copy) if LEDGER in names else set()
        except OSError as wrong:
            healed.failed[copy.folder] = wrong.strerror or "cannot be read"
            return healed
        segments: dict[str, list[str]] = {}
        for name in names:
            if NAME.fullmatch(name) and not name.endswith(COPY):
                segments.setdefault(Path(name).stem, []).append(name)
        there.append(segments)
    until = None if seconds is None else time.monotonic() + seconds
    for stem in sorted(there[0].keys() | there[1].keys()):
        if until is not None and healed.notes and time.monotonic() >= until:
            healed.unfinished = True
            return healed
        names_of = [segments.get(stem, []) for segments in there]
        sealed = stem + SEALED
        if sealed in pruned:
            _clear(healed, (first, second), names_of)
        elif names_of == [[sealed], [sealed]]:
            if deep or not _look_equal(first, second, sealed):
                _heal_one(healed, (first, second), names_of)
        elif not sealed_only and (not ended_only or [sealed] in names_of):
            _heal_one(healed, (first, second), names_of)
    return healed


def _look_equal(first: Copy, second: Copy, name: str) -> bool:
    try:
        return first.disk.tail(first.folder / name, FOOTER_SIZE) == second.disk.tail(second.folder / name, FOOTER_SIZE)
    except OSError:
        return False


def _heal_one(healed: Healed, copies: tuple[Copy, Copy], names_of: list[list[str]]) -> None:
    found = [_find(copy, names) for copy, names in zip(copies, names_of, strict=True)]
    first, second = found
    unread = [each for each, other in ((first, second), (second, first)) if each.unread and not other.whole]
    for each in unread:
        healed.failed[each.copy.folder] = each.unread
    if unread:
        healed.unread_from = max(healed.unread_from, *(int(name[:20]) for names in names_of for name in names))
        return
    if (first.name, first.data) == (second.name, second.data):
        if first.path.suffix == SEALED and not first.whole and later_version(first.data) is None:
            healed.notes.append(f"{first.name}: damaged alike in both folders")
        return
    if first.data and second.data and any(later_version(each.data) is not None for each in found):
        healed.notes.append(f"{first.name}: of another format version, and not the same in both folders: left as it is")
        return
    best, other = (first, second) if _rank(first) >= _rank(second) else (second, first)
    if not best.whole and other.data:
        best = _put_together(best, other)
    if best.path.suffix == SEALED and not best.whole and later_version(best.data) is None:
        healed.notes.append(f"{best.name}: damaged in both folders, and not in a way that one can mend the other")
        return
    late = _beyond(other, best.last_seq) if best.whole else []
    for each in found:
        if (each.name, each.data) == (best.name, best.data):
            continue
        if late and each is other:
            healed.late += late
            healed.notes.append(
                f"{each.path}: {len(late)} records that the sealed copy lacks; recorded anew when the spool is opened"
            )
            healed.after.append(lambda each=each: _replace(healed, each, best, names_of))  # type: ignore[misc]
        else:
            _replace(healed, each, best, names_of)


def _find(copy: Copy, names: list[str]) -> _Found:
    """The best that one folder has of a segment, of what can be read."""
    best, unread = _Found(copy), ""
    for suffix in (SEALED, OPEN, POISONED):
        for name in names:
            if not name.endswith(suffix):
                continue
            try:
                found = _judge(_Found(copy, name, copy.disk.read(copy.folder / name)))
            except OSError as wrong:
                unread = unread or f"{name} cannot be read: {wrong.strerror or type(wrong).__name__}"
                continue
            best = found if not best.name or _rank(found) > _rank(best) else best
    best.unread = "" if best.name else unread
    return best


def _judge(found: _Found) -> _Found:
    for entry in walk(found.data):
        if isinstance(entry, Raw):
            found.records += 1
            found.last_seq = max(found.last_seq, entry.seq)
    footer = read_footer(found.data) if found.name.endswith(SEALED) else None
    found.whole = footer is not None and hashlib.sha256(found.data[:-FOOTER_SIZE]).hexdigest() == footer.sha256
    return found


def _rank(found: _Found) -> tuple[bool, int, int]:
    """Of two that are sealed and whole none is better: the first folder's may have been landed."""
    return found.whole, 0 if found.whole else found.records, 0 if found.whole else len(found.data)


def _put_together(best: _Found, other: _Found) -> _Found:
    """The better copy with what is damaged in it taken from the other, where that gives more; bytes lie alike."""
    data = bytearray(best.data)
    at = 0
    for start, stop in [*_sound(best.data), (max(len(best.data), len(other.data)),) * 2]:
        if at < start:
            data[at:start] = other.data[at:start]
        at = stop
    name = min(best.name, other.name, key=lambda name: (not name.endswith(SEALED), name))
    mended = _judge(_Found(best.copy, name, bytes(data)))
    return mended if _rank(mended) > _rank(best) else best


def _sound(data: bytes) -> Iterator[tuple[int, int]]:
    """First and one past the last byte of all that is sound: header, records, footer."""
    for entry in walk(data):
        if isinstance(entry, Header):
            yield 0, HEADER_SIZE
        elif isinstance(entry, Raw):
            yield entry.offset, entry.end
        elif isinstance(entry, Footer):
            yield entry.offset, entry.offset + FOOTER_SIZE


def _beyond(found: _Found, last_seq: int) -> list[PendingRecord]:
    """What was recorded after ``last_seq``; its monotonic time is of a boot that is over."""
    ports, late = Ports(), []
    for entry in walk(found.data):
        if not isinstance(entry, Raw):
            continue
        with contextlib.suppress(ValueError):
            said = ports.decode(entry)
            if said.seq > last_seq and said.kind is not Kind.SESSION:
                words = (said.kind, said.line, said.profile, said.wall_ns, 0, said.direction, said.frame)
                late.append(PendingRecord(*words, said.digest, said.card_token, said.length, said.error, said.facts))
    return late


def _replace(healed: Healed, bad: _Found, good: _Found, names_of: list[list[str]]) -> None:
    """Put the good copy where the bad one is, under the name of the good one, all at once."""
    disk, folder = bad.copy.disk, bad.copy.folder
    final = folder / good.name
    copy = final.with_suffix(COPY)
    try:
        disk.remove(copy)
        fd = disk.create(copy)
        try:
            if disk.write(fd, good.data) != len(good.data):
                raise OSError(min(FULL), "No space left on device")
            disk.fsync(fd)
            if good.name.endswith(SEALED):
                disk.make_read_only(fd)
        finally:
            disk.close(fd)
        for name in {name for names in names_of for name in names} & set(disk.names(folder)):
            if good.data.startswith(bad.data) and name == bad.name:
                disk.remove(folder / name)
            else:
                _keep_aside(disk, folder / name)
        disk.rename(copy, final)
        disk.sync_directory(folder)
    except OSError as wrong:
        healed.failed[folder] = wrong.strerror or type(wrong).__name__
        healed.notes.append(f"{final}: could not be copied here: {wrong.strerror}")
        return
    what = "mended from the other folder" if bad.name else "copied from the other folder"
    healed.notes.append(f"{final}: {what}, {good.records} records")


def _keep_aside(disk: Disk, path: Path) -> None:
    """Move a damaged copy to ``quarantine/`` under a name of its own: the same segment may have been there before."""
    folder = path.parent / QUARANTINE
    disk.make_directory(folder)
    taken = set(disk.names(folder))
    number = next(number for number in itertools.count(1) if f"{path.name}.{number}" not in taken)
    disk.rename(path, folder / f"{path.name}.{number}")
    disk.sync_directory(folder)
    disk.sync_directory(path.parent)


def _clear(healed: Healed, copies: tuple[Copy, Copy], names_of: list[list[str]]) -> None:
    """A segment that was pruned, while this folder was away."""
    for copy, names in zip(copies, names_of, strict=True):
        for name in names:
            with contextlib.suppress(OSError):
                copy.disk.remove(copy.folder / name)
                healed.notes.append(f"{copy.folder / name}: it was pruned; removed here too")


def _pruned(copy: Copy) -> set[str]:
    return {str(told["file"]) for told in written_down(copy.folder / LEDGER, copy.disk) if "file" in told}

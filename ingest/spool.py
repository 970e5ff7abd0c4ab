"""The spool: where a record is on the disk before anybody is told that it arrived.

A folder of append-only segments. ``append_many`` writes a batch and returns its
numbers only after ``fdatasync`` returned 0; a failed one is never asked again:
the segment is put aside and the next batch starts a new one. One process owns
the folder. Nothing is deleted here, damage least of all. One thread at a time.
"""

import contextlib
import errno
import hashlib
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ingest.batch import REMEMBERED, Batch, Known
from ingest.disk import FULL, Disk
from ingest.errors import SpoolError
from ingest.frame_block import FrameBlock
from ingest.keys import Keys
from ingest.ownership import own, owner_of, this_boot
from ingest.recall import recall
from ingest.records import Kind, PendingRecord
from ingest.recovery import Recovery, Sealing, recover, rescue, seal_file
from ingest.segment import NO_CHAIN, Chain, Header, encode_header
from ingest.segments import OPEN, POISONED, SegmentInfo, segment_name

if TYPE_CHECKING:
    from ingest.healing import Healed

__all__ = ["Spool", "owner_of"]

MOST_RECORDS = 1 << 24
"""More than a segment holds: so many numbers are left out after one that cannot be read, for none is used twice."""
LATE_BATCH = 1024
RESERVE = "RESERVE"
RESERVE_BYTES = 256 * 1024
RESCUE_SECONDS = 5.0
"""How long to leave a failing disk alone before the next try to seal what was put aside."""


@dataclass(slots=True)
class _Writing:
    """The segment that records go to. ``size`` is its last good offset: everything before it is on the disk."""

    path: Path
    fd: int
    header: Header
    begun: float
    size: int = 0
    count: int = 0
    data_records: int = 0
    link: bytes = NO_CHAIN
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)


class Spool:
    """A spool folder, owned by this process until ``close``.

    Opening it mends what a crash left behind (``recovery`` says what was found); ``lanes`` are the lines as they were.

    Args:
        directory: the folder, on a local file system.
        keys: the key file's keys; the chain of records hangs on them.
        seal_seconds: a segment is due for sealing at this age.
        seal_bytes: and at this size.
        on_sealed: told of every segment that was sealed, those of a crash included.
        boot_id: which boot ``mono_ns`` belongs to; 0 for records without a monotonic clock.
        disk: the file system calls.

    Raises:
        SpoolError: another process owns the folder, it is on a network file system, or it cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        keys: Keys,
        *,
        seal_seconds: float = 60.0,
        seal_bytes: int = 64 * 1024 * 1024,
        on_sealed: Callable[[SegmentInfo], None] | None = None,
        boot_id: int | None = None,
        disk: Disk | None = None,
    ) -> None:
        self.directory = directory
        self._disk = disk or Disk()
        self._keys = keys
        self._chain = Chain(keys.chain)
        self._seal_seconds = seal_seconds
        self._seal_bytes = seal_bytes
        self._on_sealed = on_sealed or (lambda _: None)
        self._boot_id = this_boot() if boot_id is None else boot_id
        self._writing: _Writing | None = None
        self._poisoned: list[tuple[Path, int]] = []
        self._burned: list[dict[str, object]] = []
        self._rescued = time.monotonic()
        self._lock = own(self._disk, directory, self._boot_id)
        try:
            healed = self._disk.heal()
            self._keep_reserve()
            self.recovery: Recovery = recover(self._disk, directory, keys, self._boot_id, self._give_reserve)
            for info in self.recovery.sealed:
                self._on_sealed(info)
        except BaseException as wrong:
            self._disk.close(self._lock)
            if isinstance(wrong, OSError):
                raise self._failed(wrong) from None
            raise
        self._next_seq = self.recovery.next_seq
        self._link = self.recovery.link
        recalled = recall(self._disk, directory, REMEMBERED)
        self.lanes = recalled.lanes
        self._known = Known(recalled.seen)
        if unread := max(self.recovery.unread_from, healed.unread_from if healed else 0):
            self._leave_out(unread + MOST_RECORDS)
        if healed is not None:
            self._take_over(healed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def next_seq(self) -> int:
        """The number of the next record."""
        return self._next_seq

    def append_many(self, records: Sequence[PendingRecord | FrameBlock]) -> list[int]:
        """Write a batch and return its numbers, in order, once it is on the disk.

        All or nothing: when this raises, no record of the batch counts as arrived and none may be
        acknowledged. The spool can be asked again at once.

        Raises:
            SpoolError: the disk is full, or failed.
        """
        if not records:
            return []
        if self._writing is not None and self._writing.size >= self._seal_bytes:
            self.seal()
        writing = self._writing or self._begin()
        batch = Batch(self._next_seq, writing.link, self._chain, self._boot_id, self._known)
        numbers = batch.add_all(records)
        self._write(writing, batch)
        return numbers

    def seal_if_due(self) -> SegmentInfo | None:
        """Seal the segment when it is old or large enough; None when it is not."""
        if self._poisoned and time.monotonic() - self._rescued >= RESCUE_SECONDS:
            self._rescue()
        if self._disk.may_rejoin and self._disk.catch_up():
            return self._rejoin()
        writing = self._writing
        if writing is None:
            return None
        age = time.monotonic() - writing.begun
        if writing.size < self._seal_bytes and age < self._seal_seconds:
            return None
        return self.seal()

    def seal(self) -> SegmentInfo | None:
        """Close the segment for ever and start the next one at the next record; None when it holds nothing.

        A segment with nothing but sessions stays open and is used on.

        Raises:
            SpoolError: the footer could not be written. What was acknowledged stays on the disk.
        """
        writing = self._writing
        if writing is None or not writing.data_records:
            return None
        sealing = Sealing(
            writing.path,
            writing.header.first_seq,
            writing.count,
            self._next_seq - 1,
            writing.sha256.hexdigest(),
            writing.size,
            writing.link,
            self._boot_id,
            writing.header.key_id,
        )
        try:
            footer = sealing.footer(time.time_ns())
            if not self._append_all(writing, footer):
                self._give_reserve()
                if not self._append_all(writing, footer):
                    raise self._full()
            self._writing = None
            self._link = self._chain.link(footer)
            fd, writing.fd = writing.fd, -1
            info = seal_file(self._disk, fd, sealing, footer)
        except OSError as wrong:
            self._put_aside(writing)
            raise SpoolError(
                f"{writing.path}: could not be sealed: {wrong.strerror}",
                hint="check the disk; the records in it are sealed from a copy as soon as that works",
            ) from None
        self._on_sealed(info)
        return info

    def close(self) -> None:
        """Seal what is open and give the folder up. Calling it twice is fine."""
        if self._lock < 0:
            return
        try:
            self.seal()
            self._rescue()
        finally:
            if self._writing is not None:
                self._abandon(self._writing)
            self._disk.close(self._lock)
            self._lock = -1

    # Writing -------------------------------------------------------------------------------

    def _begin(self) -> _Writing:
        first = self._next_seq
        header = Header(uuid.uuid4().hex, first, time.time_ns(), self._keys.key_id, self._link)
        path = self.directory / segment_name(first, header.segment_id, OPEN)
        encoded = encode_header(header)
        fd = -1
        try:
            self._keep_reserve()
            fd = self._disk.create(path)
            writing = _Writing(path, fd, header, time.monotonic(), link=self._chain.link(encoded))
            batch = Batch(first, writing.link, self._chain, self._boot_id, self._known, bytearray(encoded))
            for port, record in self._known.sessions.values():
                batch.add_as(record, port)
            for facts in self._burned:
                gap = PendingRecord(Kind.GAP, "", "", time.time_ns(), facts=facts)
                batch.add_as(gap, 0)
            if self._disk.write(fd, bytes(batch.encoded)) != len(batch.encoded):
                raise self._full()
            self._disk.fsync(fd)
            self._disk.sync_directory(self.directory)
        except (OSError, SpoolError) as wrong:
            with contextlib.suppress(OSError):
                if fd >= 0:
                    self._disk.close(fd)
                    self._disk.remove(path)
            if isinstance(wrong, OSError):
                raise self._failed(wrong) from None
            raise
        self._burned = []
        self._take(writing, batch)
        self._writing = writing
        return writing

    def _write(self, writing: _Writing, batch: Batch) -> None:
        try:
            fits = self._append_all(writing, bytes(batch.encoded))
            if fits:
                self._disk.fdatasync(writing.fd)
        except Exception as wrong:  # noqa: BLE001  whatever it was: what the file holds now is not known
            self._put_aside(writing)
            failure = wrong if isinstance(wrong, OSError) else OSError(errno.EIO, type(wrong).__name__)
            self._burned.append(
                {
                    "reason": f"the disk failed: {failure.strerror}",
                    "missing": [self._next_seq, batch.seq - 1],
                    "acknowledged": False,
                }
            )
            self._next_seq = batch.seq
            raise self._failed(failure) from (None if failure is wrong else wrong)
        if not fits:
            raise self._full()
        self._take(writing, batch)

    def _append_all(self, writing: _Writing, data: bytes) -> bool:
        """Append, or leave the file as it was: False when there is no room. OSError is any other failure."""
        try:
            if self._disk.write(writing.fd, data) == len(data):
                return True
        except OSError as wrong:
            if wrong.errno not in FULL:
                raise
        self._disk.truncate(writing.fd, writing.size)
        return False

    def _take(self, writing: _Writing, batch: Batch) -> None:
        writing.size += len(batch.encoded)
        writing.sha256.update(batch.encoded)
        writing.link = batch.link
        writing.count += batch.count
        writing.data_records += batch.data_records
        self._next_seq = batch.seq
        self._known.take(batch)

    # When the disk fails -------------------------------------------------------------------

    def _put_aside(self, writing: _Writing) -> None:
        """Never touch this descriptor again: what a failed sync left in memory may not be on the disk."""
        self._writing = None
        self._link = NO_CHAIN
        aside = writing.path.with_suffix(POISONED)
        if writing.fd >= 0:
            with contextlib.suppress(OSError):
                self._disk.close(writing.fd)
        with contextlib.suppress(OSError):
            self._disk.rename(writing.path, aside)
            self._poisoned.append((aside, writing.size))

    def _rescue(self) -> None:
        """Seal what was acknowledged in segments that were put aside, from a copy; again later if that fails."""
        left: list[tuple[Path, int]] = []
        self._rescued = time.monotonic()
        for path, good in self._poisoned:
            try:
                info = rescue(self._disk, path, self._keys, self._boot_id, good)
            except OSError:
                left.append((path, good))
                continue
            if info is not None:
                self._on_sealed(info)
        self._poisoned = left

    # When there are two disks --------------------------------------------------------------

    def _rejoin(self) -> SegmentInfo | None:
        """Between two segments a disk that was out comes back in."""
        info = self.seal()
        if self._writing is not None:
            self._abandon(self._writing)
        healed = self._disk.rejoin()
        if healed is not None:
            self._take_over(healed)
        return info

    def _take_over(self, healed: "Healed") -> None:
        self.recovery.notes += healed.notes
        try:
            for start in range(0, len(healed.late), LATE_BATCH):
                self.append_many(healed.late[start : start + LATE_BATCH])
        except SpoolError as wrong:
            self.recovery.notes.append(f"{len(healed.late)} late records wait for the next start: {wrong}")
            return
        for finish in healed.after:
            finish()

    def _leave_out(self, following: int) -> None:
        """Go on at this number: those before it may be in a segment that could not be read."""
        if following <= self._next_seq:
            return
        why = "a segment could not be read at the start; it may hold these records"
        self._burned.append({"reason": why, "missing": [self._next_seq, following - 1]})
        self._next_seq, self._link = following, NO_CHAIN

    def _abandon(self, writing: _Writing) -> None:
        """Give up a segment that holds nothing but sessions."""
        self._writing = None
        with contextlib.suppress(OSError):
            self._disk.close(writing.fd)
            if not writing.data_records:
                self._disk.remove(writing.path)

    def _keep_reserve(self) -> None:
        """Hold back a little room, so that a segment can still be sealed on a full disk."""
        with contextlib.suppress(OSError):
            self._disk.reserve(self.directory / RESERVE, RESERVE_BYTES)

    def _give_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._disk.remove(self.directory / RESERVE)

    def _full(self) -> SpoolError:
        return SpoolError(
            f"{self.directory}: the disk is full; the batch was not recorded",
            hint="free some space; collecting goes on by itself",
        )

    def _failed(self, wrong: OSError) -> SpoolError:
        if wrong.errno in FULL:
            return self._full()
        return SpoolError(
            f"{self.directory}: the disk failed: {wrong.strerror}; the batch was not recorded",
            hint="check the disk (dmesg); a new segment is started with the next record",
        )

"""Crash the spool at every operation on the disk, fail every operation, and look for what was acknowledged.

The disk is in memory and has two images: what is in the cache and what is durable.
A crash keeps the durable one and as much of the rest as a real disk may: nothing,
all, half of a write, zeros where a write should be, or names without their bytes.
"""

import contextlib
import errno
import itertools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingest.disk import FULL, Disk
from ingest.errors import SpoolError
from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, session
from ingest.segment import Chain, Damage, Ports, Raw, walk
from ingest.spool import Spool

KEYS = derive("k1", bytes(32))
FOLDER = Path("/spool")


class PowerCutError(BaseException):
    """The machine is gone: nothing of ours may catch this."""


@dataclass
class Inode:
    cached: bytes = b""
    durable: bytes = b""
    lost: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class MemoryDisk(Disk):
    """A disk that can lose what was not synced. ``fault`` is asked before each operation."""

    inodes: list[Inode] = field(default_factory=list)
    cached: dict[Path, int] = field(default_factory=dict)
    durable: dict[Path, int] = field(default_factory=dict)
    open_files: dict[int, int] = field(default_factory=dict)
    operations: list[tuple[str, int]] = field(default_factory=list)
    fault: Callable[[int, str], None] = lambda _index, _name: None
    syncs: bool = True
    room: int | None = None

    def step(self, name: str, fd: int = -1) -> None:
        index = len(self.operations)
        self.operations.append((name, fd))
        self.fault(index, name)

    def inode(self, fd: int) -> Inode:
        return self.inodes[self.open_files[fd]]

    def kind(self, path: Path) -> str:
        del path
        return "ext4"

    def make_directory(self, path: Path) -> None:
        self.step(f"make_directory {path.name}")

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.cached if path.parent == directory)

    def lock(self, path: Path, text: str) -> int | None:
        del path, text
        return 3

    def reserve(self, path: Path, size: int) -> None:
        del path, size
        self.step("reserve")

    def opened(self, path: Path) -> int:
        fd = 10 + len(self.operations)
        self.open_files[fd] = self.cached[path]
        return fd

    def create(self, path: Path) -> int:
        self.step("create")
        if path in self.cached:
            raise FileExistsError(errno.EEXIST, "File exists")
        self.inodes.append(Inode())
        self.cached[path] = len(self.inodes) - 1
        return self.opened(path)

    def open_append(self, path: Path) -> int:
        self.step("open_append")
        if path not in self.cached:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return self.opened(path)

    def write(self, fd: int, data: bytes) -> int:
        inode = self.inode(fd)
        if self.room is not None:
            data = data[: self.room]
            if not data:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(data)
        before = inode.cached
        inode.cached = before + data[: len(data) // 2]
        self.step("write", fd)
        inode.cached = before + data
        return len(data)

    def _flush(self, fd: int) -> None:
        inode = self.inode(fd)
        if self.syncs:
            image = bytearray(inode.cached)
            for start, end in inode.lost:
                image[start:end] = bytes(len(image[start:end]))
            inode.durable = bytes(image)

    def fdatasync(self, fd: int) -> None:
        inode = self.inode(fd)
        try:
            self.step("fdatasync", fd)
        except OSError:
            # As Linux does: the pages count as clean from here on and are never written.
            inode.lost.append((len(inode.durable), len(inode.cached)))
            raise
        self._flush(fd)

    def fsync(self, fd: int) -> None:
        inode = self.inode(fd)
        try:
            self.step("fsync", fd)
        except OSError:
            inode.lost.append((len(inode.durable), len(inode.cached)))
            raise
        self._flush(fd)

    def truncate(self, fd: int, length: int) -> None:
        self.step("truncate", fd)
        inode = self.inode(fd)
        if self.room is not None:
            self.room += len(inode.cached) - length
        inode.cached = inode.cached[:length]

    def make_read_only(self, fd: int) -> None:
        self.step("make_read_only", fd)

    def close(self, fd: int) -> None:
        if fd != 3:
            del self.open_files[fd]

    def rename(self, source: Path, target: Path) -> None:
        self.step("rename")
        if source not in self.cached:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if target in self.cached:
            # POSIX: two names of one file; nothing is done and both names stay.
            assert self.cached[target] == self.cached[source], target
            return
        self.cached[target] = self.cached.pop(source)

    def remove(self, path: Path) -> None:
        self.step("remove")
        self.cached.pop(path, None)

    def sync_directory(self, path: Path) -> None:
        self.step(f"sync_directory {path.name}")
        if self.syncs:
            for name in [name for name in self.durable if name.parent == path]:
                del self.durable[name]
            self.durable |= {name: inode for name, inode in self.cached.items() if name.parent == path}

    def read(self, path: Path) -> bytes:
        self.step("read")
        return self.inodes[self.cached[path]].cached

    def tail(self, path: Path, count: int) -> tuple[int, bytes]:
        data = self.read(path)
        return len(data), data[-count:]

    def after_power_cut(self, names: str, content: str) -> "MemoryDisk":
        """The disk that comes up again."""
        kept = dict(self.durable if names == "durable" else self.cached)
        chance = random.Random(f"{len(self.operations)} {names}")
        images = [_image(inode, chance.choice(CONTENTS) if content == "mixed" else content) for inode in self.inodes]
        return MemoryDisk(inodes=[Inode(image, image) for image in images], cached=kept, durable=dict(kept))


def _image(inode: Inode, content: str) -> bytes:
    durable, cached = inode.durable, inode.cached
    if content == "durable":
        return durable
    if content == "cached" and not inode.lost:
        return cached
    fresh = len(cached) - len(durable)
    if fresh <= 0:
        return durable
    half = len(durable) + fresh // 2
    if content == "torn":
        return durable + cached[len(durable) : half]
    if content == "hole":
        return durable + bytes(half - len(durable)) + cached[half:]
    return durable + bytes(fresh)


CONTENTS = ("durable", "cached", "torn", "zeros", "hole")
"""What may become of the bytes of one file that were not synced."""
SURVIVORS = [
    ("durable", "durable"),
    ("durable", "cached"),
    ("cached", "durable"),
    ("cached", "cached"),
    ("cached", "torn"),
    ("cached", "zeros"),
    ("cached", "hole"),
    ("durable", "mixed"),
    ("cached", "mixed"),
]
"""Which names are there after a power cut, and which bytes; mixed: each file another of ``CONTENTS``, at random, seeded
by the operation: the disk wrote what it liked in the order it liked."""


def frame(number: int) -> PendingRecord:
    line = f"lane-{number % 2}"
    digest = number.to_bytes(DIGEST_SIZE, "big")
    return PendingRecord(Kind.FRAME, line, "p", number, number, "rx", frame=b"%06d" % number * 8, digest=digest)


@dataclass
class Told:
    """What the spool said: numbers that were acknowledged, with the frame that each stands for."""

    acknowledged: dict[int, bytes] = field(default_factory=dict)
    refused: int = 0


def work(disk: Disk, told: Told, *, batches: int = 5) -> None:
    """A short life of a collector: sessions, batches, a roll by size, a seal, a close."""
    number = 0
    with contextlib.suppress(SpoolError), Spool(FOLDER, KEYS, seal_bytes=900, boot_id=1, disk=disk) as spool:
        for batch in range(batches):
            records = [frame(number + index) for index in range(3)]
            number += 3
            if batch == 1:
                records.insert(0, session("lane-0", "p", {"mode": "relay"}, wall_ns=1))
            try:
                seqs = spool.append_many(records)
                told.acknowledged |= {
                    seq: record.frame for seq, record in zip(seqs, records, strict=True) if record.kind is Kind.FRAME
                }
            except SpoolError:
                told.refused += 1
            with contextlib.suppress(SpoolError):
                spool.seal_if_due()
                if batch == 3:
                    spool.seal()


def reopen(disk: MemoryDisk) -> None:
    """Start and stop a collector that has nothing to say."""
    Spool(FOLDER, KEYS, boot_id=1, disk=disk).close()


def sealed(disk: MemoryDisk) -> tuple[list[Record], list[Damage]]:
    """Every record of the sealed segments, in order of their names."""
    records, damages = [], []
    for name in disk.names(FOLDER):
        assert not name.endswith((".open", ".poisoned", ".copy")), f"{name} was left behind"
        if name.endswith(".seg"):
            ports = Ports()
            for entry in walk(disk.inodes[disk.cached[FOLDER / name]].cached, Chain(KEYS.chain)):
                if isinstance(entry, Raw):
                    records.append(ports.decode(entry))
                elif isinstance(entry, Damage):
                    damages.append(entry)
    return records, damages


def check(disk: MemoryDisk, told: Told) -> None:
    """All that was acknowledged is there, unchanged, in order, once."""
    records, _ = sealed(disk)
    seqs = [record.seq for record in records]
    assert seqs == sorted(set(seqs))
    frames = {record.seq: record for record in records if record.kind is Kind.FRAME}
    for seq, content in told.acknowledged.items():
        assert frames[seq].frame == content
        assert frames[seq].profile == "p"
        assert frames[seq].line == f"lane-{int(content[:6]) % 2}"


def power_cuts(scenario: Callable[[MemoryDisk, Told], None]) -> Iterator[tuple[int, MemoryDisk, Told]]:
    """Run it once whole, then once for each operation, with the power gone just then."""
    whole = MemoryDisk()
    scenario(whole, Told())
    for at in range(len(whole.operations)):

        def cut(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise PowerCutError(name)

        disk, told = MemoryDisk(fault=cut), Told()
        with contextlib.suppress(PowerCutError):
            scenario(disk, told)
        yield at, disk, told


def test_what_was_acknowledged_survives_a_power_cut_at_any_operation(record_property: Any) -> None:
    """Cut the power before each operation, or in the middle of each write: no acknowledged record is lost."""
    tried = acknowledged = 0
    for _, disk, told in power_cuts(work):
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            reopen(after)
            check(after, told)
            tried += 1
            acknowledged += len(told.acknowledged)
    assert tried > 300
    record_property("tried", f"{tried} power cuts, {len(SURVIVORS)} ways to lose what was not synced")
    record_property("lost", f"0 of {acknowledged} acknowledged")


@pytest.mark.slow
def test_a_power_cut_during_recovery_loses_nothing_either(record_property: Any) -> None:
    """Recovery can be cut at any of its operations, again and again, and ends with the same records."""
    tried = acknowledged = 0
    for at, disk, told in power_cuts(work):
        if at % 2:
            continue
        for names, content in SURVIVORS:
            broken = disk.after_power_cut(names, content)

            def recovering(again: MemoryDisk, _: Told, broken: MemoryDisk = broken) -> None:
                again.inodes = [Inode(inode.cached, inode.durable) for inode in broken.inodes]
                again.cached, again.durable = dict(broken.cached), dict(broken.durable)
                reopen(again)

            for _, second, _ in power_cuts(recovering):
                for then in (("durable", "durable"), ("cached", "torn"), ("cached", "cached")):
                    after = second.after_power_cut(*then)
                    reopen(after)
                    check(after, told)
                    tried += 1
                    acknowledged += len(told.acknowledged)
    record_property("tried", f"{tried} power cuts during the recovery from another")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_without_sync_the_harness_sees_the_loss(record_property: Any) -> None:
    """The negative control: a disk whose syncs do nothing loses acknowledged records, or this test proves nothing."""
    disk, told = MemoryDisk(syncs=False), Told()
    work(disk, told)
    after = disk.after_power_cut("durable", "durable")
    reopen(after)
    with pytest.raises(KeyError):
        check(after, told)
    record_property("tried", "one power cut without a sync")
    record_property("lost", f"as it must: {len(told.acknowledged)} of {len(told.acknowledged)} acknowledged")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_one_failing_operation_loses_nothing(number: int, record_property: Any) -> None:
    """Fail each operation once: what was acknowledged is there after a power cut, and the work goes on."""
    acknowledged = 0
    whole = MemoryDisk()
    work(whole, Told())
    for at in range(len(whole.operations)):

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(number, name)

        disk, told = MemoryDisk(fault=fail), Told()
        work(disk, told)
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            reopen(after)
            check(after, told)
            acknowledged += len(told.acknowledged)
    name = errno.errorcode[number]
    record_property("tried", f"{name} at each of {len(whole.operations)} operations, then {len(SURVIVORS)} power cuts")
    record_property("lost", f"0 of {acknowledged} acknowledged")


def test_a_failed_sync_is_never_asked_again(record_property: Any) -> None:
    """After a failed fdatasync nothing is done with that descriptor but closing it."""
    whole = MemoryDisk()
    work(whole, Told())
    syncs = [index for index, (name, _) in enumerate(whole.operations) if name in {"fdatasync", "fsync"}]
    for at in syncs:

        def fail(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise OSError(errno.EIO, name)

        disk = MemoryDisk(fault=fail)
        work(disk, Told())
        failed = disk.operations[at][1]
        assert [name for name, fd in disk.operations[at + 1 :] if fd == failed] == []
    record_property("tried", f"EIO at each of {len(syncs)} syncs")


def test_a_disk_that_fills_up_at_any_byte_tears_nothing(record_property: Any) -> None:
    """With room for n bytes, for each n: refused batches are refused whole, acknowledged ones are there."""
    acknowledged = 0
    roomy = MemoryDisk(room=1_000_000)
    work(roomy, Told())
    assert roomy.room is not None
    written = 1_000_000 - roomy.room
    assert written > 3000
    for room in range(written + 1):
        disk, told = MemoryDisk(room=room), Told()
        work(disk, told)
        check_open = disk.after_power_cut("cached", "cached")
        reopen(check_open)
        check(check_open, told)
        _, damages = sealed(check_open)
        assert damages == []
        acknowledged += len(told.acknowledged)
    assert told.refused == 0
    record_property("tried", f"room for 0 to {written} bytes")
    record_property("lost", f"0 of {acknowledged} acknowledged")


@pytest.mark.parametrize("number", sorted(FULL))
def test_a_quota_and_a_limit_are_full_disks(number: int, record_property: Any) -> None:
    """ENOSPC, EDQUOT, EFBIG at each write in turn: that batch is refused as at a full disk, the next one is taken."""
    at, reached = 0, True
    while reached:
        writes = itertools.count()

        def fault(_: int, name: str, at: int = at, writes: "itertools.count[int]" = writes) -> None:
            if name == "write" and next(writes) == at:
                raise OSError(number, os.strerror(number))

        disk, told = MemoryDisk(fault=fault), Told()
        work(disk, told)
        reached = next(writes) > at
        assert told.refused <= 1
        reopen(disk)
        check(disk, told)
        at += 1
    assert at > 10
    record_property("tried", f"{errno.errorcode[number]} at each of {at - 1} writes")
    record_property("lost", "0")


def test_room_that_comes_back_is_used() -> None:
    """A full disk refuses a batch; after space is freed the same spool goes on, without a restart."""
    disk = MemoryDisk(room=900)
    told = Told()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        number = 0
        with contextlib.suppress(SpoolError):
            while number < 20:
                told.acknowledged[spool.append_many([frame(number)])[0]] = frame(number).frame
                number += 1
        with pytest.raises(SpoolError, match="full"):
            spool.append_many([frame(number)])
        disk.room = 100_000
        told.acknowledged[spool.append_many([frame(99)])[0]] = frame(99).frame
    check(disk, told)
    assert sealed(disk)[1] == []
    assert len(told.acknowledged) > 2


def test_a_failed_sync_is_named_in_the_next_segment() -> None:
    """The numbers of a batch that failed are not used again, and a GAP record says why they are missing."""
    disk = MemoryDisk()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        first = spool.append_many([frame(0), frame(2)])

        def fail(_: int, name: str) -> None:
            if name == "fdatasync":
                raise OSError(errno.EIO, "Input/output error")

        disk.fault = fail
        with pytest.raises(SpoolError, match="Input/output error"):
            spool.append_many([frame(4), frame(6)])
        disk.fault = lambda _index, _name: None
        later = spool.append_many([frame(8)])
    records, damages = sealed(disk)
    assert damages == []
    gaps = [record.facts for record in records if record.kind is Kind.GAP]
    assert gaps == [{"reason": "the disk failed: Input/output error", "missing": [4, 5], "acknowledged": False}]
    assert first == [2, 3]
    assert later[0] > 5
    assert {4, 5}.isdisjoint(record.seq for record in records)
    assert {record.seq for record in records} >= {*first, *later}
    assert any(name.endswith(".poisoned") for name in disk.names(FOLDER / "quarantine"))


def test_a_start_on_a_full_disk_loses_nothing() -> None:
    """With no room at all the start does not fail; what could not be mended waits, and is mended once there is room."""
    for _, disk, told in power_cuts(work):
        for names, content in SURVIVORS:
            after = disk.after_power_cut(names, content)
            after.room = 0
            reopen(after)
            after.room = None
            reopen(after)
            check(after, told)

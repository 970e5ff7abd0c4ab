"""Two copies of a spool that are not alike are made equal, and nothing acknowledged is lost by it."""

import random
from pathlib import Path
from typing import Any

import pytest

from ingest.healing import Copy, heal
from ingest.mirror import Mirrored
from ingest.records import Kind
from ingest.spool import Spool
from tests.ingest.memory_disk import MemoryDisk
from tests.ingest.spool_life import FOLDER, KEYS, Told, frame, sealed, work
from tests.ingest.two_disks import AtOnce, check_both, contents, failing_once, files, out_of_order, reopen, two


def the_mirror_went_on_alone(*, close: bool) -> tuple[MemoryDisk, MemoryDisk]:
    """A stale disk with frame 0 and the mirror with 0, 2, 4 and 6, sealed where it was closed; the power went."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    spool.append_many([frame(0)])
    first.fault = out_of_order
    for number in (2, 4, 6):
        spool.append_many([frame(number)])
    if close:
        spool.close()
    return first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")


def test_what_a_stale_disk_sealed_alone_costs_no_record_of_the_other() -> None:
    """The mirror went on alone; then the collector was started on the stale disk alone: all is there in the end."""
    stale, fresh = the_mirror_went_on_alone(close=False)

    with Spool(FOLDER, KEYS, boot_id=1, disk=stale) as alone:
        alone.append_many([frame(10)])
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(stale, fresh)) as spool:
        assert any("recorded anew" in note for note in spool.recovery.notes)
    frames = [record.frame for record in sealed(stale)[0] if record.kind is Kind.FRAME]

    assert {frame(number).frame for number in (0, 2, 4, 6, 10)} <= set(frames)
    assert contents(stale) == contents(fresh)
    again = len(contents(stale))
    reopen(stale, fresh)
    assert len(contents(stale)) == again  # once is enough


def test_of_two_sealed_copies_the_spools_own_stays_and_the_rest_is_recorded_anew() -> None:
    """The shorter one may have been landed and its segment is not landed twice: what it lacks gets new numbers."""
    stale, fresh = the_mirror_went_on_alone(close=True)

    with Spool(FOLDER, KEYS, boot_id=1, disk=stale) as alone:
        alone.append_many([frame(10)])
    landed = contents(stale)
    last = max(record.seq for record in sealed(stale)[0])
    assert min(landed) in contents(fresh)  # sealed in both, and not alike
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(stale, fresh)) as spool:
        assert any("recorded anew" in note for note in spool.recovery.notes)

    assert contents(stale).items() > landed.items()
    anew = [record.frame for record in sealed(stale)[0] if record.kind is Kind.FRAME and record.seq > last]
    assert anew == [frame(number).frame for number in (2, 4, 6)]
    assert contents(stale) == contents(fresh)
    again = len(contents(stale))
    reopen(stale, fresh)
    assert len(contents(stale)) == again  # once is enough


@pytest.mark.parametrize("at_end", ["sealed", "open"])
def test_a_copy_that_cannot_be_read_once_is_not_replaced_by_a_stale_one(at_end: str, record_property: Any) -> None:
    """One read of the copy with all records fails at a start: it stays, and in the end nothing acknowledged is lost."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    spool.append_many([frame(0)])
    second.fault = out_of_order
    for number in (2, 4, 6):
        spool.append_many([frame(number)])
    if at_end == "sealed":
        spool.close()
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    before = files(first)
    first.fault = failing_once("read")

    disk = two(first, second)
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        assert "cannot be read: Input/output error" in disk.trouble
        spool.append_many([frame(8)])
    assert files(first) == before
    reopen(first, second)
    reopen(first, second)  # where one copy was sealed and the other was not, the mirror is made equal by the next start
    frames = {record.frame for record in sealed(first)[0] if record.kind is Kind.FRAME}
    assert {frame(number).frame for number in (0, 2, 4, 6, 8)} <= frames
    assert contents(first) == contents(second)
    record_property("lost", "0 of 5 acknowledged")


def test_no_number_is_used_twice_after_a_copy_that_could_not_be_read_once() -> None:
    """The copy with all records is out for one failing read: what comes meanwhile has numbers that it cannot hold."""
    first, second = MemoryDisk(), MemoryDisk()
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second))
    told = dict.fromkeys(spool.append_many([frame(0)]), frame(0).frame)
    second.fault = out_of_order
    for number in (2, 4, 6):
        told |= dict.fromkeys(spool.append_many([frame(number)]), frame(number).frame)
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    first.fault = failing_once("read")
    with Spool(FOLDER, KEYS, boot_id=1, disk=two(first, second)) as spool:
        fresh = dict.fromkeys(spool.append_many([frame(8)]), frame(8).frame)
    assert not told.keys() & fresh.keys()
    reopen(first, second)
    reopen(first, second)

    records = [record for record in sealed(first)[0] if record.kind is Kind.FRAME]
    assert len({record.seq for record in records}) == len(records)
    assert {*told.values(), *fresh.values()} <= {record.frame for record in records}


def test_no_number_is_used_twice_after_a_last_segment_that_could_not_be_read_once() -> None:
    """One disk alone: the last sealed segment fails to be read at a start, and what comes next has numbers above it."""
    disk = MemoryDisk()
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        told = set(spool.append_many([frame(number) for number in range(4)]))
    disk.fault = failing_once("read")
    with Spool(FOLDER, KEYS, boot_id=1, disk=disk) as spool:
        assert "cannot be read: Input/output error" in " ".join(spool.recovery.notes)
        fresh = set(spool.append_many([frame(8)]))

    assert min(fresh) > max(told)


def test_a_copy_in_the_mirror_that_cannot_be_read_once_is_left_too() -> None:
    """The spool's own copy is stale and unsealed: the mirror is told to have failed, and no byte of it is touched."""
    first, second = MemoryDisk(), MemoryDisk()
    mirror = Path("/mirror")
    spool = Spool(FOLDER, KEYS, boot_id=1, disk=Mirrored(FOLDER, mirror, first=first, second=second, beside=AtOnce()))
    spool.append_many([frame(0)])
    first.fault = out_of_order
    spool.append_many([frame(2)])
    first, second = first.after_power_cut("durable", "durable"), second.after_power_cut("durable", "durable")
    before = files(first), files(second)
    second.fault = failing_once("read")
    healed = heal(Copy(first, FOLDER), Copy(second, mirror))

    assert list(healed.failed) == [mirror]
    assert (files(first), files(second)) == before


def test_a_copy_that_cannot_be_read_is_mended_from_a_whole_one() -> None:
    """The other copy is sealed and whole: there can be no better one, so it is put in the place of the unreadable."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    first.fault = failing_once("read")
    healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert (len(healed.notes), healed.failed) == (1, {})
    check_both(first, second, told)


@pytest.mark.parametrize("bad", [0, 1], ids=["the spool's", "the mirror"])
def test_any_flipped_bit_in_one_copy_is_mended_from_the_other(bad: int, record_property: Any) -> None:
    """A deep look finds it, the whole copy takes its place, and the damaged one is kept aside."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    rng = random.Random(5)
    disk = (first, second)[bad]
    for _ in range(60):
        name = rng.choice(sorted(contents(disk)))
        _flip(disk, name, rng.randrange(len(contents(disk)[name]) * 8))
        healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True, sealed_only=True)
        assert [note for note in healed.notes if name in note and "mended" in note]
        check_both(first, second, told)
    assert any(path.parent.name == "quarantine" for path in disk.cached)
    record_property("tried", f"60 bits of disk {bad + 1}")
    record_property("lost", f"0 of {len(told.acknowledged)} acknowledged each time")


def test_copies_damaged_in_different_places_mend_each_other(record_property: Any) -> None:
    """Each has what the other lacks: put together they are what was sealed, by its SHA-256."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    name = max(contents(first), key=lambda name: len(contents(first)[name]))
    whole = contents(first)[name]
    _flip(first, name, 100 * 8)
    _flip(second, name, (len(whole) - 150) * 8)
    heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert contents(first)[name] == contents(second)[name] == whole
    record_property("lost", "0 of the bytes that were sealed")


def test_copies_damaged_alike_are_named_and_left() -> None:
    """Nothing can be mended from a copy with the same fault; it is said, and no byte is touched."""
    first, second, told = MemoryDisk(), MemoryDisk(), Told()
    work(two(first, second), told)
    name = min(contents(first))
    for disk in (first, second):
        _flip(disk, name, 100 * 8)
    before = contents(first)
    healed = heal(Copy(first, FOLDER), Copy(second, FOLDER), deep=True)

    assert [note for note in healed.notes if name in note and "damaged" in note]
    assert contents(first) == contents(second) == before


def test_a_pruned_segment_does_not_come_back() -> None:
    """It was cleared away on purpose while the mirror was out: it goes there too, and is not copied back."""
    first, second = MemoryDisk(), MemoryDisk()
    work(two(first, second), Told())
    name = min(contents(first))
    del first.cached[FOLDER / name]
    first.inodes.append(type(first.inodes[0])(cached=b'{"file": "%s"}\nnot json\n' % name.encode()))
    first.cached[FOLDER / "pruned.jsonl"] = len(first.inodes) - 1
    heal(Copy(first, FOLDER), Copy(second, FOLDER))

    assert name not in contents(first)
    assert name not in contents(second)


def _flip(disk: MemoryDisk, name: str, bit: int) -> None:
    inode = disk.inodes[disk.cached[FOLDER / name]]
    data = bytearray(inode.cached)
    data[bit // 8] ^= 1 << bit % 8
    inode.cached = inode.durable = bytes(data)

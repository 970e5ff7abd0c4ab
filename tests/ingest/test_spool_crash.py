"""Cut the power of the spool's disk at every operation, and look for what was acknowledged."""

from typing import Any

import pytest

from tests.ingest.memory_disk import SURVIVORS, Inode, MemoryDisk
from tests.ingest.spool_life import Told, check, power_cuts, reopen, work


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

"""The power goes while the spool is being written: what was acknowledged is there afterwards, unaltered.

Each cut mounts the disk that the cut before it left behind, so every recovery runs on a
spool that earlier cuts have damaged. ``FAULTS=full pytest tests/faults`` cuts 200 times.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.records import Record
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from tests.faults.lengths import length
from tests.faults.power import PowerDisk, why_not
from tests.faults.spool_writer import KEYS, frame_of, sound_numbers

CUTS = length(10, 200)
CONTROL_CUTS = 3
WIPE_EVERY = 25
WRITER = Path(__file__).with_name("spool_writer.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300 + 30 * CUTS),
    pytest.mark.skipif(bool(why_not()), reason=f"NO POWER CUTS WERE TRIED: {why_not()}"),
]


@pytest.fixture
def disk(tmp_path: Path) -> PowerDisk:
    """A disk of its own."""
    return PowerDisk(tmp_path)


def write_until_the_cut(disk: PowerDisk, first: int, seconds: float, mode: str, least: int = 1) -> int:
    """Let the writer write and cut the power some seconds after so many were acknowledged; the last number that was."""
    with disk.powered():
        writer = subprocess.Popen(
            [sys.executable, str(WRITER), str(disk.mounted_at / "spool"), str(first), mode],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        try:
            last = next((int(line) for line in writer.stdout if int(line) >= first - 1 + least), 0)
            time.sleep(seconds)
        finally:
            writer.kill()  # it has the disk open
        said = writer.stdout.read()
        writer.wait()
        assert writer.returncode == -signal.SIGKILL, "the writer ended by itself"
    return int(said.rsplit(b"\n", 2)[-2]) if said.strip() else last


def recovered(disk: PowerDisk) -> list[Record]:
    """What a collector finds when it starts again; everything it finds is sealed by that."""
    with disk.powered():
        spool = disk.mounted_at / "spool"
        with Spool(spool, KEYS) as opened:
            quarantined = opened.recovery
        assert quarantined is not None
        found = [record for info in sealed_segments(spool) for record in read_segment(info.path)]
        subprocess.run(["sync", "--file-system", str(spool)], check=True)  # the next cut must not undo this start
    return found


def test_what_was_acknowledged_survives_every_power_cut(disk: PowerDisk, record_property: Any) -> None:
    """Promise 1: an ACK means on disk; nothing acknowledged is lost, nothing found is altered or out of order."""
    rng = random.Random(20261122)
    acknowledged: set[int] = set()
    total = unacknowledged = number = 0
    for cut in range(CUTS):
        if cut % WIPE_EVERY == 0:
            disk.wipe()
            total += len(acknowledged)
            acknowledged.clear()
        first = number + 1
        last = write_until_the_cut(disk, first, rng.uniform(0.0, 0.6), "synced", rng.randint(1, 400))
        acknowledged.update(range(first, last + 1))
        records = recovered(disk)
        numbers = sound_numbers(records)
        assert acknowledged - set(numbers) == set(), f"cut {cut}: acknowledged and lost"
        unacknowledged += len(set(numbers) - acknowledged)
        acknowledged |= set(numbers)  # found once, it may not vanish at a later cut either
        number = max(acknowledged)
    total += len(acknowledged)
    assert total > 100 * CUTS  # what the cuts waited for alone is more
    record_property("tried", f"{CUTS} power cuts, {total} frames, {unacknowledged} of them not acknowledged yet")
    record_property("lost", "0 acknowledged, 0 altered")


def test_a_writer_that_does_not_sync_loses_what_it_acknowledged(disk: PowerDisk, record_property: Any) -> None:
    """The negative control: on this harness, a promise without a sync is broken every time."""
    lost = []
    for cut in range(CONTROL_CUTS):
        disk.wipe()
        last = write_until_the_cut(disk, 1, 0.2 + 0.1 * cut, "unsynced")
        assert last > 0
        with disk.powered():
            files = list(disk.mounted_at.glob("spool/*"))
            there = sum(path.stat().st_size for path in files if path.suffix in {".seg", ".open"})
        meant = sum(len(frame_of(number)) for number in range(1, last + 1))
        assert there < meant, "nothing was lost: no power was cut"
        lost.append(f"{1 - there / meant:.0%} of {last} frames")
    record_property("tried", f"{CONTROL_CUTS} power cuts without a sync")
    record_property("lost", f"as it must: {', '.join(lost)}")

"""The power goes while segments land: what had landed is in the tables afterwards, and the rest lands then.

Each cut mounts the disk that the cut before it left behind. The spool lies on another disk, which keeps its
power: what is not in the lake must come from there.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import LakeError
from ingest.landing import land
from tests.faults.lengths import length
from tests.faults.power import PowerDisk, why_not
from tests.faults.spool_writer import KEYS
from tests.ingest.landingshop import Shop

CUTS = length(3, 30)
WRITER = "tests.faults.landing_writer"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300 + 60 * CUTS),
    pytest.mark.skipif(bool(why_not()), reason=f"NO POWER CUTS WERE TRIED: {why_not()}"),
]


def land_until_the_cut(shop: Shop, disk: PowerDisk, first: int, seconds: float, mode: str) -> int:
    """Let segments land and cut the power some time after the first; the last number that was said to have landed."""
    with disk.powered():
        writer = subprocess.Popen(
            [sys.executable, "-m", WRITER, str(shop.folder), str(shop.uri), str(first), mode],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        try:
            said = writer.stdout.readline()
            time.sleep(seconds)
        finally:
            writer.kill()  # it has the disk open
        said += writer.stdout.read()
        assert writer.wait() == -signal.SIGKILL, "the writer ended by itself"
    return int(said.rsplit(b"\n", 2)[-2])


def sales(shop: Shop) -> list[int]:
    """The trace number of each row."""
    return sorted(row["stan"] for row in shop.rows("transactions"))


def test_what_has_landed_survives_every_power_cut(tmp_path: Path, record_property: Any) -> None:
    """Landed means on the disk: after each cut the tables open by themselves with all that had landed, each once."""
    disk = PowerDisk(tmp_path, "256M")
    shop = Shop(tmp_path, KEYS, uri=disk.mounted_at / "lake")
    rng = random.Random(20261130)
    last = landed = 0
    for cut in range(CUTS):
        last = land_until_the_cut(shop, disk, last + 1, rng.uniform(0.0, 1.5), "synced")
        with disk.powered():
            assert set(range(1, last + 1)) <= set(sales(shop)), f"cut {cut}: landed and lost"
            landed += last
            land(shop.settings)
            found = sales(shop)
            last = found[-1]
            assert found == list(range(1, last + 1)), "each sale is one row"
            subprocess.run(["sync", "--file-system", str(shop.uri)], check=True)  # the next cut must not undo this
    record_property("tried", f"{CUTS} power cuts while segments landed, {last} segments")
    record_property("lost", f"0 of {landed} that had landed before a cut, counted at each")


def test_a_lake_that_does_not_sync_loses_what_had_landed(tmp_path: Path, record_property: Any) -> None:
    """The negative control: without a sync what was said to have landed is gone, or nobody can read the tables."""
    disk = PowerDisk(tmp_path, "256M")
    shop = Shop(tmp_path, KEYS, uri=disk.mounted_at / "lake")
    last = land_until_the_cut(shop, disk, 1, 0.5, "unsynced")
    with disk.powered():
        try:
            lost = set(range(1, last + 1)) - set(sales(shop))
        except LakeError:
            lost = set(range(1, last + 1))
    assert lost, "nothing was lost: no power was cut"
    record_property("tried", f"one power cut without a sync, {last} segments landed")
    record_property("lost", f"as it must: {len(lost)} of {last}")

"""Several writers and readers of one table at once: each row once, and nobody's work is taken away."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.tables import Lake, TableSpec
from tests.ingest.lakerows import MONDAY, globbed, stans, transactions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.mark.parametrize("later", [1, 5])
def test_writer_that_was_overtaken_loses(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, later: int, record_property: Any
) -> None:
    """Of two who looked before either committed, the second commits nothing and leaves no file."""
    where = {"seen_date": [MONDAY]}
    write = Lake._write

    def overtaken(self: Lake, spec: TableSpec, table: Any, name: str) -> list[Any]:
        actions = write(self, spec, table, name)
        monkeypatch.setattr(Lake, "_write", write)
        assert self.replace("transactions", transactions(MONDAY, [1]), partitions=where, app_id="r", app_version=later)
        return actions

    lake.replace("transactions", transactions(MONDAY, [7]), partitions=where, app_id="r", app_version=0)
    monkeypatch.setattr(Lake, "_write", overtaken)

    assert not lake.replace("transactions", transactions(MONDAY, [2]), partitions=where, app_id="r", app_version=1)

    assert stans(lake) == globbed(lake) == [1]
    record_property("lost", "0 rows, 0 twice")


def test_equal_work_of_two_keeps_the_committed_file(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Two writers with the same rows name the same file; the loser does not take it away."""
    where = {"seen_date": [MONDAY]}
    write = Lake._write

    def overtaken(self: Lake, spec: TableSpec, table: Any, name: str) -> list[Any]:
        monkeypatch.setattr(Lake, "_write", write)
        assert self.replace("transactions", transactions(MONDAY, [1]), partitions=where, app_id="r", app_version=1)
        return write(self, spec, table, name)

    monkeypatch.setattr(Lake, "_write", overtaken)

    assert not lake.replace("transactions", transactions(MONDAY, [1]), partitions=where, app_id="r", app_version=1)

    assert stans(lake) == globbed(lake) == [1]
    record_property("lost", "0 rows, 0 twice")


def test_sweep_leaves_work_that_may_still_be_committed(lake: Lake, record_property: Any) -> None:
    """An unlisted file of a later version may be about to be committed; one of an earlier version cannot be."""
    where = {"seen_date": [MONDAY]}
    lake.replace("transactions", transactions(MONDAY, [1]), partitions=where, app_id="raw", app_version=3)
    folder = Path(lake.files("transactions")[0]).parent
    dead, alive = folder / f"raw-v3-{'0' * 16}.parquet", folder / f"raw-v4-{'0' * 16}.parquet"
    stray, old = folder / ".1-a.tmp", folder / ".2-b.tmp"
    for path in (dead, alive, stray, old):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)

    assert lake.sweep("transactions") == 2

    assert [path.exists() for path in (dead, alive, stray, old)] == [False, True, True, False]
    assert stans(lake) == [1]
    record_property("lost", "0 rows")


def test_reader_never_sees_half_of_a_replace(lake: Lake, record_property: Any) -> None:
    """While a day is replaced over and over, a reader sees each row exactly once."""
    where = {"seen_date": [MONDAY]}
    lake.replace("transactions", transactions(MONDAY, [1, 2]), partitions=where, app_id="raw", app_version=0)
    seen: list[list[int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(stans(lake))

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(1, 15):
        rows = transactions(MONDAY, [1, 2], amount=version)
        assert lake.replace("transactions", rows, partitions=where, app_id="raw", app_version=version)
    stop.set()
    reader.join()

    assert seen
    assert all(found == [1, 2] for found in seen)
    record_property("lost", f"0 of {sum(map(len, seen))} rows read")


APPEND_EIGHT = """
import datetime as dt, sys
from ingest.tables import Lake
day = dt.date(2026, 11, 23)
for n in range(1, 9):
    rows = [{"stan": n, "business_date": day, "seen_date": day}]
    Lake(sys.argv[1]).append("transactions", rows, app_id=f"segment-{n}")
"""


@pytest.mark.slow
def test_many_processes_commit_each_segment_once(lake: Lake, record_property: Any) -> None:
    """Four processes that all land the same eight segments put each in once (fault 18)."""
    command = [sys.executable, "-c", APPEND_EIGHT, str(lake.root)]
    workers = [subprocess.Popen(command) for _ in range(4)]

    assert [worker.wait() for worker in workers] == [0] * 4
    assert stans(lake) == globbed(lake) == list(range(1, 9))
    record_property("lost", "0 of 8 segments, 0 twice")

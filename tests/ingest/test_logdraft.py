"""Commits to a lake in a folder: on the disk before they are seen, one writer let in, nothing left behind."""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ingest import logdraft
from ingest.datafile import sync
from ingest.errors import LakeError
from ingest.tables import Lake
from tests.ingest.lakerows import MONDAY, TUESDAY, globbed, stans, transactions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty one."""
    return Lake(tmp_path / "lake")


def log_of(lake: Lake) -> Path:
    """The folder of the log of ``transactions``."""
    return lake.root / "transactions" / logdraft.LOG


def drafts(lake: Lake) -> list[Path]:
    """What is left of drafts."""
    return list(lake.root.glob(".draft-*"))


def test_an_entry_is_synced_then_named_then_its_folder_synced(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut finds an entry whole or not at all, and none is gone once the commit has returned."""
    lake.append("transactions", [], app_id="first")
    told: list[str] = []
    link = os.link

    def syncing(path: Path) -> None:
        told.append(f"sync {path.name}")
        sync(path)

    def linking(old: Path, new: Path) -> None:
        told.append(f"link {new.name}")
        link(old, new)

    monkeypatch.setattr(logdraft, "sync", syncing)
    monkeypatch.setattr(os, "link", linking)

    lake.append("transactions", [], app_id="second")

    assert told == [
        "sync 00000000000000000001.json",
        "link 00000000000000000002.json",
        "sync _delta_log",
    ]
    assert not drafts(lake)


@pytest.mark.parametrize("fails", ["00000000000000000001.json", "_delta_log"])
def test_a_sync_that_fails_is_told(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, fails: str, record_property: Any
) -> None:
    """An entry that is not on the disk is never seen; where its name may not be there, it is not said to be in."""
    lake.append("transactions", [], app_id="first")

    def failing(path: Path) -> None:
        if path.name == fails:
            raise OSError(5, "Input/output error")
        sync(path)

    monkeypatch.setattr(logdraft, "sync", failing)
    with pytest.raises(LakeError, match="transactions: cannot be written"):
        lake.append("transactions", transactions(MONDAY, [1]), app_id="second")
    monkeypatch.setattr(logdraft, "sync", sync)

    assert stans(lake) == ([] if fails.endswith(".json") else [1])
    lake.append("transactions", transactions(MONDAY, [1]), app_id="second")
    assert stans(lake) == globbed(lake) == [1]
    assert not drafts(lake)
    record_property("lost", "0 rows, 0 twice")


def meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch, work: Any) -> None:
    """Have another writer do this just before the next commit is entered."""
    enter = logdraft.enter

    def later(*given: Any) -> bool:
        monkeypatch.setattr(logdraft, "enter", enter)
        work(Lake(lake.root))
        return enter(*given)

    monkeypatch.setattr(logdraft, "enter", later)


def test_an_append_goes_in_on_top_of_somebody_elses(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two segments at once: both are in, each once."""
    lake.append("transactions", [], app_id="first")
    meanwhile(lake, monkeypatch, lambda other: other.append("transactions", transactions(MONDAY, [1]), app_id="one"))

    assert lake.append("transactions", transactions(MONDAY, [2]), app_id="two")
    assert stans(lake) == globbed(lake) == [1, 2]


def test_an_append_that_another_did_meanwhile_is_not_done_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same segment at once: it is in once, and who came second is told."""
    lake.append("transactions", [], app_id="first")
    meanwhile(lake, monkeypatch, lambda other: other.append("transactions", transactions(MONDAY, [1]), app_id="one"))

    assert not lake.append("transactions", transactions(MONDAY, [1]), app_id="one")
    assert stans(lake) == globbed(lake) == [1]


@pytest.mark.parametrize(("day", "let_in"), [(MONDAY, False), (TUESDAY, True)])
def test_a_replacement_goes_in_when_its_partitions_are_as_they_were(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, day: dt.date, let_in: bool
) -> None:
    """A row that came into the day meanwhile would be lost unseen; one of another day is not its matter."""
    lake.append("transactions", transactions(MONDAY, [1]), app_id="first")
    meanwhile(lake, monkeypatch, lambda other: other.append("transactions", transactions(day, [2]), app_id="other"))

    where = {"seen_date": [MONDAY]}
    done = lake.replace("transactions", transactions(MONDAY, [3]), partitions=where, app_id="raw", app_version=1)

    assert done == let_in
    assert stans(lake) == ([2, 3] if let_in else [1, 2])


def test_each_hundredth_commit_condenses_the_log(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened from the checkpoint and what came after it, the table is the same, also for deltalake alone."""
    from deltalake import DeltaTable

    monkeypatch.setattr("ingest.deltalog.CHECKPOINT_EVERY", 5)
    for number in range(12):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")

    assert sorted(path.name[:20] for path in log_of(lake).glob("*.checkpoint.parquet")) == [f"{4:020d}", f"{9:020d}"]
    for entry in list(log_of(lake).glob("*.json")):
        if int(entry.name[:20]) < 9:
            entry.unlink()
    assert stans(lake) == list(range(12))
    assert lake.uncommitted("transactions", ["segment-0", "segment-11", "segment-12"]) == ["segment-12"]
    alone = DeltaTable(lake.root / "transactions")
    assert alone.version() == 12
    assert alone.metadata().partition_columns == ["business_date", "seen_date"]
    assert not drafts(lake)


def test_what_a_dead_writer_left_goes_after_an_hour(lake: Lake) -> None:
    """A draft may be another writer's who is at it now; an old one is nobody's."""
    lake.append("transactions", [], app_id="first")
    old, young = lake.root / ".draft-1-old", lake.root / ".draft-2-young"
    for each in (old, young):
        (each / logdraft.LOG).mkdir(parents=True)
    os.utime(old, (0, 0))

    lake.append("transactions", [], app_id="second")

    assert drafts(lake) == [young]


def test_two_tables_commit_side_by_side_under_a_clock_that_is_set_ahead(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By that clock every file is two hours old; the one's draft is not taken for what a dead writer left."""
    now = time.time
    monkeypatch.setattr("ingest.logdraft.time.time", lambda: now() + 7200)
    link, beside = os.link, list[int]()

    def linking(old: Path, new: Path) -> None:
        if not beside:
            beside.append(1)
            lake.append("events", [], app_id="other")
        link(old, new)

    monkeypatch.setattr(os, "link", linking)

    lake.append("transactions", [], app_id="first")

    assert beside
    assert log_of(lake).joinpath("00000000000000000000.json").exists()
    assert not drafts(lake)


def test_what_a_dead_writer_left_is_removed_when_it_is_old(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's, by its name."""
    left = lake.root / f".draft-{os.getpid() + 1}-0123456789ab"
    left.mkdir(parents=True)
    lake.append("transactions", [], app_id="first")
    assert drafts(lake) == [left]
    now = time.time
    monkeypatch.setattr("ingest.logdraft.time.time", lambda: now() + 7200)
    lake.append("transactions", [], app_id="second")
    assert not drafts(lake)

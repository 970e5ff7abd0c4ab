"""The lake in good order: fewer files, old days gone, and neither a row nor an evidence pack the worse for it."""

import datetime as dt
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.cases.book import case_book
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from expectations.maintenance import maintain
from expectations.run import check, whole_since
from ingest import deltalog
from ingest.cli import cli
from ingest.compaction import COMPACTION
from ingest.encryption import Cipher, FileKeys
from ingest.errors import UsageError
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.scan import scan
from ingest.settings import Settings, load_settings
from ingest.tables import TABLES
from tests.expectations.evidence.evidenceshop import charged_twice, exchange, record, shop_at
from tests.ingest.lakerows import MONDAY, TUESDAY, stans, transactions

pytestmark = pytest.mark.thorough

DAY = dt.date(2026, 11, 21)
MINUTES_A_DAY = 1440


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def _rows(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    return {
        name: sorted(lake.read(name, columns=[each.name for each in TABLES[name].columns]).to_pylist(), key=str)
        for name in TABLES
    }


def test_small_files_become_one_and_no_row_changes(lake: Lake):
    """Five files of a partition are one, three stay three; who landed is remembered; a plain glob is right."""
    for number in range(5):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")
    for number in range(3):
        lake.append("transactions", transactions(TUESDAY, [10 + number]), app_id=f"tuesday-{number}")
    before = _rows(lake)

    assert lake.compact("transactions") == 5

    assert _rows(lake) == before
    assert len(lake.files("transactions")) == 4
    assert sorted(lake.files("transactions")) == sorted(map(str, lake.root.glob("transactions/**/*.parquet")))
    assert lake.compact("transactions") == 0
    assert not lake.append("transactions", transactions(MONDAY, [0]), app_id="segment-0")
    lake.checkpoint("transactions")
    assert not lake.append("transactions", transactions(MONDAY, [0]), app_id="segment-0")
    assert stans(lake) == [0, 1, 2, 3, 4, 10, 11, 12]


def test_files_of_an_encrypted_lake_stay_encrypted(tmp_path: Path):
    """What was put together is encrypted like what it was made of."""
    create_keys(tmp_path / "lake.key")
    lake = Lake(tmp_path / "lake", Cipher(FileKeys(tmp_path / "lake.key")))
    for number in range(4):
        lake.append("acks", [{"finding_id": "a", "label": f"word-{number}"}], app_id=f"a-{number}")

    assert lake.compact("acks") == 4

    [file] = lake.files("acks")
    assert Path(file).read_bytes()[-4:] == b"PARE"
    assert sorted(lake.read("acks")["label"].to_pylist()) == [f"word-{number}" for number in range(4)]


@pytest.mark.parametrize("first", ["compact", "replace"])
def test_of_a_replacement_and_a_compaction_at_once_one_is_let_in(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, first: str
):
    """Both take out the same files: who comes second changes nothing, and no row is there twice or lost."""
    from ingest import deltalog

    for number in range(4):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")
    where, commit = {"seen_date": [MONDAY]}, deltalog.commit

    def replace(other: Lake) -> bool:
        return other.replace("transactions", transactions(MONDAY, [9]), partitions=where, app_id="raw", app_version=1)

    def meanwhile(*arguments: Any, **named: Any) -> bool:
        monkeypatch.setattr("ingest.deltalog.commit", commit)
        other = Lake(lake.root)
        assert replace(other) if first == "replace" else other.compact("transactions") == 4
        return commit(*arguments, **named)

    monkeypatch.setattr("ingest.deltalog.commit", meanwhile)
    if first == "replace":
        assert lake.compact("transactions") == 0
    else:
        assert not replace(lake)

    assert stans(lake) == ([9] if first == "replace" else [0, 1, 2, 3])
    assert len(lake.files("transactions")) == 1
    assert replace(lake) == (first == "compact")
    assert stans(lake) == [9]


def _shop(root: Path, parts: int = 5) -> Settings:
    """A shop whose day came in several segments, two of them the same purchase charged twice."""
    root.mkdir()
    shop_at(root)
    for number in range(parts):
        record(root, exchange("SALE", 4518 + number, 2 * number))
    return load_settings(root / "tillwatch.toml")


def test_landing_goes_on_after_maintenance_as_if_there_had_been_none(tmp_path: Path):
    """What comes later makes the tables of a lake that nobody maintained, and frames that landed are not new again."""
    plain = _shop(tmp_path / "plain")
    shutil.copytree(tmp_path / "plain", tmp_path / "kept")
    kept = load_settings(tmp_path / "kept" / "tillwatch.toml")
    record(tmp_path / "plain", exchange("SALE", 4600, 90))

    done = {each.table: each for each in maintain(kept, DAY)}
    assert done["raw_frames"].compacted == 5
    again = land(kept)
    assert (again.segments, again.rows.get("transactions", 0)) == (0, 0)
    record(tmp_path / "kept", exchange("SALE", 4600, 90))

    ours, theirs = Lake.of(kept.lake).read("transactions"), Lake.of(plain.lake).read("transactions")
    names = [name for name in ours.column_names if "segment" not in name and not name.endswith("_at")]
    assert sorted(map(str, ours.select(names).to_pylist())) == sorted(map(str, theirs.select(names).to_pylist()))
    assert ours.num_rows == 6


def test_frames_that_no_table_has_seen_yet_are_not_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A lander that died between the frames and the tables: maintenance leaves the frames, the next run lands them."""
    shop = _shop(tmp_path / "shop")
    monkeypatch.setattr("ingest.landing.derive", lambda *_: {})
    record(tmp_path / "shop", exchange("SALE", 4600, 90))
    monkeypatch.undo()

    assert {each.table: each.compacted for each in maintain(shop, DAY)}["raw_frames"] == 0
    land(shop)
    assert 4600 in Lake.of(shop.lake).read("transactions")["stan"].to_pylist()


def test_old_days_go_and_what_a_case_stands_on_stays(tmp_path: Path):
    """Two of three days are older than is kept; on one of them a case stands. Its pack verifies as before."""
    root = tmp_path / "shop"
    root.mkdir()
    shop_at(root)
    config = root / "tillwatch.toml"
    record(root, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)])
    settings = load_settings(config)
    lake = Lake.of(settings.lake)
    lake.append("findings", [charged_twice(settings).as_row()], app_id="test")
    book = case_book(settings)
    book.open_cases([charged_twice(settings)])
    record(root, exchange("SALE", 1, -120 * MINUTES_A_DAY))
    record(root, exchange("SALE", 9, 400 * MINUTES_A_DAY))
    case = book.cases(review=True, whole=True)[0]
    pack = make_pack(case, settings, tmp_path / "pack.zip", locale="en", now=dt.datetime.now(dt.UTC)).path
    config.write_text(
        config.read_text("utf-8").replace("[keys]", "[lake.keep_days]\ntransactions = 400\n[keys]"),
        "utf-8",
    )
    settings, today = load_settings(config), DAY + dt.timedelta(days=450)
    first = DAY - dt.timedelta(days=120)

    told = {each.table: each for each in maintain(settings, today, dry_run=True)}
    assert told["transactions"].dropped == (first,)
    assert lake.read("transactions").num_rows == 4

    done = {each.table: each for each in maintain(settings, today)}
    assert done["transactions"].dropped == (first,)
    assert sorted(lake.read("transactions")["stan"].to_pylist()) == [9, 4518, 4519]
    assert not land(settings).segments
    for kept in (True, False):
        proven = verify_pack(pack, settings)
        assert (proven.problems, proven.rows > 0) == ((), True)
        if kept:  # the pack outlives the spool's segments too
            for segment in settings.spool.directory.glob("*.seg"):
                segment.unlink()
    assert sorted(lake.read("transactions")["stan"].to_pylist()) == [9, 4518, 4519]


def test_rows_of_a_day_that_was_let_go_are_never_committed_again(tmp_path: Path):
    """The files are gone, the log still knows who committed them: the same again changes nothing."""
    root = tmp_path / "shop"
    root.mkdir()
    config = root / "tillwatch.toml"
    config.write_text('[lake]\nuri = "lake"\n[lake.keep_days]\nevents = 400\n')
    settings = load_settings(config)
    lake, rows = Lake.of(settings.lake), [{"event_id": "a", "business_date": DAY, "seen_date": DAY}]
    lake.append("events", rows, app_id="a")

    [done] = [each for each in maintain(settings, DAY + dt.timedelta(days=401)) if each.dropped]

    assert (done.table, done.dropped) == ("events", (DAY,))
    assert lake.files("events") == []
    assert not lake.append("events", rows, app_id="a")
    assert not any(each.dropped for each in maintain(settings, DAY + dt.timedelta(days=500)))


def test_an_old_leftover_that_is_used_again_is_not_swept(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """A writer died long ago; its work is done again and a sweep comes between file and commit: no row is lost."""
    for number in range(5):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")
    commit = deltalog.commit

    def dies(*_given: Any, **_told: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(deltalog, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        lake.compact("transactions")
    with pytest.raises(KeyboardInterrupt):
        lake.append("transactions", transactions(TUESDAY, [9]), app_id="segment-9")
    for left in lake.root.glob("transactions/**/*.parquet"):
        os.utime(left, (0, 0))

    def swept_before(*given: Any, **told: Any) -> bool:
        lake.sweep("transactions")
        return commit(*given, **told)

    monkeypatch.setattr(deltalog, "commit", swept_before)
    assert lake.append("transactions", transactions(TUESDAY, [9]), app_id="segment-9")
    assert lake.compact("transactions") == 5
    assert stans(lake) == [0, 1, 2, 3, 4, 9]


def test_what_a_killed_maintenance_did_not_remove_is_removed_by_the_next(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """Between commit and removal: a plain glob counts rows twice until the next maintenance, and no longer."""
    for number in range(5):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")
    with monkeypatch.context() as killed:
        killed.setattr(type(lake.place), "remove", lambda *_: None)
        lake.compact("transactions")
    assert len(list(lake.root.glob("transactions/**/*.parquet"))) == 6
    lake.compact("transactions")
    assert [str(each) for each in lake.root.glob("transactions/**/*.parquet")] == lake.files("transactions")
    assert stans(lake) == [0, 1, 2, 3, 4]


def test_of_two_maintenances_at_once_the_slower_does_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    """The other has put the files together while they were about to be read: no error, no row lost."""
    for number in range(5):
        lake.append("transactions", transactions(MONDAY, [number]), app_id=f"segment-{number}")
    calls = list[int]()

    def overtaken(*given: Any, **told: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            assert lake.compact("transactions") == 5
        return scan(*given, **told)

    monkeypatch.setattr("ingest.compaction.scan", overtaken)
    assert lake.compact("transactions") == 0
    assert stans(lake) == [0, 1, 2, 3, 4]


def test_days_that_have_lost_what_they_are_judged_by_keep_their_findings(tmp_path: Path):
    """A refund is looked for 335 days back: what is nearer than that to the days let go is not judged again."""
    root = tmp_path / "shop"
    root.mkdir()
    shop_at(root)
    config = root / "tillwatch.toml"
    config.write_text(
        config.read_text("utf-8").replace("[keys]", "[lake.keep_days]\ntransactions = 400\n[keys]"), "utf-8"
    )
    settings = load_settings(config)
    today = dt.datetime.now(settings.zone).date()
    assert whole_since(settings, today) == today - dt.timedelta(days=64)
    record(root, exchange("SALE", 4518, 0))
    with pytest.raises(UsageError, match="can no longer be judged"):
        check(settings, start=today - dt.timedelta(days=65))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("acks = 500", "not a table"),
        ("events = 399", "keep 400 at least"),
        ("raw_frames = 4000", "raw_frames is kept for ever"),
    ],
)
def test_what_cannot_be_let_go_is_said(tmp_path: Path, words: str, said: str):
    """A table that has no days, or a time that rules need."""
    (tmp_path / "tillwatch.toml").write_text(f"[lake.keep_days]\n{words}\n")
    with pytest.raises(UsageError, match=said):
        load_settings(tmp_path / "tillwatch.toml")


def test_the_command_says_what_it_did(tmp_path: Path):
    """A line for each table that changed; with --json one object a table."""
    _shop(tmp_path / "shop")
    config = ["--config", str(tmp_path / "shop" / "tillwatch.toml")]

    first = CliRunner().invoke(cli, ["lake", "maintain", *config])
    again = CliRunner().invoke(cli, ["lake", "maintain", *config])
    lines = CliRunner().invoke(cli, ["lake", "maintain", "--json", *config]).stdout.splitlines()

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "raw_frames: 5 files put together, 0 removed, let go no day" in first.stderr
    assert again.stderr == "nothing to do\n"
    assert {json.loads(line)["table"] for line in lines} == set(TABLES)


def test_a_rehearsal_makes_no_file(tmp_path: Path):
    """Nobody has opened a case yet: `--dry-run` leaves the shop's folder as it was, the database of cases too."""
    shop = tmp_path / "shop"
    _shop(shop)
    config = shop / "tillwatch.toml"
    config.write_text(config.read_text("utf-8").replace("[keys]", "[lake.keep_days]\nevents = 400\n[keys]"), "utf-8")
    before = set(shop.rglob("*"))

    done = CliRunner().invoke(cli, ["lake", "maintain", "--dry-run", "--config", str(config)])

    assert done.exit_code == 0, done.output
    assert set(shop.rglob("*")) == before


def test_maintenance_beside_landing_on_a_bucket_leaves_the_same_tables(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """In object storage: landed, and maintained again and again meanwhile; the tables are those of a quiet folder."""
    quiet = _shop(tmp_path / "shop")
    monkeypatch.setenv("TILLWATCH_LAKE__URI", "s3://shop/lake")
    busy = load_settings(tmp_path / "shop" / "tillwatch.toml")
    wrong: list[BaseException] = []

    def go_on() -> None:
        try:
            for _ in range(3):
                list(maintain(busy, DAY))
        except BaseException as failed:  # noqa: BLE001  told below
            wrong.append(failed)

    beside = threading.Thread(target=go_on)
    beside.start()
    land(busy)
    beside.join()
    list(maintain(busy, DAY))

    assert not wrong
    assert _rows(Lake.of(busy.lake)) == _rows(Lake.of(quiet.lake))
    assert any(COMPACTION in file for file in Lake.of(busy.lake).files("raw_frames"))
    assert store

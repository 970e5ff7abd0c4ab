"""Backup and restore: the same tables, segments and cases elsewhere, or nothing at all."""

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.backup import back_up, restore, verified
from expectations.cases.book import case_book
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from ingest import lakecopy
from ingest.cli import cli
from ingest.errors import BackupError, LakeError
from ingest.landing import land
from ingest.segments import sealed_segments
from ingest.settings import Settings, load_settings
from ingest.tables import TABLES, Lake
from tests.expectations.evidence.evidenceshop import charged_twice, exchange, record, shop_at

pytestmark = pytest.mark.thorough

NOW = dt.datetime(2026, 11, 22, 2, tzinfo=dt.UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A shop where one card paid twice, with its case."""
    root = tmp_path / "shop"
    root.mkdir()
    settings = shop_at(root)
    record(root, [*exchange("SALE", 4518, 0), *exchange("SALE", 4519, 2)])
    Lake.of(settings.lake).append("findings", [charged_twice(settings).as_row()], app_id="test")
    book = case_book(settings)
    book.open_cases([charged_twice(settings)])
    book.note("C-1121-0001", "the shop says: twice", "finance")
    return settings


def _elsewhere(shop: Settings, tmp_path: Path, **lake: str) -> Settings:
    root = tmp_path / "elsewhere"
    root.mkdir()
    flags: dict[str, Any] = {
        "spool": {"directory": str(root / "spool")},
        "lake": {"uri": str(root / "lake")} | lake,
        "cases": {"url": f"sqlite:///{root}/cases.db"},
        "keys": {"pan_token": str(shop.keys.pan_token)},
    }
    return load_settings(tmp_path / "shop" / "tillwatch.toml", flags)


def _everything(settings: Settings) -> dict[str, Any]:
    lake = Lake.of(settings.lake)
    held: dict[str, Any] = {name: sorted(map(str, lake.read(name).to_pylist())) for name in TABLES}
    held["segments"] = {each.path.name: each.path.read_bytes() for each in sealed_segments(settings.spool.directory)}
    held["cases"] = case_book(settings).cases(review=True, whole=True)
    return held


def _numbering_goes_on(settings: Settings) -> None:
    case_book(settings).note("C-1121-0001", "again", "finance")
    assert [each.text for each in case_book(settings).case("C-1121-0001").log][-2:] == ["the shop says: twice", "again"]


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_what_was_backed_up_stands_elsewhere(shop: Settings, tmp_path: Path, store: str, where: str):
    """Every row, segment and case; landing lands nothing more, a pack of before verifies, numbering goes on."""
    assert store
    before = _everything(shop)
    case = case_book(shop).case("C-1121-0001")
    pack = make_pack(case, shop, tmp_path / "pack.zip", locale="en", now=NOW).path
    made = back_up(shop, tmp_path / "backup", NOW)
    there = _elsewhere(shop, tmp_path, **({"uri": "s3://shop/lake"} if where == "bucket" else {}))

    assert restore(there, tmp_path / "backup") == made == verified(tmp_path / "backup")

    assert _everything(there) == before
    assert not land(there).changed
    assert verify_pack(pack, there).problems == ()
    _numbering_goes_on(there)
    if where == "bucket":  # and from a bucket back into a folder
        back_up(there, tmp_path / "second", NOW)
        third = there.model_copy(
            update={
                "lake": shop.lake.model_copy(update={"uri": str(tmp_path / "third" / "lake")}),
                "spool": shop.spool.model_copy(update={"directory": tmp_path / "third" / "spool"}),
                "cases": shop.cases.model_copy(update={"url": f"sqlite:///{tmp_path}/third/cases.db"}),
            }
        )
        restore(third, tmp_path / "second")
        assert _everything(third) == _everything(there)


def test_a_backup_beside_landing_and_maintenance_is_of_one_moment(shop: Settings, tmp_path: Path):
    """Segments land and files are put together meanwhile: each table of the copy is whole, and landing goes on."""
    from expectations.maintenance import maintain

    root, stop, wrong = tmp_path / "shop", threading.Event(), list[BaseException]()

    def go_on() -> None:
        stan = 5000
        try:
            while not stop.is_set():
                record(root, exchange("SALE", stan, stan - 4990))
                list(maintain(shop, dt.date(2026, 11, 22)))
                stan += 1
        except BaseException as failed:  # noqa: BLE001  told below
            wrong.append(failed)

    beside = threading.Thread(target=go_on)
    beside.start()
    try:
        for number in range(4):
            back_up(shop, tmp_path / f"backup-{number}", NOW)
    finally:
        stop.set()
        beside.join()
    there = _elsewhere(shop, tmp_path)
    restore(there, tmp_path / "backup-3")
    land(there)

    assert not wrong
    held = _everything(there)
    stans = sorted(Lake.of(there.lake).read("transactions")["stan"].to_pylist())
    assert stans == sorted(set(stans))
    assert stans[:2] == [4518, 4519]
    landed = set(Lake.of(there.lake).read("raw_frames")["segment_id"].to_pylist())
    assert landed == {name[21:-4] for name in held["segments"]}


def test_what_lands_between_two_tables_of_a_backup_is_in_its_tables_after_landing(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A sale lands, and frames are put together, after `transactions` was copied and before the frames are."""
    from expectations.maintenance import maintain

    copied, turns = lakecopy._copied, list[int]()

    def interrupted(lake: Lake, name: str, target: Path) -> None:
        if name == "raw_frames" and not turns:
            turns.append(1)
            for stan in range(5000, 5005):
                record(tmp_path / "shop", exchange("SALE", stan, stan - 4990))
            list(maintain(shop, dt.date(2026, 11, 22)))
        copied(lake, name, target)

    monkeypatch.setattr(lakecopy, "_copied", interrupted)
    back_up(shop, tmp_path / "backup", NOW)
    there = _elsewhere(shop, tmp_path)
    restore(there, tmp_path / "backup")
    land(there)

    stans = sorted(Lake.of(there.lake).read("transactions")["stan"].to_pylist())
    assert stans == [4518, 4519, *range(5000, 5005)]


def test_a_segment_that_is_pruned_during_a_backup_is_in_it(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It had not landed when the tables were copied, and is gone from the spool when they are: its frames are kept."""

    def pruned_after(lake: Lake, target: Path) -> None:
        lakecopy.copied_tables(lake, target)
        for segment in shop.spool.directory.glob("*.seg"):
            segment.unlink()

    monkeypatch.setattr("expectations.backup.copied_tables", pruned_after)
    before = {each.path.name for each in sealed_segments(shop.spool.directory)}
    back_up(shop, tmp_path / "backup", NOW)
    assert {each.name for each in (tmp_path / "backup/spool").glob("*.seg")} == before != set()


def test_a_table_made_while_a_restore_goes_on_is_not_overwritten(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """An answer that a reader gives meanwhile stays; the restore says what is in its way."""
    Lake.of(shop.lake).append("acks", [_ack("old")], app_id="old")
    back_up(shop, tmp_path / "backup", NOW)
    there = _elsewhere(shop, tmp_path)

    def answered_before(lake: Lake, source: Path) -> None:
        lake.append("acks", [_ack("said meanwhile")], app_id="meanwhile")
        lakecopy.put_back(lake, source)

    monkeypatch.setattr("expectations.backup.put_back", answered_before)
    with pytest.raises(LakeError, match="was written meanwhile"):
        restore(there, tmp_path / "backup")
    assert Lake.of(there.lake).read("acks")["finding_id"].to_pylist() == ["said meanwhile"]
    assert not list((tmp_path / "elsewhere").rglob("*.seg"))


def _ack(finding: str) -> dict[str, Any]:
    return {"finding_id": finding, "label": "confirmed", "by": "reader", "at": NOW}


@pytest.mark.parametrize("lost", ["made_at", "cases", "size"])
def test_a_manifest_that_lacks_something_is_no_backup(shop: Settings, tmp_path: Path, lost: str):
    """One line, not a traceback."""
    back_up(shop, tmp_path / "backup", NOW)
    manifest = tmp_path / "backup/manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace(f'"{lost}"', '"lost"'), "utf-8")
    with pytest.raises(BackupError, match="is no whole backup"):
        verified(tmp_path / "backup")


@pytest.mark.parametrize("what", ["spool", "lake", "cases"])
def test_nothing_is_overwritten(shop: Settings, tmp_path: Path, what: str):
    """A segment, a table or a case is there already: it is named, and nothing at all is written."""
    back_up(shop, tmp_path / "backup", NOW)
    there = _elsewhere(shop, tmp_path)
    places: dict[str, dict[str, Any]] = {
        "spool": {"spool": shop.spool},
        "lake": {"lake": shop.lake},
        "cases": {"cases": shop.cases.model_copy(update={"url": f"sqlite:///{tmp_path}/shop/cases.db"})},
    }
    before = _everything(shop)

    with pytest.raises(BackupError, match="is there already"):
        restore(there.model_copy(update=places[what]), tmp_path / "backup")

    assert _everything(shop) == before
    assert not list((tmp_path / "elsewhere").rglob("*.seg"))
    assert not list((tmp_path / "elsewhere").rglob("*.parquet"))


def test_a_changed_missing_or_strange_file_restores_nothing(shop: Settings, tmp_path: Path):
    """One byte, one file, one file too many, no manifest: it is named, and the places stay empty."""
    backup = tmp_path / "backup"
    back_up(shop, backup, NOW)
    there = _elsewhere(shop, tmp_path)
    [segment] = backup.glob("spool/*.seg")
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(data)
    with pytest.raises(BackupError, match=r"\.seg: was changed"):
        restore(there, backup)
    data[-1] ^= 1
    segment.write_bytes(data)
    (backup / "note.txt").write_text("mine")
    with pytest.raises(BackupError, match=r"note\.txt: does not belong"):
        restore(there, backup)
    (backup / "note.txt").unlink()
    [log, *_] = sorted(backup.glob("lake/transactions/_delta_log/*.json"))
    log.rename(tmp_path / "log")
    with pytest.raises(BackupError, match=r"\.json: is missing"):
        restore(there, backup)
    (tmp_path / "log").rename(log)
    (backup / "manifest.json").rename(tmp_path / "manifest.json")
    with pytest.raises(BackupError, match="is no whole backup"):
        restore(there, backup)

    assert list((tmp_path / "elsewhere").glob("spool/*")) == list((tmp_path / "elsewhere").glob("lake/*")) == []
    (tmp_path / "manifest.json").rename(backup / "manifest.json")
    restore(there, backup)
    with pytest.raises(BackupError, match="is not empty"):
        back_up(shop, backup, NOW)


def test_the_commands_say_what_they_did_and_no_key_is_in_a_backup(shop: Settings, tmp_path: Path):
    """A line each; --verify reads it again; the keys' bytes are in no file of it, and only its owner may open it."""
    config = ["--config", str(tmp_path / "shop" / "tillwatch.toml")]
    made = CliRunner().invoke(cli, ["backup", str(tmp_path / "backup"), *config])
    again = CliRunner().invoke(cli, ["backup", "--verify", "--json", str(tmp_path / "backup"), *config])

    assert (made.exit_code, again.exit_code) == (0, 0)
    assert "keys are not in it" in made.stderr
    assert "pan-token.key" in made.stderr
    assert json.loads(again.stdout)["spool"] == 1
    key = shop.keys.pan_token.read_bytes().strip()
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert not any(key in path.read_bytes() for path in files)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0

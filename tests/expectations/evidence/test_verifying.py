"""Evidence packs are verified: no byte of them, and of what they rest on, changes unseen."""

import json
import random
import zipfile
from pathlib import Path

import pytest

from expectations.cases.record import CaseRecord
from expectations.evidence.manifest import sealed
from expectations.evidence.pack import make_pack, zipped
from expectations.evidence.verify import verify_pack
from ingest.errors import EvidenceError
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.evidence.evidenceshop import NOW, config_of, manifest_of, run

pytestmark = pytest.mark.thorough


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x01
    path.write_bytes(data)


def test_an_untouched_pack_is_proven(shop: Settings, pack: Path):
    """Four frames and two rows of two sales, all in the spool, no problem."""
    result = verify_pack(pack, shop)
    assert result.problems == ()
    assert (result.files, result.ranges, result.in_spool) == (4, 4, 4)
    assert result.rows == 6


def test_the_same_case_makes_the_same_bytes(shop: Settings, twice: CaseRecord, tmp_path: Path, pack: Path):
    """A pack is a function of the case, the data and the moment; a folder holds the files of the ZIP."""
    again = make_pack(twice, shop, tmp_path / "again.zip", locale="zh-CN", now=NOW)
    folder = make_pack(twice, shop, tmp_path / "folder", locale="zh-CN", now=NOW).path
    assert again.path.read_bytes() == pack.read_bytes()
    assert zipped({each.name: each.read_bytes() for each in folder.iterdir()}) == pack.read_bytes()
    assert verify_pack(folder, shop).problems == ()


def test_any_changed_bit_of_a_pack_is_found(shop: Settings, pack: Path):
    """Wherever in the ZIP it is, headers, files, directory: a problem is named, or it is no pack at all."""
    data = pack.read_bytes()
    for offset in [0, len(data) - 1, *random.Random(1).sample(range(len(data)), 60)]:
        flip(pack, offset)
        try:
            problems = verify_pack(pack, shop).problems
        except EvidenceError as refused:
            problems = (refused.message,)
        assert problems, f"byte {offset}"
        flip(pack, offset)
    assert verify_pack(pack, shop).problems == ()


@pytest.mark.parametrize("name", ["evidence.pdf", "details.csv", "complaint.zh-CN.txt", "manifest.json"])
def test_a_changed_file_of_a_folder_is_named(shop: Settings, twice: CaseRecord, tmp_path: Path, name: str):
    """One bit of any file: status 1, and the file's name."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale="en", now=NOW).path
    flip(folder / name, (folder / name).read_bytes().index(b"ReportLab" if name == "evidence.pdf" else b"C-1121"))
    ended = run("verify", str(folder), "--config", str(config_of(shop)))
    assert ended.exit_code == 1
    assert ended.stdout == f"{name}: was changed\n"


def test_a_changed_byte_of_a_segment_is_found_where_it_is(shop: Settings, pack: Path):
    """In a record of the case: the bytes are named. Elsewhere in the file: the file is."""
    [segment] = shop.spool.directory.glob("*.seg")
    stated = manifest_of(pack)["ranges"][1]
    flip(segment, stated["offset"] + stated["length"] - 5)
    first, last = stated["offset"], stated["offset"] + stated["length"] - 1
    problems = verify_pack(pack, shop).problems
    assert f"segment {segment.name}: bytes {first} to {last} (record {stated['seq']}) were changed" in problems

    flip(segment, stated["offset"] + stated["length"] - 5)
    assert verify_pack(pack, shop).problems == ()
    flip(segment, 3)
    assert verify_pack(pack, shop).problems == (f"segment {segment.name}: was changed outside the records of the case",)


@pytest.mark.parametrize("table", ["transactions", "raw_frames"])
def test_a_changed_byte_of_a_row_is_found(shop: Settings, pack: Path, table: str):
    """Each bit of the table's file is found by name, or the rows of the case read as they did (file's own notes)."""
    [file] = map(Path, Lake(shop.lake.uri).files(table))
    offsets = random.Random(2).sample(range(4, file.stat().st_size), 25)
    found = 0
    for offset in offsets:
        flip(file, offset)
        ended = run("verify", str(pack), "--config", str(config_of(shop)))
        assert (ended.exit_code == 1) == (table in ended.stdout)
        found += ended.exit_code
        flip(file, offset)
    assert found > len(offsets) // 4


def test_a_row_that_says_something_else_is_found(shop: Settings, pack: Path):
    """A row written anew with another amount, in a sound file: the row is named."""
    lake = Lake(shop.lake.uri)
    rows = lake.read("transactions").to_pylist()
    rows[0]["amount_fen"] += 1
    app = "forger"
    days = sorted({row["business_date"] for row in rows})
    assert lake.replace("transactions", rows, partitions={"business_date": days}, app_id=app, app_version=1)
    named = f"transactions transaction_id={rows[0]['transaction_id']}: was changed"
    assert verify_pack(pack, shop).problems == (named,)


def test_a_pruned_spool_leaves_the_lake_as_proof(shop: Settings, pack: Path):
    """Without the segment the frames' rows prove the pack; without the rows too, it is not proven."""
    [segment] = shop.spool.directory.glob("*.seg")
    segment.unlink()
    result = verify_pack(pack, shop)
    assert (result.problems, result.in_spool) == ((), 0)
    elsewhere = shop.model_copy(update={"lake": shop.lake.model_copy(update={"uri": shop.lake.uri + "-gone"})})
    gone = verify_pack(pack, elsewhere)
    assert (len(gone.problems), gone.unproven) == (result.rows, result.rows)


def test_a_cleared_spool_is_told_with_its_day_and_what_proves_instead(shop: Settings, pack: Path):
    """`spool prune` writes down what it clears: verifying names the day, says what stands in, and is content."""
    [segment] = shop.spool.directory.glob("*.seg")
    told = {"file": segment.name, "pruned_at": "2026-11-29T04:00:00+08:00"}
    (shop.spool.directory / "pruned.jsonl").write_text(json.dumps(told) + "\n")
    segment.unlink()
    ended = run("verify", str(pack), "--config", str(config_of(shop)))
    assert (ended.exit_code, ended.stdout) == (0, "")
    verdict, note = ended.stderr.splitlines()
    assert verdict == "C-1121-0001: 4 files, 4 raw records (0 in the spool), 6 rows: every byte is as it was"
    said = "cleared from the spool on 2026-11-29: the lake's rows of the same frames prove those records instead"
    assert note == f"tillwatch: {said}"


@pytest.mark.parametrize("spool", ["emptied", "gone", "another"])
def test_what_is_gone_is_not_called_changed_and_what_to_do_is_said(shop: Settings, pack: Path, spool: str):
    """No lake and no segment: status 1, each record and row by name, why it cannot be proven here, and what to do."""
    folder = shop.spool.directory
    [segment] = folder.glob("*.seg")
    stated = manifest_of(pack)
    if spool == "another":
        segment.rename(segment.with_name(f"{1:020d}-{'f' * 32}.seg"))
    else:
        for each in folder.iterdir():
            each.unlink()
    if spool == "gone":
        folder.rmdir()
    config_of(shop).write_text(config_of(shop).read_text("utf-8").replace('uri = "lake"', 'uri = "other"'), "utf-8")
    bare = pack.with_name("bare.zip")
    with zipfile.ZipFile(pack) as archive:
        files = {each.filename: archive.read(each) for each in archive.infolist()}
    frames = [each for each in stated["rows"] if each["table"] == "raw_frames"]
    stated["rows"] = [each for each in stated["rows"] if each not in frames]
    bare.write_bytes(zipped(files | {"manifest.json": sealed(stated)}))
    ended = run("verify", str(bare), "--config", str(config_of(shop)))
    assert ended.exit_code == 1
    why = {
        "emptied": f"the spool {folder} holds no segments",
        "gone": f"there is no spool {folder}",
        "another": f"not in the spool {folder}, whose pruned.jsonl does not say that it was cleared",
    }[spool]
    records = [f"segment {each['file']}, record {each['seq']}: {why}; the pack names no row of its frame"
               for each in stated["ranges"]]  # fmt: skip
    rows = [f"transactions transaction_id={each['key']['transaction_id']}: is not in the lake"
            for each in stated["rows"]]  # fmt: skip
    assert ended.stdout.splitlines() == records + rows
    assert "4 raw records (0 in the spool), 2 rows: 6 cannot be proven here\n" in ended.stderr
    assert "was not found changed" in ended.stderr
    assert "`tillwatch restore` a backup" in ended.stderr


ODD_NAMES = [
    "../evil.txt",
    "/etc/evil.txt",
    "a/../../evil.txt",
    "..\\evil.txt",
    "C:\\evil.txt",
    "evidence.pdf/",
    "./manifest.json",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_with_a_folder_in_it_is_no_name_of_a_pack(shop: Settings, pack: Path, tmp_path: Path, name: str):
    """Path tricks: the pack is not proven, the name is said, and nothing is written anywhere."""
    before = {path for path in tmp_path.rglob("*") if path.name != pack.name}
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"evil")
    problems = verify_pack(pack, shop).problems
    assert any("which no pack has" in each for each in problems)
    assert {path for path in tmp_path.rglob("*") if path.name != pack.name} == before


def test_two_files_of_one_name_are_no_pack(shop: Settings, pack: Path):
    """Readers would differ in which of the two they show."""
    with zipfile.ZipFile(pack, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(zipfile.ZipInfo("complaint.zh-CN.txt"), b"another")
    assert any("which no pack has" in each for each in verify_pack(pack, shop).problems)


def test_a_pack_that_would_fill_the_memory_is_refused(shop: Settings, tmp_path: Path):
    """A ZIP of zeros that says it is larger than any pack is not unpacked."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("manifest.json", "w") as file:
        for _ in range(201):
            file.write(bytes(1 << 20))
    with pytest.raises(EvidenceError, match="larger than any pack"):
        verify_pack(bomb, shop)

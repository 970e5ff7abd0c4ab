"""Landing: segments that are damaged, cut, not ours or not readable, and tables that are newer than their frames."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest import segment_table
from ingest.deriving import DERIVED
from ingest.errors import LakeError
from ingest.landing import land
from ingest.segment import HEADER_SIZE
from ingest.segments import sealed_segments
from tests.ingest.landingshop import Shop, damage, sale

pytestmark = pytest.mark.slow  # whole landings


def test_damaged_segment_lands_but_for_its_gap(shop: Shop, record_property: Any) -> None:
    """The damaged record is a row of rejects with its number, the others land, and it is said once."""
    shop.seal(sale(2, 10) + sale(3, 20), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    damage(path, path.stat().st_size // 2)

    result, again = land(shop.settings), land(shop.settings)

    (reject,) = shop.rows("rejects")
    assert len(result.damaged) == 1
    assert path.name in result.damaged[0]
    assert again.damaged == []
    assert (reject["kind"], reject["code"], reject["layer"]) == ("gap", "gap", "spool")
    assert reject["seq"] in range(1, 6)
    assert f"records {reject['seq']} to" in reject["expected"]
    assert sum(row["kind"] == "frame" for row in shop.rows("raw_frames")) == 5
    assert 4 in {row["stan"] for row in shop.rows("transactions")}
    record_property("lost", "0 of 5 sound frames")


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "text"])
def test_sound_copy_put_back_lands_what_was_missing(shop: Shop, harm: str) -> None:
    """Nothing of a damaged segment is lost for good, and nothing of it comes twice."""
    shop.seal(sale(2, 10) + sale(3, 20), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    sound = path.read_bytes()
    path.chmod(0o640)
    middle = len(sound) // 2
    path.write_bytes(
        {
            "flipped": sound[:middle] + bytes([sound[middle] ^ 0xFF]) + sound[middle + 1 :],
            "cut": sound[:middle],
            "empty": b"",
            "text": b"hello\n" * 99,
        }[harm]
    )
    land(shop.settings)
    still = land(shop.settings)
    path.write_bytes(sound)

    mended, again = land(shop.settings), land(shop.settings)

    numbers = [(row["segment_id"], row["seq"]) for row in shop.rows("raw_frames") if row["kind"] == "frame"]
    assert (still.changed, still.damaged) == (False, [])
    assert (mended.segments, mended.damaged, again.changed) == (1, [], False)
    assert len(numbers) == len(set(numbers)) == 6
    assert sorted(row["stan"] for row in shop.rows("transactions")) == [2, 3, 4]


def test_tables_newer_than_their_frames_are_refused(shop: Shop) -> None:
    """When raw_frames alone was taken away, new frames are not left out in silence; all all moved, all is back."""
    for stan in range(3):
        shop.seal(sale(stan, 10 * stan))
        land(shop.settings)
    before = len(shop.rows("transactions"))
    shutil.rmtree(shop.lake.root / "raw_frames")
    newest = sealed_segments(shop.settings.spool.directory)[-1].path
    newest.rename(aside := shop.folder / newest.name)

    with pytest.raises(LakeError, match="made from version 3 of raw_frames, which is at 2") as refused:
        land(shop.settings)
    aside.rename(newest)
    for name in ("raw_frames", *DERIVED):
        assert name in refused.value.hint
        shutil.rmtree(shop.lake.root / name)
    land(shop.settings)

    assert len(shop.rows("transactions")) == before == 3


@pytest.mark.parametrize("part", ["header", "footer", "all"])
def test_segment_without_head_or_foot_is_not_lost(shop: Shop, part: str) -> None:
    """A broken header, a broken footer, or nothing but zeros: what can be read lands, the rest is one reject."""
    shop.seal(sale(2, 10), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    if part == "all":
        path.chmod(0o640)
        path.write_bytes(bytes(path.stat().st_size))
    else:
        damage(path, 4 if part == "header" else path.stat().st_size - 4)

    result, again = land(shop.settings), land(shop.settings)

    stans = {row["stan"] for row in shop.rows("transactions")}
    assert stans == ({4} if part == "all" else {2, 4})
    assert len(result.damaged) == 1
    assert not again.changed
    assert {row["kind"] for row in shop.rows("rejects")} == {"gap"}


def test_segment_of_another_version_waits(shop: Shop, record_property: Any) -> None:
    """A segment that a later tillwatch wrote is said, left alone, and lands once this one can read it."""
    import google_crc32c

    shop.seal(sale(2, 10), sale(4, 30))
    path = sealed_segments(shop.settings.spool.directory)[0].path
    known = path.read_bytes()
    head = known[:8] + (9).to_bytes(2, "big") + known[10 : HEADER_SIZE - 4]
    path.chmod(0o640)
    path.write_bytes(head + google_crc32c.value(head).to_bytes(4, "big") + known[HEADER_SIZE:])

    first, again = land(shop.settings), land(shop.settings)
    path.write_bytes(known)
    updated = land(shop.settings)

    assert [len(result.damaged) for result in (first, again, updated)] == [1, 1, 0]
    assert "format version 9" in first.damaged[0]
    assert (first.segments, again.segments, updated.segments) == (1, 0, 1)
    assert {row["stan"] for row in shop.rows("transactions")} == {2, 4}
    assert shop.rows("rejects") == []
    record_property("lost", "0 of 2 segments")


def test_segment_that_cannot_be_opened_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input error on one segment is said; the others land, and it lands on the next run."""
    shop.seal(sale(2, 10), sale(4, 30))
    broken = sealed_segments(shop.settings.spool.directory)[0].path

    def failing(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(path: Path, *more: Any) -> Any:
            if path == broken:
                raise OSError(5, "Input/output error")
            return read(path, *more)

        return reading

    monkeypatch.setattr(segment_table, "_read", failing(segment_table._read))  # whole, by columns
    monkeypatch.setattr(Path, "read_bytes", failing(Path.read_bytes))  # record by record
    first = land(shop.settings)
    monkeypatch.undo()
    second = land(shop.settings)

    assert (first.segments, len(first.damaged), second.segments, second.damaged) == (1, 1, 1, [])
    assert {row["stan"] for row in shop.rows("transactions")} == {2, 4}

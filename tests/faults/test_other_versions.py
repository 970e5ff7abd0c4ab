"""A spool that another tillwatch wrote into: an older one, and a newer one that was taken back."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import google_crc32c
import pytest

from ingest.lake import Lake
from ingest.records import Kind
from ingest.retention import missing_in, prune
from ingest.segment import HEADER_SIZE, SEGMENT_MAGIC, Chain
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from tests.faults.spool_writer import KEYS, frame_of, record_of

GOLDEN = Path(__file__).parents[1] / "vectors" / "spool-format-1.seg"
GOLDEN_OPEN = GOLDEN.with_suffix(".open")
GOLDEN_OPEN_ID = "aabf74f0746b4dafb3633269d3dbc54b"
ID = "48325" + "9" * 27


def header(version: int, size: int) -> bytes:
    """The header of a format that nobody has thought of yet: what all versions share, then anything."""
    body = SEGMENT_MAGIC + version.to_bytes(2, "big") + size.to_bytes(2, "big")
    body += bytes(size - 4 - len(body))
    checksum: int = google_crc32c.value(body)
    return body + checksum.to_bytes(4, "big")


@pytest.mark.parametrize("suffix", [".seg", ".open", ".poisoned"])
@pytest.mark.parametrize("size", [HEADER_SIZE, 200])
@pytest.mark.parametrize("again", ["unreadable", "as ours"])
def test_a_segment_of_a_later_version_is_left_alone_and_collecting_goes_on(
    tmp_path: Path, suffix: str, size: int, again: str, record_property: Any
) -> None:
    """Fault 20: its bytes and name stay, also when records in it look like ours; new numbers are above all of its."""
    with Spool(tmp_path / "ours", KEYS) as spool:
        spool.append_many([record_of(number) for number in range(50)])
    (sealed,) = sealed_segments(tmp_path / "ours")
    body = sealed.path.read_bytes()[HEADER_SIZE:]
    later = header(2, size) + (body if again == "as ours" else bytes(byte ^ 0x5A for byte in body))
    spool_folder = tmp_path / "spool"
    spool_folder.mkdir()
    path = spool_folder / f"{1000:020d}-{ID}{suffix}"
    path.write_bytes(later)

    for run in range(2):
        with Spool(spool_folder, KEYS) as spool:
            assert suffix == ".seg" or any("format version 2" in note for note in spool.recovery.notes)
            (number,) = spool.append_many([record_of(run)])[-1:]
            assert number > 1000 + 50
    assert path.read_bytes() == later
    ours = [info for info in sealed_segments(spool_folder) if info.path != path]
    frames = [record for info in ours for record in read_segment(info.path) if record.kind is Kind.FRAME]
    assert [record.frame for record in frames] == [frame_of(0), frame_of(1)]
    assert len({record.seq for record in frames}) == 2

    judged = list(
        prune(
            spool_folder,
            missing_in(Lake(tmp_path / "lake"), ZoneInfo("Asia/Shanghai")),
            keep_days=0,
            now=dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
        )
    )
    assert judged[0].stays
    assert path.exists()
    record_property("tried", "12 kinds of segment, two starts each")
    record_property("lost", "0")


def test_numbers_go_on_after_a_segment_of_the_first_format(tmp_path: Path, record_property: Any) -> None:
    """A spool of the first release is taken over: its numbers are not used again, its records stay readable."""
    folder = tmp_path / "spool"
    folder.mkdir()
    old = folder / f"{1:020d}-4832597bf9c55e4bdab1f9e21b0b1e9b.seg"
    shutil.copyfile(GOLDEN, old)
    with Spool(folder, KEYS) as spool:
        assert spool.append_many([record_of(1)]) == [8]  # 7 is the line's session
    assert old.read_bytes() == GOLDEN.read_bytes()
    assert [record.seq for info in sealed_segments(folder) for record in read_segment(info.path)] == list(range(1, 9))
    record_property("lost", "0 of 8 records")


def test_an_open_segment_of_the_first_format_is_taken_over(tmp_path: Path, record_property: Any) -> None:
    """Fault 20: a collector of the first format was killed, today's starts: the segment is sealed with all its records.

    It holds one session and five frames, appended in batches of two, two and one, with the key of these tests.
    """
    folder = tmp_path / "spool"
    folder.mkdir()
    left = folder / f"{1:020d}-{GOLDEN_OPEN_ID}.open"
    shutil.copyfile(GOLDEN_OPEN, left)
    with Spool(folder, KEYS) as spool:
        (taken,) = spool.recovery.sealed
        assert (taken.first_seq, taken.last_seq, taken.count) == (1, 6, 6)
        assert spool.append_many([record_of(9)]) == [8]  # 7 is the line's session
    sealed = read_segment(taken.path, chain=Chain(KEYS.chain))
    assert [record.frame for record in sealed if record.kind is Kind.FRAME] == [frame_of(n) for n in range(1, 6)]
    assert taken.path.read_bytes().startswith(GOLDEN_OPEN.read_bytes())
    record_property("tried", "one open segment of format 1, as its release left it")
    record_property("lost", "0 of 5 frames")


def test_numbers_are_not_used_again_after_a_segment_that_lost_everything(tmp_path: Path) -> None:
    """The newest segment holds nothing but zeros: the next number is still above its first."""
    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([record_of(number) for number in range(5)])
        spool.seal()
        spool.append_many([record_of(5)])
    last = sealed_segments(tmp_path)[-1].path
    last.chmod(0o600)
    last.write_bytes(bytes(last.stat().st_size))
    with Spool(tmp_path, KEYS) as spool:
        assert spool.next_seq > int(last.name[:20])

"""A data file is read back before it counts: what a disk or a memory does to it meanwhile is seen."""

import datetime as dt
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest import datafile
from ingest.errors import LakeError
from ingest.pages import FIRST, are_sound

if TYPE_CHECKING:
    import pyarrow as pa

FLIPS = 200
KEYS = ("number", "when")
PAGE = 1000
"""What pyarrow writes at a time and is larger than this is a page; its header comes by itself."""


def table(rows: int = 3000) -> "pa.Table":
    """Numbers, moments, texts that repeat and texts that do not, gaps among them."""
    import pyarrow as pa

    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    return pa.table(
        {
            "number": pa.array(range(rows), pa.int64()),
            "when": pa.array([moment + dt.timedelta(seconds=row) for row in range(rows)], pa.timestamp("us", "UTC")),
            "line": pa.array([f"lane-{row % 7}" if row % 5 else None for row in range(rows)]),
            "digest": pa.array([random.Random(row).randbytes(16).hex() for row in range(rows)]),
            "frame": pa.array([random.Random(row).randbytes(row % 90) for row in range(rows)], pa.binary()),
            "nothing": pa.nulls(rows, pa.string()),
        }
    )


def flipped(data: bytes, at: int, bit: int) -> bytes:
    """With one bit the other way round."""
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_a_sound_file_passes_and_is_the_table(tmp_path: Path) -> None:
    """And nothing is left of it once it is not wanted."""
    import pyarrow.parquet as pq

    with datafile.written(table(), tmp_path, KEYS) as file:
        assert file.path.read_bytes() == file.data
        assert pq.read_table(file.path, page_checksum_verification=True).equals(table())
    assert not list(tmp_path.iterdir())


def test_no_bit_that_a_disk_turns_goes_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anywhere in the file: pages, their headers, the footer."""
    whole, chance = table(), random.Random(20)
    with datafile.written(whole, tmp_path, KEYS) as file:
        size = len(file.data)

    def disk(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(flipped(data, chance.randrange(size), chance.randrange(8)))

    monkeypatch.setattr(datafile, "sync", disk)
    for _ in range(FLIPS):
        with pytest.raises(LakeError, match="differs from what was written"), datafile.written(whole, tmp_path, KEYS):
            pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("harm", [lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda _: b""])
def test_a_file_that_was_cut_off_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[bytes], bytes]
) -> None:
    """A write that the disk lost in part."""
    monkeypatch.setattr(datafile, "sync", lambda path: path.write_bytes(harm(path.read_bytes())))
    with pytest.raises(LakeError, match="differs from what was written"), datafile.written(table(), tmp_path, KEYS):
        pass


def test_no_bit_of_a_page_that_memory_turns_goes_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a page's checksum and the file: the file is then what it was told to be, and yet wrong."""
    whole, chance = table(), random.Random(21)
    write, tried = datafile._Sink.write, list[int]()

    def memory(sink: Any, piece: bytes) -> int:
        if len(piece) > PAGE and tried[-1] == 0 and not piece.endswith(b"PAR1"):
            tried[-1] = len(piece)
            piece = flipped(piece, chance.randrange(len(piece)), chance.randrange(8))
        return int(write(sink, piece))

    monkeypatch.setattr(datafile._Sink, "write", memory)
    for _ in range(40):
        tried.append(0)
        with pytest.raises(LakeError, match="differs from what was written"), datafile.written(whole, tmp_path, KEYS):
            pass
    assert all(tried)


def test_keys_that_are_not_the_tables_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound file of other rows: one less, or one whose moment is another."""
    import pyarrow as pa

    whole = table()
    later = whole.set_column(1, "when", pa.array([*whole["when"].to_pylist()[:-1], dt.datetime.now(dt.UTC)]))
    write = datafile._write
    for other in (whole.slice(1), later.cast(whole.schema), whole.rename_columns([*whole.column_names[:-1], "other"])):
        with monkeypatch.context() as patched:
            patched.setattr(datafile, "_write", lambda _, *rest, other=other: write(other, *rest))
            with (
                pytest.raises(LakeError, match="differs from what was written"),
                datafile.written(whole, tmp_path, KEYS),
            ):
                pass


def test_pages_are_told_apart_as_pyarrow_tells_them(tmp_path: Path) -> None:
    """The first bytes of the file, its pages one after the other, then the footer: nothing between."""
    import pyarrow.parquet as pq

    path = tmp_path / "some.parquet"
    pq.write_table(table(), path, row_group_size=700, data_page_size=2000, **datafile.options(table().schema))
    data = memoryview(path.read_bytes())
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    assert are_sound(data, end)
    assert not are_sound(data, end - 1)
    assert not are_sound(data, end + 1)
    groups = pq.ParquetFile(path).metadata
    chunks = [groups.row_group(group).column(0) for group in range(groups.num_row_groups)]
    for chunk in chunks:
        first = chunk.dictionary_page_offset or chunk.data_page_offset
        assert are_sound(data, first)
    assert chunks[0].data_page_offset == FIRST
    assert zlib.crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32/ISO-HDLC


def test_pages_without_a_checksum_are_not_sound(tmp_path: Path) -> None:
    """Nothing can be said of them."""
    import pyarrow.parquet as pq

    path = tmp_path / "some.parquet"
    pq.write_table(table(), path, write_page_checksum=False)
    data = memoryview(path.read_bytes())
    assert not are_sound(data, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))

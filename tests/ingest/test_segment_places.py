"""Where the records of a segment lie: told alike by machine code and by Python, sound or not."""

import array
import hashlib
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.frame_parts import parts_of
from ingest.segment import FOOTER_SIZE, HEADER_SIZE, RECORD_OVERHEAD, Footer
from ingest.segment_table import _counted, _read
from protocols.columnar.loading import loops


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400), max_size=30),
    st.integers(-1, 1),
    st.none() | st.integers(0, 2**40 - 1),
    st.integers(1, 3000),
)
def test_places_are_those_of_one_step_after_the_other(
    lengths: list[int], more: int, broken: int | None, at_a_time: int
) -> None:
    """Of whole records, of another number than the footer counts, behind a wrong length, however the file is read."""
    data, expected = bytearray(HEADER_SIZE), []
    for length in lengths:
        expected.append(len(data))
        data += b"\xf1\x5e\x01\x02" + length.to_bytes(4, "big") + b"\xff" * (RECORD_OVERHEAD - 8 + length)
    data += bytes(FOOTER_SIZE)
    if broken is not None and len(data) > HEADER_SIZE + FOOTER_SIZE:
        at = HEADER_SIZE + broken // 256 % (len(data) - HEADER_SIZE - FOOTER_SIZE)
        data[at] = broken % 256
    footer = Footer(max(0, len(lengths) + more), 1, 1, "", 0)
    with tempfile.TemporaryDirectory() as folder, patch("ingest.segment_table._NEAR", at_a_time):
        path = Path(folder) / "segment"
        path.write_bytes(data)
        found = [_read(path, compiled) for compiled in (False, True)]
    assert {(bytes(read), told) for read, told, _ in found} == {
        (bytes(data), hashlib.sha256(data[:-FOOTER_SIZE]).hexdigest())
    }
    one, other = (_counted(read, places, footer) for read, _, places in found)
    assert (one is None) == (other is None)
    if one is not None:
        assert one.tolist() == other.tolist()
    if broken is None:
        assert (one is None) == (footer.count != len(lengths))
        assert one is None or one.tolist() == expected


PAYLOADS = st.tuples(st.binary(min_size=16, max_size=16), st.text("09afK:", max_size=80), st.binary(max_size=300))
"""Digest, token and frame."""


@settings(deadline=None)
@given(st.lists(PAYLOADS, min_size=1, max_size=40), st.integers(0, 20), st.none() | st.integers(0, 2**20))
def test_parts_of_payloads_are_those_that_were_put_together(
    payloads: list[tuple[bytes, str, bytes]], gap: int, broken: int | None
) -> None:
    """Told alike by loops and in numpy, wherever they lie; a token too long for its payload, or no ASCII, by none."""
    data, starts, ends = bytearray(), array.array("q"), array.array("q")
    for digest, token, frame in payloads:
        data += bytes(gap)
        starts.append(len(data))
        data += digest + bytes(8) + bytes([len(token)]) + token.encode() + frame
        ends.append(len(data))
    data += bytes(FOOTER_SIZE)
    if broken is not None:
        row = broken % len(payloads)
        room = ends[row] - starts[row] - 25
        data[starts[row] + 24 if broken & 1 << 10 or not payloads[row][1] else starts[row] + 25] = 255
        assert room < 400
    begin, end = np.array(starts, np.int64), np.array(ends, np.int64)
    found = [parts_of(memoryview(bytes(data)), begin, end, made) for made in (None, loops())]
    if broken is not None and room < 255:
        assert found == [None, None]
        return
    one, other = found
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    for name in ("tokens", "frames", "digests"):
        assert getattr(one, name).equals(getattr(other, name))
    assert one.lengths.tolist() == other.lengths.tolist()
    if broken is None:
        assert one.tokens.to_pylist() == [token or None for _, token, _ in payloads]
        assert one.frames.to_pylist() == [frame for _, _, frame in payloads]
        assert one.digests.to_pylist() == [digest.hex() for digest, _, _ in payloads]


def test_a_payload_shorter_than_its_head_is_no_frames() -> None:
    """By one byte, and by all of them."""
    for size in (24, 0):
        data = memoryview(bytes(size + FOOTER_SIZE))
        begin, end = np.zeros(1, np.int64), np.full(1, size, np.int64)
        assert [parts_of(data, begin, end, made) for made in (None, loops())] == [None, None]

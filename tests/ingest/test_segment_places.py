"""Where the records of a segment lie: told alike by machine code and by Python, sound or not."""

import hashlib
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.segment import FOOTER_SIZE, HEADER_SIZE, RECORD_OVERHEAD, Footer
from ingest.segment_table import _counted, _read


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

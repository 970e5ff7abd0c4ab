"""Captures: good lines are read whatever stands between them."""

import datetime as dt
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.capture import LINE_LIMIT, Broken, Captured, CaptureError, capture_line, open_capture, read_capture
from ingest.records import Kind, Record

GOOD = {"t": "2026-11-21T20:41:07.123456+08:00", "line": "lane-1", "dir": "rx", "frame": "0060AB"}


def lines(*values: object) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(value).encode() + b"\n" for value in values))


def test_a_line_says_when_where_which_way_and_what() -> None:
    """The contract's example, to the microsecond."""
    (one,) = read_capture(lines(GOOD))
    at = int(dt.datetime(2026, 11, 21, 12, 41, 7, tzinfo=dt.UTC).timestamp()) * 10**9 + 123_456_000
    assert one == Captured(1, at, "lane-1", "rx", b"\x00\x60\xab")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"t": None}, "no t"),
        ({"t": "yesterday"}, "t is not an ISO 8601 time"),
        ({"t": "2026-11-21T20:41:07"}, "t has no time zone"),
        ({"t": "9999-12-31T00:00:00+00:00"}, "t is out of reach: years 1678 to 2262 can be kept"),
        ({"line": 7}, "no line"),
        ({"line": ""}, "line is empty"),
        ({"dir": "up"}, "dir is neither rx nor tx"),
        ({"frame": "00z0"}, "frame is not hex"),
        ({"frame": "006"}, "frame is not hex"),
        ({"frame": ""}, "frame is empty"),
        ({"frame": None}, "no frame"),
    ],
)
def test_a_broken_line_says_what_is_wrong_without_quoting_it(change: dict[str, object], why: str) -> None:
    """The number, the fault, and none of its content; the lines around it are read."""
    first, broken, last = read_capture(lines(GOOD, GOOD | change, GOOD))
    assert broken == Broken(2, why)
    assert isinstance(first, Captured)
    assert isinstance(last, Captured)
    assert last.number == 3


@pytest.mark.parametrize("raw", [b"[1]\n", b"null\n"])
def test_json_that_is_no_object_is_broken(raw: bytes) -> None:
    """A list or a null is a line of some other format."""
    assert list(read_capture(io.BytesIO(raw))) == [Broken(1, "not an object")]


def test_a_capture_cut_in_its_last_line_says_so() -> None:
    """What a full disk or a killed writer leaves: the last line is named as cut, all before it are read."""
    whole = lines(GOOD, GOOD).getvalue()
    for cut in range(len(whole) // 2 + 1, len(whole) - 1):
        first, last = read_capture(io.BytesIO(whole[:cut]))
        assert isinstance(first, Captured)
        assert isinstance(last, Broken)
        assert last.why.endswith("the capture ends in the middle of it")
    assert len([one for one in read_capture(io.BytesIO(whole[:-1])) if isinstance(one, Captured)]) == 2


def test_blank_lines_and_a_byte_order_mark_are_nothing() -> None:
    """Editors leave them; they are neither frames nor faults."""
    data = b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n\n" + json.dumps(GOOD).encode()
    assert [one.number for one in read_capture(io.BytesIO(data)) if isinstance(one, Captured)] == [1, 4]


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """A line beyond the limit is passed over in pieces; the next one is read."""
    data = b"x" * (3 * LINE_LIMIT + 5) + b"\n" + json.dumps(GOOD).encode() + b"\n"
    broken, good = read_capture(io.BytesIO(data))
    assert isinstance(broken, Broken)
    assert "longer than" in broken.why
    assert isinstance(good, Captured)
    assert good.number == 2


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    """No content of a file raises; each line with something in it is a frame or a fault."""
    found = list(read_capture(io.BytesIO(data)))
    assert len(found) == sum(1 for line in data.split(b"\n") if line.strip())


def test_deep_nesting_is_a_broken_line() -> None:
    """Brackets by the thousand end in a fault, not in a stack overflow."""
    (one,) = read_capture(io.BytesIO(b"[" * 100_000 + b"\n"))
    assert one == Broken(1, "not JSON")


@given(st.integers(0, 2**61), st.binary(min_size=1, max_size=80), st.sampled_from(["rx", "tx"]))
def test_what_is_exported_is_read_back(micro: int, frame: bytes, direction: str) -> None:
    """A record written as a capture's line is that frame again, in any zone, to the microsecond."""
    wall = micro % (4 * 10**15) * 1000
    record = Record(
        1, Kind.FRAME, "三号-1", "p", wall, 0, 0, direction="rx" if direction == "rx" else "tx", frame=frame
    )
    zone = dt.timezone(dt.timedelta(hours=8))
    (back,) = read_capture(io.BytesIO(capture_line(record, zone).encode() + b"\n"))
    assert back == Captured(1, wall, "三号-1", record.direction, frame)


def test_a_capture_that_is_not_there_is_named(tmp_path: object) -> None:
    """The path and a hint."""
    from pathlib import Path

    with pytest.raises(CaptureError, match=r"none\.capture\.jsonl: cannot be read") as refused:
        open_capture(Path(str(tmp_path)) / "none.capture.jsonl")
    assert refused.value.hint


def test_a_frame_is_not_in_a_repr() -> None:
    """A capture's frame is not safe yet, so nothing prints it."""
    (one,) = read_capture(lines(GOOD | {"frame": "AABBCCDDEEFF"}))
    assert "aabbccdd" not in repr(one).lower()
    assert "xaa" not in repr(one).lower()

"""Plain lines of a capture read at once: what they say is what each says by itself, or nothing is said."""

import io
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.capture import Broken, Captured, read_capture
from ingest.capture_table import Block, columns

FRAME = "0060600003"
zones = st.sampled_from(("Z", "+08:00", "-03:30", "+23:59", "+24:00", "+0800", ""))
times = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
    st.sampled_from((1, 1677, 1699, 1700, 1900, 1970, 2000, 2024, 2026, 2199, 2200, 2262, 2263)),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from("TTT "),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(("", ".1", ".123", ".123456", ".1234567", ",123", ".12x")),
    zones,
)
plain_times = st.datetimes(timezones=st.just(None)).map(lambda at: at.isoformat() + "+08:00")
members = st.fixed_dictionaries(
    {
        "t": st.one_of(times, plain_times),
        "line": st.one_of(st.text(max_size=4), st.sampled_from(("lane-1", "", '"', "\x7f", "三号"))),
        "dir": st.sampled_from(("rx", "tx", "tx", "rxx", "r", "")),
        "frame": st.one_of(st.binary(min_size=1).map(bytes.hex), st.sampled_from(("", "0", "0g", "AbCd", "00 11"))),
    }
)
lines = st.builds(
    lambda said, tight, ascii_only: json.dumps(
        said, separators=(",", ":") if tight else (", ", ": "), ensure_ascii=ascii_only
    ),
    members,
    st.booleans(),
    st.booleans(),
)
odd = st.sampled_from(
    ("", " ", "{", "null", '{"t": "', '{"dir": "rx", "t": "2026-01-01T00:00:00Z", "line": "a", "frame": "00"}')
)


def said(time: str = "2026-01-01T00:00:00Z", **more: Any) -> str:
    return json.dumps({"t": time, "line": "a", "dir": "rx", "frame": FRAME} | more)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(lines, lines, odd), min_size=1, max_size=3), st.sampled_from(("", "\n")))
@example([said(), said("2024-02-29T23:59:59.999999-03:30")], "")
@example([said("2023-02-29T00:00:00Z")], "\n")
@example([said() + " "], "\n")
@example([said(), said()[:-1]], "")
@example([said(x=1)], "\n")
def test_columns_say_what_the_lines_say(given_lines: list[str], end: str) -> None:
    """Or nothing, for the lines to be read one by one; never a line less, more or other."""
    text = ("\n".join(given_lines) + end).encode()
    if not text:
        return
    found = columns(Block(1, text))
    if found is None:
        return
    expected = list(read_capture(io.BytesIO(text)))
    assert not any(isinstance(each, Broken) for each in expected)
    rows = found.to_pylist()
    assert len(rows) == len(expected)
    for row, each in zip(rows, expected, strict=True):
        assert isinstance(each, Captured)
        assert (row["wall_us"] * 1000, row["line"], row["dir"], row["frame"]) == (
            each.wall_ns,
            each.line,
            each.direction,
            each.frame,
        )


@settings(deadline=None)
@given(plain_times, st.booleans())
def test_plain_lines_are_read(time: str, tight: bool) -> None:
    """Lines as a capture is written, in the years that the spool can keep, do become columns."""
    at = f"20{time[2:]}" if not time.startswith("20") else time
    if at.startswith("20") and at[5:10] == "02-29":
        at = at[:8] + "28" + at[10:]
    separators = (",", ":") if tight else (", ", ": ")
    text = json.dumps({"t": at, "line": "lane-1", "dir": "tx", "frame": FRAME}, separators=separators)
    assert columns(Block(1, (text + "\n").encode())) is not None

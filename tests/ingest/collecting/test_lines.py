"""A line's state: backoff, the pause that ends a frame, what a side holds."""

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.lines import LONGEST_DELAY, OUTGOING_LIMIT, Backoff, Side, Stream, make_line
from ingest.records import Kind

SECOND = 1_000_000_000
LINK = SimpleNamespace(baud=9600, bytesize=8, parity="N", stopbits=1)


@pytest.fixture
def stream(recorder: Any) -> Callable[[str], Stream]:
    """Makes a stream of tiny frames."""

    def make(mode: Any) -> Stream:
        return Stream("lane", "tiny", mode=mode, direction="rx", start=lambda: recorder("lane"))

    return make


def test_the_backoff_doubles_to_its_longest_for_ever() -> None:
    """0.2, 0.4 … 5, 5, 5: a device that comes back after a week is found within five seconds."""
    backoff = Backoff()
    delays = [backoff.delay() for _ in range(100)]

    assert delays[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(delays[5:]) == {LONGEST_DELAY}
    backoff.reset()
    assert backoff.delay() == 0.2


@given(data=st.data())
def test_cutting_the_bytes_elsewhere_gives_the_same_frames(data: Any) -> None:
    """One byte at a time, bursts or all at once: the frames are the same."""
    from .conftest import TinyRecorder, tiny_frame

    bodies = data.draw(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: b[:1] not in {b"X", b"!"})))
    text = b"".join(tiny_frame(body) for body in bodies)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    edges = [0, *cuts, len(text)]
    line = Stream("lane", "tiny", mode="listen", direction="rx", start=lambda: TinyRecorder("lane"))

    records = [record for a, b in pairwise(edges) if b > a for record in line.feed(text[a:b], 0, a)]

    assert [record.frame[2:-2] for record in records] == bodies


@pytest.mark.parametrize(("mode", "seconds"), [("listen", 3), ("relay", 3), ("receive", 0.3)])
def test_a_pause_inside_a_frame_ends_it(stream: Any, frame: Any, mode: str, seconds: float) -> None:
    """Half a frame is noise after the pause and not a moment earlier; what comes then is read afresh."""
    line = stream(mode)
    whole = frame(b"abc")
    assert line.feed(whole[:4], 0, SECOND) == []
    due = line.due_ns

    assert due == SECOND + int(seconds * SECOND)
    [noise, after] = line.feed(whole, 0, due)
    assert (noise.kind, noise.length, after.frame) == (Kind.NOISE, 4, whole)
    assert line.due_ns is None

    line.feed(whole[:4], 0, due + 1)
    [finished] = line.feed(whole[4:], 0, due + int(seconds * SECOND))
    assert finished.frame == whole


def test_a_late_look_at_the_clock_changes_nothing(stream: Any, frame: Any) -> None:
    """The pause is measured between the bytes' own times: a committer that was stuck finds the same frames."""
    line = stream("receive")
    whole = frame(b"abc")
    line.feed(whole[:3], 0, 0)

    records = line.feed(whole[3:], 0, SECOND // 4)

    assert [record.frame for record in records] == [whole]


def test_a_byte_every_fifty_milliseconds_is_a_frame(stream: Any, frame: Any) -> None:
    """A slow terminal is not a broken one."""
    line = stream("receive")
    whole = frame(b"slow terminal")

    records = [record for i, byte in enumerate(whole) for record in line.feed(bytes([byte]), 0, i * SECOND // 20)]

    assert [record.frame for record in records] == [whole]


def test_a_restart_tells_what_was_half_there(stream: Any, frame: Any) -> None:
    """After a bug the stream goes on with a fresh recorder and knows how many bytes that cost."""
    line = stream("listen")
    line.feed(frame(b"abc")[:4], 0, 0)

    assert line.restart() == 4
    assert line.due_ns is None
    assert [record.frame for record in line.feed(frame(b"d"), 0, 1)] == [frame(b"d")]


def test_a_relay_joins_its_sides_and_a_tap_does_not(recorder: Any) -> None:
    """Only a relay ever writes what it heard; a second tap hears the other direction."""
    relay = make_line("r", "tiny", "relay", ["/dev/a", "/dev/b"], link=LINK, start=lambda: recorder("r"))
    tap = make_line("t", "tiny", "listen", ["/dev/a", "/dev/b"], link=LINK, start=lambda: recorder("t"))

    assert relay.sides[0].other is relay.sides[1]
    assert relay.sides[1].other is relay.sides[0]
    assert not any(side.pausable for side in relay.sides)
    assert [side.other for side in tap.sides] == [None, None]
    assert [side.stream.direction for side in tap.sides] == ["rx", "tx"]
    assert all(side.pausable for side in tap.sides)


def test_a_side_keeps_order_and_forgets_when_it_is_closed(recorder: Any) -> None:
    """What the device did not take waits in order; an unplugged side holds nothing for later."""

    class Slow:
        def __init__(self) -> None:
            self.got = b""
            self.room = 3

        def write_some(self, data: Any) -> int:
            taken = min(self.room, len(data))
            self.got += bytes(data[:taken])
            return taken

        def counters(self) -> dict[str, int]:
            return {"overrun": 2, "rx": 500}

        def close(self) -> None: ...

    stream = Stream("r", "tiny", mode="relay", direction="rx", start=lambda: recorder("r"))
    side = Side("/dev/a", "host", stream, pausable=False, link=LINK)
    assert side.send(b"nobody") == 6
    port = Slow()
    side.port = port  # type: ignore[assignment]

    assert side.send(b"abcdef") == 0
    assert side.send(b"ghi") == 0
    port.room = 100
    side.send_waiting()
    assert port.got == b"abcdefghi"

    port.room = 0
    side.send(b"x" * OUTGOING_LIMIT)
    assert side.is_congested
    assert side.drop() == OUTGOING_LIMIT
    assert side.driver_errors == {"overrun": 2}
    assert not side.outgoing

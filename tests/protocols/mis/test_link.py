"""Frames of STX, length, data, ETX, LRC: noise, damage, control bytes, any cut, each way to count the length."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.deframe import Control, Frame, Noise
from protocols.envelope import Link
from protocols.errors import DecodeError
from protocols.mis.link import deframer, rewrap, unwrap, wrap
from protocols.profile import Profile, load_profile


def _line(coding: str, counts: str, *, ack: bool = True, max_frame: int = 2048) -> Profile:
    link = Link("stx", coding, counts, "message", ack=ack, max_frame=max_frame)  # type: ignore[arg-type]
    return dataclasses.replace(load_profile("unionpay"), name="line", link=link)


BCD = _line("bcd", "body")
LINES = [BCD, _line("binary", "body"), _line("binary", "body+etx"), _line("bcd", "body", ack=False)]
DATA = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.lists(st.sampled_from([2, 3, 0, 6, 0x15, 0x9F]), min_size=1, max_size=300).map(bytes),
)
NOISE = st.lists(st.integers(0, 255).filter(lambda byte: byte != 2), max_size=20).map(bytes)


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    """The bytes in pieces of any size."""
    pieces = []
    while data:
        size = rng.randint(1, 9)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def bytes_of(events) -> int:
    """How many bytes of the line the events stand for."""
    return sum(
        len(event.data) if isinstance(event, Frame) else event.length if isinstance(event, Noise) else 1
        for event in events
    )


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (LINES[0], "02 0006 9F0100010203 03 9B"),  # 00^06^9F^01^00^01^02^03^03 = 9B
        (LINES[1], "02 0006 9F0100010203 03 9B"),
        (LINES[2], "02 0007 9F0100010203 03 9A"),
        (LINES[0], "02 0012 303132333435363738394142 03 13"),  # BCD: 12, not 18
    ],
)
def test_a_frame_counts_its_length_as_the_link_says(line, frame):
    """The bytes on the wire, each check sum worked out by hand."""
    raw = bytes.fromhex(frame)
    assert wrap(line.link, raw[3:-2]) == raw
    assert deframer(line).feed(raw) == [Frame(raw, 0)]


@given(st.sampled_from(LINES), st.lists(st.tuples(NOISE, DATA), min_size=1, max_size=4), st.integers())
def test_every_frame_is_found_in_any_noise_in_any_cut(line, parts, seed):
    """All valid frames come out, the bytes add up, and the cut makes no difference."""
    frames = [wrap(line.link, data) for _, data in parts]
    stream = b"".join(noise + frame for (noise, _), frame in zip(parts, frames, strict=True))
    whole = deframer(line)
    events = whole.feed(stream) + whole.flush()
    assert [event.data for event in events if isinstance(event, Frame)] == frames
    assert bytes_of(events) == len(stream)
    pieces = deframer(line)
    again = [event for piece in cut(stream, random.Random(seed)) for event in pieces.feed(piece)] + pieces.flush()
    assert [(type(each), each.offset) for each in again] == [(type(each), each.offset) for each in events]


@pytest.mark.parametrize("line", LINES)
def test_a_frame_behind_false_starts_is_found_when_the_line_falls_silent(line):
    """Whatever came before it, STX and lengths that lie among it, the frame is there after the pause."""
    rng = random.Random(7)
    for _ in range(300):
        noise = bytes(rng.choices((0, 2, 6, 0x10, 0x15, 0x30, 0xFF), k=rng.randint(1, 40)))  # no ETX: no false frame
        frame = wrap(line.link, bytes(rng.choices((0, 2, 0x30, 0x9F), k=rng.randint(1, 60))))
        looking = deframer(line)
        events = looking.feed(noise + frame) + looking.flush()
        assert bytes_of(events) == len(noise + frame)
        assert [event for event in events if isinstance(event, Frame)] == [Frame(frame, len(noise))]


@given(st.sampled_from(LINES), DATA, st.data())
def test_any_wrong_byte_is_seen(line, data, draw):
    """A frame with one wrong byte is not handed out."""
    frame = bytearray(wrap(line.link, data))
    frame[draw.draw(st.integers(0, len(frame) - 1))] ^= draw.draw(st.integers(1, 255))
    looking = deframer(line)
    events = looking.feed(bytes(frame)) + looking.flush()
    assert bytes(frame) not in [event.data for event in events if isinstance(event, Frame)]
    assert bytes_of(events) == len(frame)


@given(st.sampled_from(LINES), DATA, st.data())
def test_a_prefix_is_waited_for(line, data, draw):
    """Part of a frame is neither a frame nor noise until the line falls silent."""
    frame = wrap(line.link, data)
    part = frame[: draw.draw(st.integers(1, len(frame) - 1))]
    looking = deframer(line)
    assert looking.feed(part) == []
    assert looking.pending == len(part)
    assert bytes_of(looking.flush()) == len(part)


def test_acks_between_frames_are_controls():
    """06, 15, 05 and 04 alone are said between frames; inside a frame they are data."""
    frame = wrap(BCD.link, b"\x06\x15\x04\x05")
    assert deframer(BCD).feed(b"\x06" + frame + b"\x15\x05\x04") == [
        Control(0x06, 0),
        Frame(frame, 1),
        *(Control(byte, 2 + len(frame) + at) for at, byte in enumerate(b"\x15\x05\x04", -1)),
    ]


@pytest.mark.parametrize(
    ("damage", "code", "offset"),
    [
        ("02 00A1 00", "claim", 1),  # no BCD
        ("02 0000 03 03", "claim", 1),  # nothing in it
        ("02 9999 41", "claim", 1),  # beyond the longest frame
        ("02 0002 4142 04 05", "etx", 5),
        ("02 0002 4142 03 05", "lrc", 6),
        ("02 0003 4142 03", "cut", 0),
        ("41 42", "babble", 0),
    ],
)
def test_damage_is_named(damage, code, offset):
    """What was wrong first is told with the place, and never with the bytes."""
    looking = deframer(BCD)
    events = looking.feed(bytes.fromhex(damage)) + looking.flush()
    assert isinstance(events[0], Noise)
    assert (events[0].error.code, events[0].error.offset) == (code, offset)
    assert bytes_of(events) == len(bytes.fromhex(damage))


def test_babble_costs_no_memory():
    """A megabyte of noise leaves nothing behind."""
    looking = deframer(BCD)
    rng = random.Random(3)
    for _ in range(64):
        looking.feed(rng.randbytes(16384))
        assert looking.pending <= 2 * BCD.link.max_frame + 4096


@pytest.mark.parametrize(
    ("frame", "data", "code", "offset"),
    [
        ("02 0002 4142 03 02", "4142", None, None),
        ("4142", "4142", None, None),
        ("02 0002 4142 03 05", "4142", "lrc", 6),
        ("02 0003 4142 03 02", "4142", "length", 1),
        ("02 0002 4142 04 02", "414204 02", "etx", 5),
        ("02 00", "", "length", 1),
    ],
)
def test_data_is_unwrapped_and_what_is_wrong_around_it_is_named(frame, data, code, offset):
    """Data can be read from a frame with a wrong check sum, and from none at all."""
    found = unwrap(BCD.link, bytes.fromhex(frame), "line")
    assert found.data == bytes.fromhex(data)
    assert (found.error.code, found.error.offset) == (code, offset) if found.error else code is None


@given(st.sampled_from(LINES), DATA)
def test_rewrapped_data_is_a_sound_frame(line, data):
    """Overwritten data has its own check sum; bare data has none."""
    frame = wrap(line.link, data)
    other = bytes(len(data))
    assert rewrap(frame, other) == wrap(line.link, other)
    assert unwrap(line.link, rewrap(frame, other), "line").data == other
    if data[:1] != b"\x02":
        assert rewrap(data, other) == other


def test_a_frame_beyond_the_longest_is_not_built():
    """The other end would not wait for it either."""
    with pytest.raises(DecodeError) as wrong:
        wrap(BCD.link, bytes(3000))
    assert wrong.value.code == "length"

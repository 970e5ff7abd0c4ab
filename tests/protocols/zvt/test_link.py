"""Finding ZVT frames: noise, damage, control bytes, and any cut."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.deframe import Control, Frame, Noise
from protocols.profile import load_profile
from protocols.zvt.link import deframer, wrap

SERIAL, TCP = load_profile("zvt"), load_profile("zvt-tcp")
APDUS = st.builds(
    lambda control, body: (
        control
        + (bytes([len(body)]) if len(body) < 255 else b"\xff\x00\x01"[:1] + len(body).to_bytes(2, "little"))
        + body
    ),
    st.sampled_from([b"\x06\x01", b"\x04\x0f", b"\x80\x00", b"\x06\xd3"]),
    st.one_of(st.binary(max_size=300), st.lists(st.sampled_from([0x10, 0x02, 0x03, 0x06]), max_size=300).map(bytes)),
)


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    """The bytes in pieces of any size."""
    pieces = []
    while data:
        size = rng.randint(1, 9)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@given(st.lists(st.tuples(st.binary(max_size=20), APDUS), min_size=1, max_size=4), st.integers())
def test_every_frame_is_found_in_any_noise_in_any_cut(parts, seed):
    """All valid frames come out, the bytes add up, and the cut makes no difference."""
    noises = [noise.replace(b"\x10", b"") for noise, _ in parts]
    stream = b"".join(noise + wrap(apdu, "dle") for noise, (_, apdu) in zip(noises, parts, strict=True))
    whole = deframer(SERIAL)
    events = whole.feed(stream) + whole.flush()
    assert [event.data for event in events if isinstance(event, Frame)] == [wrap(apdu, "dle") for _, apdu in parts]
    counted = sum(
        len(event.data) if isinstance(event, Frame) else event.length if isinstance(event, Noise) else 1
        for event in events
    )
    assert counted == len(stream)
    pieces = deframer(SERIAL)
    again = [event for piece in cut(stream, random.Random(seed)) for event in pieces.feed(piece)] + pieces.flush()
    assert [(type(each), each.offset) for each in again] == [(type(each), each.offset) for each in events]


@given(APDUS, st.data())
def test_any_flipped_bit_is_seen(apdu, data):
    """A serial frame with one wrong bit is no frame."""
    frame = bytearray(wrap(apdu, "dle"))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    looking = deframer(SERIAL)
    events = looking.feed(bytes(frame)) + looking.flush()
    assert not any(isinstance(event, Frame) for event in events)


@given(st.lists(APDUS, min_size=1, max_size=5), st.integers())
def test_tcp_carries_apdus_in_any_fragments(apdus, seed):
    """One behind the other, cut anywhere: the same APDUs."""
    looking = deframer(TCP)
    found = [event for piece in cut(b"".join(apdus), random.Random(seed)) for event in looking.feed(piece)]
    assert [event.data for event in found if isinstance(event, Frame)] == apdus


def test_acks_between_frames_are_controls():
    """06 and 15 alone are answers; inside a frame they are data."""
    frame = wrap(b"\x06\x0f\x02\x06\x15", "dle")
    assert deframer(SERIAL).feed(b"\x06" + frame + b"\x15") == [
        Control(0x06, 0),
        Frame(frame, 1),
        Control(0x15, 1 + len(frame)),
    ]


@pytest.mark.parametrize(
    ("damage", "code"), [(b"\x10\x02\x06\x10\x05", "escape"), (b"\x10\x02\x06\x0f\x00\x10\x03\x00\x00", "crc")]
)
def test_damage_is_named(damage, code):
    """What was wrong is told with the place, and never with the bytes."""
    looking = deframer(SERIAL)
    events = looking.feed(damage) + looking.flush()
    noise = next(event for event in events if isinstance(event, Noise))
    assert noise.error.code == code
    assert sum(event.length if isinstance(event, Noise) else 1 for event in events) == len(damage)


def test_a_length_beyond_the_longest_frame_is_not_waited_for():
    """A claim of 65535 bytes is refused at once."""
    events = deframer(TCP).feed(b"\x06\xd3\xff\xff\xff" + b"\x80\x00\x00")
    assert isinstance(events[0], Noise)
    assert (events[0].length, events[0].error.code) == (5, "claim")
    assert events[1] == Frame(b"\x80\x00\x00", 5)


def test_babble_costs_no_memory():
    """A megabyte of noise leaves nothing behind."""
    looking = deframer(SERIAL)
    rng = random.Random(3)
    for _ in range(64):
        looking.feed(rng.randbytes(16384))
    assert looking.pending < 30000

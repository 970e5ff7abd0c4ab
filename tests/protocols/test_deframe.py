"""From a stream to frames: whatever the chunks, whatever the noise, nothing is lost."""

import functools
import itertools
import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.deframe import NOISE_RUN, Control, Event, Frame, Noise
from protocols.envelope import Link
from protocols.profile import Profile, load_profile
from tests.protocols.conftest import link_frame, load_vectors

PROFILES = ("unionpay", "leshua")


def chunked(data: bytes, how: str, seed: int = 1) -> list[bytes]:
    """Bytes as a port may hand them over."""
    if how == "whole":
        return [data]
    if how == "byte":
        return [data[at : at + 1] for at in range(len(data))]
    rng = random.Random(seed)
    chunks, at = [], 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 7, 16, 64, 500))
        chunks.append(data[at : at + size])
        at += size
    return chunks


def run(profile: Profile, chunks: list[bytes]) -> list[Event]:
    """All events of a stream that ends."""
    deframer = profile.deframer()
    events = [event for chunk in chunks for event in deframer.feed(chunk)]
    events += deframer.flush()
    assert deframer.pending == 0
    return events


def data_of(events: list[Event]) -> list[bytes]:
    """The frames among the events."""
    return [event.data for event in events if isinstance(event, Frame)]


def size(event: Event) -> int:
    """Bytes an event accounts for."""
    if isinstance(event, Frame):
        return len(event.data)
    return event.length if isinstance(event, Noise) else 1


def accounted(events: list[Event], data: bytes) -> None:
    """The events cover the stream without gap or overlap, and the frames are its bytes."""
    at = 0
    for event in events:
        assert event.offset == at
        if isinstance(event, Frame):
            assert data[at : at + len(event.data)] == event.data
        at += size(event)
    assert at == len(data)


def same(left: list[Event], right: list[Event]) -> bool:
    """The same events in the same places; errors compared by what they say."""
    return [(type(e), e.offset, size(e), str(getattr(e, "error", ""))) for e in left] == [
        (type(e), e.offset, size(e), str(getattr(e, "error", ""))) for e in right
    ]


@functools.cache
def frames_of(name: str) -> list[bytes]:
    """The 46 messages in a profile's envelope."""
    return [link_frame(load_profile(name), vector) for vector in load_vectors()]


@pytest.mark.parametrize("how", ["whole", "byte", "bursts"])
@pytest.mark.parametrize("name", PROFILES)
def test_the_46_messages_are_found_however_they_are_cut(name, how):
    """Whole, one byte at a time or in bursts: the same frames, no noise."""
    expected = frames_of(name)
    events = run(load_profile(name), chunked(b"".join(expected), how))
    assert data_of(events) == expected
    assert len(events) == len(expected)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("seed", range(12))
def test_frames_in_garbage_are_all_found_and_every_byte_is_counted(name, seed, record_property):
    """Frame bytes and noise bytes add up; the chunks change nothing at all."""
    rng = random.Random(seed)
    expected = rng.sample(frames_of(name), 12)
    # garbage is what a wrong baud rate makes of bytes; STX and 60 are frequent in it on purpose
    noise = [
        bytes(rng.choice((0x60, 0x02, 0x00, 0x01, rng.randrange(256))) for _ in range(rng.randrange(90)))
        for _ in range(13)
    ]
    data = noise[0] + b"".join(frame + gap for frame, gap in zip(expected, noise[1:], strict=True))
    profile = load_profile(name)
    whole = run(profile, [data])
    accounted(whole, data)
    found = data_of(whole)
    assert [frame for frame in found if frame in expected] == expected
    for how in ("byte", "bursts"):
        events = run(profile, chunked(data, how, seed))
        accounted(events, data)
        assert same(events, whole)
    record_property("lost", f"0 of {len(expected)} frames each time")


@given(st.lists(st.one_of(st.binary(max_size=80), st.integers(0, 45)), max_size=8), st.sampled_from(PROFILES))
@settings(max_examples=120, deadline=None)
def test_any_stream_is_accounted_for_to_the_byte(parts, name):
    """Whatever comes in, in whatever chunks, comes out as frames, noise and controls of the same total."""
    known = frames_of(name)
    data = b"".join(known[part] if isinstance(part, int) else part for part in parts)
    profile = load_profile(name)
    whole = run(profile, [data])
    accounted(whole, data)
    assert same(run(profile, chunked(data, "byte")), whole)


@given(st.integers(0, 45), st.data())
@settings(max_examples=100, deadline=None)
def test_a_flipped_bit_never_hides_the_next_frame(index, data):
    """One bit of a frame turns over: the frame after it is still found, and nothing is raised."""
    name = data.draw(st.sampled_from(PROFILES))
    frames = frames_of(name)
    broken = bytearray(frames[index])
    bit = data.draw(st.integers(0, 8 * len(broken) - 1))
    broken[bit // 8] ^= 1 << bit % 8
    stream = bytes(broken) + frames[0]
    events = run(load_profile(name), [stream])
    accounted(events, stream)
    assert frames[0] in data_of(events)


@pytest.mark.parametrize("claim", [2047, 2048, 0x0FFF, 0xFFFF])
def test_a_length_beyond_the_bound_is_not_waited_for(unionpay, frames, claim, record_property):
    """A lying length is corrupt at once; the frame behind it comes out without a pause."""
    stream = claim.to_bytes(2, "big") + bytes.fromhex("6000030000603100310010") + frames[4]
    events = unionpay.deframer().feed(stream)
    assert data_of(events) == [frames[4]]
    record_property("lost", "0 frames behind it")


def test_a_frame_hidden_by_a_lie_comes_out_at_the_timeout(unionpay, frames, record_property):
    """Garbage that looks like the start of a long frame holds a real one back until flush, and no longer."""
    liar = bytes.fromhex("03FE6000030000603100310010080000000000000000040999")
    deframer = unionpay.deframer()
    assert deframer.feed(liar + frames[0]) == []
    assert deframer.pending == len(liar) + len(frames[0])
    events = deframer.flush()
    assert data_of(events) == [frames[0]]
    accounted(events, liar + frames[0])
    record_property("lost", "0 frames behind it")


def test_a_frame_hidden_by_a_lie_comes_out_after_max_frame_bytes(unionpay, frames, record_property):
    """Without any pause a lie that agrees in every field takes the bytes that it claims, ``max_frame`` at most."""
    liar = bytes.fromhex("03FE6000030000603100310010080000000000000000040999")
    deframer = unionpay.deframer()
    events: list[Event] = deframer.feed(liar)
    stream = liar
    for frame in itertools.cycle(frames[:3]):
        if events:
            break
        stream += frame
        events += deframer.feed(frame)
    claimed = 2 + 0x03FE
    assert len(stream) < claimed + max(map(len, frames[:3]))
    events += deframer.feed(b"".join(frames[:3])) + deframer.flush()
    found = [event.data for event in events if isinstance(event, Frame)]
    assert found[0] == stream[:claimed]  # nobody can tell it from a frame: there is no check sum on this link
    assert found[-3:] == frames[:3]
    record_property("lost", f"0 bytes; what stood in the {claimed} that it claimed is in one record")


def test_the_buffer_never_grows_beyond_the_bound(unionpay):
    """A megabyte of anything leaves at most one candidate in memory."""
    rng = random.Random(3)
    deframer = unionpay.deframer()
    for _ in range(16):
        events = deframer.feed(rng.randbytes(1 << 16))
        assert deframer.pending <= unionpay.link.max_frame + NOISE_RUN
        assert all(event.length <= NOISE_RUN for event in events if isinstance(event, Noise))


def test_a_mac_input_dump_in_a_frame_is_a_frame(unionpay, sale):
    """F64 announced and not there: the last byte still agrees."""
    without = {number: value for number, value in sale.items() if number != 64}
    body = unionpay.encode("0200", without, mac_absent=True)
    frame = unionpay.link.wrap(body, tpdu="6000030000", header="603100310010")
    assert data_of(run(unionpay, chunked(frame, "byte"))) == [frame]
    assert unionpay.decode(frame).mac_absent


@pytest.mark.parametrize("at", [2, 7, 13, 23])
def test_tpdu_header_mti_and_lengths_must_agree(unionpay, frames, at):
    """A length alone makes no frame: TPDU id, header, MTI and field lengths are looked at too."""
    broken = bytearray(frames[4])
    broken[at] ^= 0x90
    events = run(unionpay, [bytes(broken)])
    assert all(isinstance(event, Noise) for event in events)


def test_acks_between_frames_are_controls(stx, stx_frames):
    """06, 15, 05 and 04 between frames are told apart; inside noise they are noise."""
    data = b"\x06" + stx_frames[0] + b"\x15\x05" + stx_frames[1] + b"\x04"
    events = run(stx, chunked(data, "byte"))
    assert [event.byte for event in events if isinstance(event, Control)] == [0x06, 0x15, 0x05, 0x04]
    accounted(events, data)
    noisy = run(stx, [b"\xff\x06" + stx_frames[0]])
    assert [type(event) for event in noisy] == [Noise, Frame]


def test_an_ack_after_a_pause_is_no_noise(stx, stx_frames):
    """After the inter-byte timeout a lone ACK counts again."""
    deframer = stx.deframer()
    events = deframer.feed(b"\xff\xff") + deframer.flush() + deframer.feed(b"\x06" + stx_frames[0])
    assert [type(event) for event in events] == [Noise, Control, Frame]


@pytest.mark.parametrize("part", ["lrc", "etx", "length"])
def test_a_damaged_stx_frame_says_what_is_wrong(stx, stx_frames, part):
    """LRC, ETX and length each have their own error, with the byte where it stands."""
    broken = bytearray(stx_frames[0])
    at = {"lrc": len(broken) - 1, "etx": len(broken) - 2, "length": 1}[part]
    broken[at] ^= 0x40 if part != "length" else 0xA0
    (noise,) = run(stx, [bytes(broken)])
    assert isinstance(noise, Noise)
    assert noise.error.code == {"lrc": "lrc", "etx": "etx", "length": "claim"}[part]
    assert noise.error.offset == at
    assert noise.error.hint


@pytest.mark.parametrize("coding", ["binary", "bcd"])
@pytest.mark.parametrize("counts", ["body", "body+etx", "frame"])
def test_each_way_to_count_a_length_finds_its_frames(unionpay, sale, coding, counts):
    """The same body in every public way of writing its length."""
    for envelope in ("length", "stx"):
        if envelope == "length" and counts == "body+etx":
            continue
        link = Link(envelope=envelope, length_coding=coding, length_counts=counts)
        profile = Profile("test", {}, link, "unionpay", "assumed", (), 3, unionpay.grammar)
        frame = profile.build("0200", sale)
        assert data_of(run(profile, chunked(frame * 3, "bursts"))) == [frame] * 3
        assert profile.decode(frame).fields == sale


def test_bare_messages_end_where_their_fields_do(unionpay, sale):
    """No envelope at all: the fields say where a message ends; a MAC that never came ends it at the pause."""
    for body in ("message", "tpdu+header+message"):
        link = Link(envelope="bare", body=body)
        profile = Profile("test", {}, link, "unionpay", "assumed", (), 3, unionpay.grammar)
        frame = profile.build("0200", sale)
        assert data_of(run(profile, chunked(frame + frame, "byte"))) == [frame, frame]
        cut = frame[:-8]
        (event,) = run(profile, [cut])
        assert isinstance(event, Frame)
        assert profile.decode(event.data).mac_absent


def test_noise_carries_no_bytes(unionpay):
    """What was dropped is gone: not in the event, not in its error, not in a pickle of it."""
    secret = b"\x00\x206222021234567894\xff" * 3
    for event in run(unionpay, [secret]):
        assert isinstance(event, Noise)
        for form in (repr(event), str(event.error), repr(event.error.as_dict()), pickle.dumps(event).hex()):
            assert "6222021234567894" not in form
            assert secret.hex() not in form
    frame = unionpay.build("0200", {2: "6222021234567894"})
    assert "6222021234567894" not in repr(unionpay.deframer().feed(frame))

"""The laws every link keeps, one profile after the other: sample frames in ``link_samples``."""

import functools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.deframe import NOISE_RUN, Event, Frame
from protocols.profile import Profile, available_profiles, load_profile
from tests.protocols.link_samples import samples
from tests.protocols.test_deframe import accounted, chunked, data_of, run, same

pytestmark = pytest.mark.thorough

PROFILES = tuple(available_profiles())
CHECKED = frozenset(("stx", "stx-etx", "dle"))
"""Envelopes with a check sum: one byte that is not what it was makes them no frame."""
DEMANDING = frozenset((*CHECKED, "length"))
"""Envelopes that noise does not fill by chance; over TCP there is no noise, and any bytes of the right length fit."""
ENDLESS = frozenset(("tags",))
"""Envelopes whose frames end where the next one starts, or with silence."""


@functools.cache
def sparse(name: str) -> tuple[bytes, ...]:
    """A few of a profile's frames: the shortest, the longest, some between."""
    found = sorted(samples(name), key=len)
    return tuple(dict.fromkeys([found[0], *found[1 :: max(len(found) // 4, 1)], found[-1]]))


def frame_of(name: str) -> st.SearchStrategy[bytes]:
    """Any of a profile's frames."""
    return st.sampled_from(samples(name))


def begun(name: str) -> st.SearchStrategy[bytes]:
    """The beginning of a frame whose end never came."""
    share = st.floats(0, 1, exclude_max=True)
    return st.tuples(frame_of(name), share).map(lambda cut: cut[0][: int(len(cut[0]) * cut[1])])


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_frames_to_be_held_by(name):
    """A profile without sample frames is held by no law: see ``link_samples`` for where they come from."""
    assert len(samples(name)) >= 2


@pytest.mark.parametrize("name", PROFILES)
def test_every_frame_is_found_alone(name):
    """A sample is one frame of its link, whatever the chunks; facts and a safe form come of it, or a named error."""
    profile = load_profile(name)
    for frame in samples(name):
        for how in ("whole", "byte", "bursts"):
            assert run(profile, chunked(frame, how)) == [Frame(frame, 0)]


@pytest.mark.parametrize("name", PROFILES)
def test_every_prefix_of_a_frame_needs_more(name):
    """Byte by byte nothing comes out before the last byte, and nothing is given up."""
    profile = load_profile(name)
    for frame in samples(name):
        deframer = profile.deframer()
        for at in range(len(frame) - 1):
            assert deframer.feed(frame[at : at + 1]) == []
            assert deframer.pending == at + 1
        last = deframer.feed(frame[-1:])
        if profile.link.envelope in ENDLESS:
            assert last == []
            last = deframer.flush()
        assert last == [Frame(frame, 0)]


@pytest.mark.parametrize("name", PROFILES)
def test_a_frame_cut_short_is_noise_in_the_end(name):
    """After silence every beginning of a frame is accounted for, and is not taken for the frame."""
    profile = load_profile(name)
    for frame in sparse(name):
        for size in range(1, len(frame), 1 + len(frame) // 60):
            events = run(profile, [frame[:size]])
            accounted(events, frame[:size])
            assert frame not in data_of(events)


@pytest.mark.parametrize("name", [name for name in PROFILES if load_profile(name).link.envelope in CHECKED])
def test_any_flipped_byte_is_corrupt(name):
    """Bytes all over a checked frame turned into others: no frame comes out, whatever else does."""
    profile = load_profile(name)
    for frame in sparse(name):
        for at in range(0, len(frame), 1 + len(frame) // 100):
            for change in (0x01, 0x80):
                broken = bytearray(frame)
                broken[at] ^= change
                events = run(profile, [bytes(broken)])
                accounted(events, bytes(broken))
                assert data_of(events) == [], (at, change)


@given(st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("name", [name for name in PROFILES if load_profile(name).link.envelope in CHECKED])
def test_any_byte_flipped_to_any_other_is_corrupt(name, data):
    """As above, any frame, any byte, any change; the frame behind it is found."""
    frame, after = data.draw(frame_of(name)), data.draw(frame_of(name))
    broken = bytearray(frame)
    broken[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    events = run(load_profile(name), [bytes(broken) + after])
    accounted(events, bytes(broken) + after)
    assert data_of(events) == [after]


def planted(events: list[Event], at: int, frame: bytes, *, certain: bool) -> bool:
    """Whether the frame that stands at ``at`` came out, or noise made a whole frame over it."""
    if Frame(frame, at) in events:
        return True
    over = (each for each in events if isinstance(each, Frame))
    return not certain and any(each.offset < at + len(frame) and at < each.offset + len(each.data) for each in over)


@given(st.data())
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("name", PROFILES)
def test_every_frame_is_found_in_any_noise_in_any_chunks(name, data):
    """Frames between noise, begun frames and other frames all come out, and the cuts change nothing."""
    profile = load_profile(name)
    noise = st.binary(max_size=60)
    certain = profile.link.envelope in DEMANDING
    if data.draw(st.booleans()):  # without a check sum the missing end of a frame may be made of the next one's bytes
        noise |= begun(name)
        certain = profile.link.envelope in CHECKED
    stream, places = b"", []
    for gap, frame in data.draw(st.lists(st.tuples(noise, frame_of(name)), min_size=1, max_size=3)):
        stream += gap
        places.append((len(stream), frame))
        stream += frame
    whole = run(profile, [stream])
    accounted(whole, stream)
    assert all(planted(whole, at, frame, certain=certain) for at, frame in places)
    how = data.draw(st.sampled_from(["byte", "bursts"]))
    assert same(run(profile, chunked(stream, how, data.draw(st.integers(0, 99)))), whole)


@given(st.data())
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", PROFILES)
def test_the_longest_frame_is_the_same_in_any_chunks(name, data):
    """Where frames are longer than the bound, what is refused, and why, does not depend on the cuts."""
    profile = load_profile(name)
    most = data.draw(st.integers(64, 400))
    short = replace(profile, link=replace(profile.link, max_frame=most))
    stream = b"".join(data.draw(st.lists(frame_of(name) | st.binary(max_size=20), min_size=1, max_size=4)))
    whole = run(short, [stream])
    accounted(whole, stream)
    assert all(len(frame) <= most for frame in data_of(whole))
    assert same(run(short, chunked(stream, "byte")), whole)


@pytest.mark.parametrize("name", PROFILES)
def test_memory_is_bounded(name):
    """However much comes in, at most one candidate and one run of noise wait."""
    profile: Profile = load_profile(name)
    most = profile.link.max_frame + NOISE_RUN
    for babble in (b"\x00", b"\xff", *(frame[: len(frame) // 2] for frame in sparse(name))):
        deframer = profile.deframer()
        for _ in range(4):
            deframer.feed(babble * (2 * profile.link.max_frame // len(babble) + 1))
            assert deframer.pending <= most
        deframer.flush()
        assert deframer.pending == 0

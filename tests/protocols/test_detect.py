"""Finding the profile by what was heard: right, honest about ties, and silent on thin evidence."""

from dataclasses import fields

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.detect import Detector, checksum_of, detect
from protocols.dialect import Deframing, Dialect, dialect
from protocols.profile import Profile, available_profiles, load_profile
from tests.protocols.spoken import HOST, TERMINAL, Streams, payments, receipts, spoken

pytestmark = pytest.mark.thorough

PROFILES = [load_profile(name) for name in available_profiles()]
SPOKEN = {profile.name: spoken(profile.name) for profile in PROFILES}


def joined(streams: Streams) -> dict[str, bytes]:
    return {direction: b"".join(frames) for direction, frames in streams.items()}


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_each_profile_is_found_as_itself_or_its_named_tie(name: str) -> None:
    """What terminals of a profile say is found, and who else says just that is named."""
    verdict = detect(joined(SPOKEN[name]), PROFILES)

    assert verdict.is_sure
    assert verdict.profile in {name, *load_profile(name).extends}
    assert name in {verdict.profile, *verdict.ties}
    assert not verdict.rivals


def test_a_tie_is_broken_by_the_usb_ids_and_by_nothing_else() -> None:
    """The ids of the device name one of equals; they cannot name one that reads the bytes worse."""
    heard = joined(SPOKEN["unionpay"])

    assert detect(heard, PROFILES).ties == ("lakala", "shengpay")
    assert detect(heard, PROFILES, likely=["shengpay"]).profile == "shengpay"
    assert detect(heard, PROFILES, likely=["zvt", "leshua"]).profile == "unionpay"


def test_another_dialect_that_fits_as_well_forbids_the_verdict() -> None:
    """Two languages that read the same bytes: that is no tie of brands, and nobody is sure."""

    class Other(Profile):
        @property
        def speech(self) -> Dialect:
            return dialect("unionpay")

    known = load_profile("unionpay")
    told = {each.name: getattr(known, each.name) for each in fields(known)}
    other = Other(**told | {"name": "other", "dialect": "another"})
    verdict = detect(joined(SPOKEN["unionpay"]), [known, other])

    assert not verdict.is_sure
    assert not verdict.ties
    assert {verdict.profile, *verdict.rivals} == {"unionpay", "other"}


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_one_frame_is_no_verdict(name: str) -> None:
    """A single frame, however sound, is not sure yet; and a frame cut off says nothing."""
    frame = next(frame for frames in SPOKEN[name].values() for frame in frames)
    whole = detect({TERMINAL: frame}, PROFILES)
    cut = detect({TERMINAL: frame[:-1]}, PROFILES)

    assert not whole.is_sure
    assert "too little yet" in whole.evidence.speaks_against or whole.profile is None
    assert not cut.is_sure


def test_nothing_heard_names_nothing() -> None:
    """Silence proves nothing."""
    assert detect({}, PROFILES).profile is None
    assert not detect({TERMINAL: b""}, PROFILES).is_sure


def test_checksums_are_found_by_trying() -> None:
    """A changed bit is refused for its LRC or CRC where the link has one; the link's own document says which."""
    checksums = {name: checksum_of(load_profile(name), said[HOST][0]) for name, said in SPOKEN.items() if said[HOST]}

    assert checksums["leshua"] == "lrc"  # STX … ETX LRC
    assert checksums["telium"] == "lrc"
    assert checksums["zvt"] == "crc"  # CRC-16 of the serial link
    assert checksums["unionpay"] == checksums["zvt-tcp"] == ""


def test_the_evidence_is_told_in_words() -> None:
    """Frames and checksums for it, unreadable bytes and frames against it, and no byte of what was heard."""
    verdict = detect({TERMINAL: b"\xff" * 10 + b"".join(payments(load_profile("leshua"))[TERMINAL])}, PROFILES)

    assert verdict.profile == "leshua"
    assert verdict.evidence.speaks_for == "3 frames, LRC ok"
    assert any(word.startswith("10 of ") for word in verdict.evidence.speaks_against)
    assert "6225880000000001" not in str(verdict.as_dict())


def test_a_damaged_serial_line_is_not_taken_for_a_network_link() -> None:
    """Every CRC wrong: the bare APDUs between the garbage are no verdict for the link without a checksum."""
    damaged = {}
    for direction, frames in receipts("dle").items():
        damaged[direction] = b"".join(frame[:-1] + bytes((frame[-1] ^ 0x55,)) for frame in frames)

    verdict = detect(damaged, PROFILES)

    assert not verdict.is_sure
    assert "zvt" not in {each.profile for each in verdict.ranked if each.telling}


def test_a_candidate_that_fails_is_left_out_and_said_so() -> None:
    """A bug in one candidate's code does not deafen the others."""

    class Broken(Profile):
        def deframer(self) -> Deframing:
            raise ZeroDivisionError

    known = load_profile("unionpay")
    broken = Broken(**{each.name: getattr(known, each.name) for each in fields(known)} | {"name": "broken"})
    heard = joined(SPOKEN["leshua"])
    verdict = detect(heard, [broken, *PROFILES])

    assert verdict.profile == "leshua"
    assert verdict.is_sure
    assert next(each for each in verdict.ranked if each.profile == "broken").failure == "ZeroDivisionError"


def test_a_claim_in_noise_hides_frames_only_until_the_line_is_silent() -> None:
    """Joined in mid-frame, a byte of it may claim a long frame: the pause lets go of it."""
    heard = b"".join(payments(load_profile("leshua"), 6)[TERMINAL])
    detector = Detector(PROFILES)
    detector.feed(TERMINAL, b"\x02\x19\x99" + heard)

    assert detector.verdict().profile is None
    detector.pause(TERMINAL)
    assert detector.verdict().is_sure
    assert detector.verdict().profile == "leshua"


@st.composite
def _heard(draw: st.DrawFn) -> tuple[str, list[tuple[str, bytes]]]:
    """A line that one profile speaks: any part of it, cut anyhow, noise between, both directions interleaved."""
    name = draw(st.sampled_from(sorted(SPOKEN)))
    pieces = []
    for direction, frames in SPOKEN[name].items():
        start = draw(st.integers(0, max(len(frames) - 1, 0)))
        stream = b"".join(frames[start : start + draw(st.integers(0, 6))])
        stream = stream[draw(st.integers(0, 20)) : len(stream) - draw(st.integers(0, 20))]
        at = 0
        while at < len(stream):
            size = draw(st.integers(1, 80))
            pieces.append((direction, stream[at : at + size]))
            at += size
            if draw(st.booleans()):
                pieces.append((direction, draw(st.binary(max_size=12))))
    order = draw(st.permutations(range(len(pieces)))) if draw(st.booleans()) else range(len(pieces))
    return name, [pieces[index] for index in order]


@settings(deadline=None)
@given(_heard())
def test_no_line_is_ever_called_another_for_sure(heard: tuple[str, list[tuple[str, bytes]]]) -> None:
    """Prefixes, gaps, noise, any order of the pieces: a sure verdict is the right one or its tie."""
    name, pieces = heard
    detector = Detector(PROFILES)
    for direction, data in pieces:
        detector.feed(direction, data)
    detector.pause(TERMINAL)
    detector.pause(HOST)
    verdict = detector.verdict()

    assert not verdict.is_sure or name in {verdict.profile, *verdict.ties}


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
@example([b"\x06\x00\x00\x80\x00\x00\x84\x00\x00" * 40])
@example([bytes.fromhex("060100060200040f00") * 20])
@example([b"\x00" * 4096])
def test_noise_is_nobody_s_for_sure(noise: list[bytes]) -> None:
    """Whatever babble: no verdict."""
    detector = Detector(PROFILES)
    for data in noise:
        detector.feed(TERMINAL, data)
        detector.pause(TERMINAL)

    assert not detector.verdict().is_sure


@settings(deadline=None)
@given(st.sampled_from(sorted(SPOKEN)), st.data())
def test_the_verdict_does_not_depend_on_the_cuts(name: str, data: st.DataObject) -> None:
    """The same bytes in other pieces are the same evidence."""
    stream = b"".join(SPOKEN[name][TERMINAL])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    detector = Detector(PROFILES)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        detector.feed(TERMINAL, stream[start:end])
    detector.pause(TERMINAL)

    assert detector.verdict() == detect({TERMINAL: stream}, PROFILES)

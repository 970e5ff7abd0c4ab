"""A frame built like an earlier one is made safe as if it had been walked."""

import dataclasses
import functools
import operator
import random

import pytest

from protocols.errors import ProtocolError
from protocols.profile import Profile, load_profile
from protocols.shapes import ALIKE_KEPT, SHAPES_KEPT
from tests.protocols.columnar.written import messages, mutated
from tests.protocols.conftest import link_frame, load_vectors

ENVELOPES = {"unionpay": "length", "leshua": "stx"}
CARD = "6225880000000001"
SALE = {
    2: CARD, 3: "000000", 4: "000000012345", 11: "000001", 14: "3012", 22: "021", 25: "00",
    35: f"{CARD}D30122010000012345678", 41: "10000001", 42: "898440300000001", 49: "156",
    52: "0123456789ABCDEF", 53: "2000000000000000", 60: "22000001",
}  # fmt: skip


def fresh(name: str) -> Profile:
    """A profile that has met no frame."""
    return dataclasses.replace(load_profile(name))


def taught(name: str, frame: bytes) -> Profile:
    """A profile that has met this frame often enough to know how it is built."""
    profile = fresh(name)
    for _ in range(2):
        profile.speech.secure(profile, frame)
    return profile


def walked(name: str, frame: bytes) -> object:
    """What comes of a frame that is the first of its kind."""
    return said(fresh(name), frame)


def said(profile: Profile, frame: bytes) -> object:
    """The frame made safe, its card, its body and what was masked, or the error."""
    try:
        return profile.speech.secure(profile, frame)
    except ProtocolError as wrong:
        return wrong.as_dict()


def summed(name: str, frame: bytearray) -> bytes:
    """The frame with the LRC of its bytes, where the envelope has one."""
    if ENVELOPES[name] == "stx":
        frame[-1] = functools.reduce(operator.xor, frame[1:-1])
    return bytes(frame)


def sale(name: str, **changed: str) -> bytes:
    """A sale with these fields (``f2``) changed, or left out where empty."""
    fields = SALE | {int(key[1:]): value for key, value in changed.items()}
    return load_profile(name).build("0200", {number: value for number, value in fields.items() if value})


@pytest.mark.parametrize("name", ENVELOPES)
def test_each_byte_of_a_known_frame_may_be_any_other(name):
    """Whatever stands in one byte, the known shape and the walk agree: value for value, error for error."""
    chance = random.Random(5)
    frame = sale(name)
    profile = taught(name, frame)
    assert profile.shapes.secure(frame) is not None
    for at in range(len(frame) - 1):
        for byte in {0x00, 0x0F, 0x2A, 0x31, 0x60, 0x99, 0xD0, 0xFF, frame[at] ^ 0x01, chance.randrange(256)}:
            other = bytearray(frame)
            other[at] = byte
            whole = summed(name, other)
            assert said(profile, whole) == walked(name, whole), at
    assert said(profile, frame[:-1] + bytes([frame[-1] ^ 1])) == walked(name, frame[:-1] + bytes([frame[-1] ^ 1]))


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("vectors", [True, False], ids=["published", "written"])
def test_frames_of_every_kind_are_made_safe_alike(name, vectors):
    """One profile that meets all of them, damaged and whole, again and again; and a new one for each."""
    chance, stream = random.Random(7), messages(31)
    link = load_profile(name)
    frames = (
        [link_frame(link, each) for each in load_vectors()]
        if vectors
        else [stream.frame(ENVELOPES[name])[0] for _ in range(150)]
    )
    profile = fresh(name)
    quick = 0
    for frame in frames:
        for _ in range(2):
            assert said(profile, frame) == walked(name, frame)
        quick += profile.shapes.secure(frame) is not None
        for _ in range(10):
            other = bytearray(mutated(chance, frame))
            whole = summed(name, other) if len(other) > 20 else bytes(other)
            assert said(profile, whole) == walked(name, whole)
    assert quick > len(frames) / 2  # the others hold masked cards, encrypted tracks, and what has to be looked through


@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize(
    "changed",
    [
        {"f2": "6210810000000000018", "f35": "6210810000000000018D3012201000001234"},
        {"f2": "370000000000002", "f35": "370000000000002D301220100000123456789"},
        {"f2": "", "f35": f"{CARD}D3012"},
        {"f2": "", "f35": ""},
        {"f2": "4111111111111111"},  # another card than the track's
        {"f2": "622588000"},
        {"f35": "30122010000012345678"},  # no separator
        {"f35": "D301220100000"},
        {"f35": f"{CARD}D"},
        {"f35": ""},
        {"f53": "2010000000000000"},  # the track is encrypted
        {"f53": "20100000000000AB"},  # and here are keys
        {"f53": ""},
        {"f42": f"{CARD}"[:15]},
        {"f60": "22000001000601"},
        {"f60": CARD},
        {"f61": "000001000002"},
        {"f61": CARD + "00"},
        {"f36": "99622588000000000001D1561560000000000000003000000214000000000000D"},
        {"f55": "9F2608AABBCCDDEEFF00115A086225880000000001"},
        {"f59": b"4136225880000000001".hex().upper()},
        {"f63": f"TEXT {CARD}"},
        {"f48": CARD * 2},
        {"f14": ""},
        {"f52": "0000000000000000"},  # overwritten already
    ],
    ids=str,
)
def test_what_stands_in_a_sale_is_found_in_a_known_one(name, changed):
    """Whether the shape was learned from it or from its like with other values."""
    frame = sale(name, **changed)
    expected = walked(name, frame)
    assert said(taught(name, frame), frame) == expected
    like = sale(name)
    assert said(taught(name, like), frame) == expected
    plain = sale(name, **{key: "1" * len(value) for key, value in changed.items() if key in {"f2", "f60", "f63"}})
    assert said(taught(name, plain), frame) == expected


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_card_number_is_found_wherever_else_it_stands(name):
    """In text, and in packed digits at either alignment, of a frame whose shape was learned without it."""
    places = {
        "f63": (f"A{CARD}", "A" * 17),
        "f61": (f"0{CARD}0", "0" * 18),
    }
    for key, (there, without) in places.items():
        profile = taught(name, sale(name, **{key: without}))
        frame = sale(name, **{key: there})
        assert said(profile, frame) == walked(name, frame)
        safe = profile.speech.secure(profile, frame).frame
        assert CARD not in safe.hex()
        assert CARD.encode() not in safe


def test_what_is_kept_is_bounded():
    """Ever new lengths, and ever new shapes of one length."""
    profile = fresh("unionpay")
    for number in range(SHAPES_KEPT + 40):
        frame = sale("unionpay", f63="A" * (number % 900), f59="11" * (number // 900 + 1))
        for _ in range(2):
            profile.speech.secure(profile, frame)
        assert len(profile.shapes) <= SHAPES_KEPT
    for number in range(1, 3 * ALIKE_KEPT):
        frame = sale("unionpay", f59="11" * number, f63="A" * (60 - number))
        for _ in range(2):
            profile.speech.secure(profile, frame)
    assert max(map(len, profile.shapes._shapes.values())) == ALIKE_KEPT


def test_a_shape_holds_nothing_of_what_was_said():
    """No digit of a card: what is put in are ones and fillers only."""
    profile = taught("leshua", sale("leshua"))
    (shape,) = profile.shapes._shapes[len(sale("leshua")), sale("leshua")[14:24]]
    for _, put in shape.fills.values():
        assert set(put.to_bytes(len(sale("leshua")), "big").hex()) <= {"0", "f"}

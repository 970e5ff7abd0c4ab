"""The walk is derived from the declaration, and refuses what it cannot derive."""

import functools
import io
import operator

import construct as c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codecs import CODECS, Packed
from protocols.envelope import lrc
from protocols.errors import DecodeError, ProfileError, ProtocolError
from protocols.grammar import declare
from protocols.locate import own_layout
from protocols.unionpay import FIELDS
from protocols.walk import HEAD_BYTES, PLANS_KEPT, Walk
from tests.protocols.conftest import link_frame, load_vectors

BIT_2 = c.this.bitmap & (1 << 62)
HEAD = ("mti" / Packed(4), "bitmap" / c.Int64ub)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Optional", c.Optional(CODECS["bcd"](4))),
        ("GreedyRange", c.If(BIT_2, c.GreedyRange(CODECS["bcd"](4)))),
        ("Array", c.If(BIT_2, c.Array(2, CODECS["bcd"](4)))),
        ("BytesInteger", c.If(BIT_2, c.BytesInteger(2))),
        ("function", c.If(lambda ctx: ctx.bitmap, CODECS["bcd"](4))),
        ("BinExpr", c.If(c.this.mti & 4, CODECS["bcd"](4))),
        ("BinExpr", c.If(c.this.bitmap & 6, CODECS["bcd"](4))),
    ],
)
def test_what_no_plan_can_be_derived_from_is_refused_by_name(name, field):
    """Optional, ranges, arrays, lambdas and unknown constructs are errors when the profile is loaded."""
    with pytest.raises(ProfileError) as refused:
        Walk(c.Struct(*HEAD, "f2" / field))
    assert refused.value.got in {name, "Select"}
    assert refused.value.path == "f2"


def test_a_message_starts_with_mti_and_bitmap():
    """A declaration of another shape is refused."""
    with pytest.raises(ProfileError):
        Walk(c.Struct("bitmap" / c.Int64ub, "mti" / Packed(4)))
    with pytest.raises(ProfileError):
        Walk(c.Bytes(4))


def test_every_codec_can_be_derived():
    """Whatever a profile may name, a walk can step over."""
    for codec in CODECS:
        walk = Walk(c.Struct(*HEAD, "f2" / c.If(BIT_2, CODECS[codec](8))))
        assert walk.steps[2].number == 2


def test_noise_cannot_grow_the_plans(unionpay):
    """The cache of bitmaps is bounded."""
    walk = Walk(declare(FIELDS))
    known = sum(1 << (64 - number) for number in FIELDS)
    for seed in range(3 * PLANS_KEPT):
        walk.plan((seed * 0x9E3779B97F4A7C15) & known)
        assert len(walk._plans) <= PLANS_KEPT
    assert unionpay.grammar.walk.plan(1 << 63) == 1


@given(st.sampled_from(load_vectors()), st.data())
@settings(max_examples=200, deadline=None)
def test_walk_and_construct_agree_on_damaged_messages(unionpay, vector, data):
    """Where the row decoder reads a damaged message, construct reads the same; where it refuses, construct does too."""
    frame = bytearray(bytes.fromhex(vector["hex"])[unionpay.decode(bytes.fromhex(vector["hex"])).body_offset :])
    at = data.draw(st.integers(2, len(frame) - 1))
    frame[at] = data.draw(st.integers(0, 255))
    body = bytes(frame[: data.draw(st.integers(12, len(frame)))])
    place = unionpay.grammar.walk.start(body, 0)
    ours: dict[int, str] | None = None
    try:
        message = unionpay.decode(body)
        if message.body_offset == 0:
            ours = message.fields
    except ProtocolError:
        pass
    theirs: dict[int, str] | None = None
    if not isinstance(place, tuple):
        try:
            parsed = unionpay.grammar.declaration.parse_stream(stream := io.BytesIO(body))
            theirs = {number: parsed[f"f{number}"] for number in FIELDS if parsed[f"f{number}"] is not None}
            if stream.read(1):
                theirs = None
        except (c.ConstructError, DecodeError):
            pass
    assert ours == theirs


@pytest.mark.parametrize(
    ("body", "path", "offset", "code"),
    [
        ("020040000000000000001A", "F2", 10, "length"),
        ("0200400000000000000099", "F2", 10, "length"),
        ("02004000000000000000166222", "F2", 10, "short"),
        ("02004000000000000000046A22", "F2", 10, "bcd"),
        ("0200600000000000000004622200A000", "F3", 13, "bcd"),
        ("02002000000000000000000000FF", "", 13, "long"),
        ("0200000000000000020000", "F55", 10, "short"),
        ("0200008000000000000000", "F9", 2, "unknown_field"),
        ("0200800000000000000000", "F1", 2, "bitmap"),
        ("020000000000", "MTI", 0, "short"),
    ],
)
def test_an_error_names_the_first_byte_of_what_is_wrong(unionpay, body, path, offset, code):
    """Path, offset and code point at the failing field itself, not behind it; a hint or both values come along."""
    with pytest.raises(ProtocolError) as wrong:
        unionpay.decode(bytes.fromhex(body))
    assert (wrong.value.path, wrong.value.offset, wrong.value.code) == (path, offset, code)
    assert wrong.value.protocol == "unionpay"
    assert wrong.value.expected
    assert wrong.value.got


@given(st.sampled_from(load_vectors()), st.booleans(), st.data())
@settings(max_examples=300, deadline=None)
def test_the_short_way_to_the_fields_is_the_long_way(unionpay, stx, vector, in_stx, data):
    """Of a frame, damaged or whole, the fields found in one pass are those that ``locate`` and the walk find."""
    profile = stx if in_stx else unionpay
    frame = bytearray(link_frame(profile, vector))
    for _ in range(data.draw(st.integers(0, 2))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    if in_stx and data.draw(st.booleans()):
        frame[-1] = functools.reduce(operator.xor, frame[1:-1])
    whole = bytes(frame[: data.draw(st.sampled_from([len(frame), len(frame), len(frame) - 1, 3]))])
    layout = own_layout(profile.link, whole)
    found = profile.locate(whole)
    walk = profile.grammar.walk
    items = walk.whole(whole, layout.message, layout.end) if layout is not None else None
    if layout is None or items is None:
        assert found.error is not None or found.layout != layout
        return
    assert (found.layout, found.error) == (layout, None)
    assert items == list(walk.items(whole, found.steps, layout.message + HEAD_BYTES, layout.end))


@given(st.binary(max_size=300))
def test_the_lrc_is_the_xor_of_every_byte(covered):
    """Folded in halves or byte after byte: one value."""
    assert lrc(covered) == functools.reduce(operator.xor, covered, 0)

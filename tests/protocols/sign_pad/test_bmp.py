"""BMP pictures of one bit a pixel: what they say, and that a lie in any size is named."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import bmp
from protocols.errors import DecodeError
from protocols.jbig import MAX_PIXELS, Bitmap

ARROW = bytes.fromhex(
    "424D 46000000 0000 0000 3E000000"  # BM, 70 bytes, pixels at 62
    "28000000 0A000000 02000000 0100 0100 00000000 08000000 00000000 00000000 00000000 00000000"
    "00000000 FFFFFF00"  # black, white
    "7FC00000"  # the lower line: black, nine white
    "BF800000"  # the upper line: white, black, seven white, black
)
"""Ten pixels by two, written by hand after the format's description: lines from below, four bytes each."""
BITMAPS = st.tuples(st.integers(1, 70), st.integers(1, 20)).flatmap(
    lambda size: st.binary(min_size=(size[0] + 7) // 8 * size[1], max_size=(size[0] + 7) // 8 * size[1]).map(
        lambda rows: Bitmap(*size, _filled(rows, size[0]))
    )
)


def _filled(rows: bytes, width: int) -> bytes:
    step = (width + 7) // 8
    mask = 0xFF << (8 * step - width) & 0xFF
    return bytes(byte & mask if at % step == step - 1 else byte for at, byte in enumerate(rows))


def patched(at: int, form: str, value: int) -> bytes:
    data = bytearray(ARROW)
    struct.pack_into(form, data, at, value)
    return bytes(data)


def refused(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as wrong:
        bmp.decode(data)
    return wrong.value


def test_a_picture_written_by_hand():
    """Black is 1, the first line is the upper one, what fills a line up is white."""
    picture = bmp.decode(ARROW)
    assert (picture.width, picture.height, picture.rows.hex(), picture.used) == (10, 2, "40408000", 70)


def test_lines_from_above_and_colours_the_other_way_round():
    """A negative height turns the lines, the darker colour is ink wherever it stands."""
    assert bmp.decode(patched(22, "<i", -2)).rows.hex() == "80004040"
    turned = bytearray(ARROW)
    turned[54:62] = bytes.fromhex("FFFFFF0000000000")
    assert bmp.decode(bytes(turned)).rows.hex() == "bf807fc0"


@given(BITMAPS)
def test_what_is_written_is_read(picture):
    """Any size, any pixels: the same again."""
    found = bmp.decode(bmp.encode(picture))
    assert (found.width, found.height, found.rows) == (picture.width, picture.height, picture.rows)


@pytest.mark.parametrize(
    ("data", "code", "offset"),
    [
        (b"", "magic", 0),
        (b"XX" + ARROW[2:], "magic", 0),
        (patched(2, "<I", 71), "short", 70),
        (patched(2, "<I", 69), "size", 2),
        (patched(10, "<I", 61), "pixels", 10),
        (patched(10, "<I", 71), "pixels", 10),
        (patched(10, "<I", 63), "short", 70),
        (patched(14, "<I", 12), "header", 14),
        (patched(14, "<I", 0xFFFFFFFF), "header", 14),
        (patched(18, "<i", 0), "dimensions", 18),
        (patched(18, "<i", -10), "dimensions", 18),
        (patched(18, "<i", 33), "short", 70),
        (patched(22, "<i", 0), "dimensions", 18),
        (patched(22, "<i", 3), "short", 70),
        (patched(22, "<i", -(2**31)), "dimensions", 18),
        (patched(22, "<i", MAX_PIXELS), "dimensions", 18),
        (patched(26, "<H", 2), "planes", 26),
        (patched(28, "<H", 24), "depth", 28),
        (patched(28, "<H", 8), "depth", 28),
        (patched(30, "<I", 1), "compression", 30),
    ],
)
def test_each_lie_is_named(data, code, offset):
    """The field and its place, and no bytes of the picture."""
    wrong = refused(data)
    assert (wrong.code, wrong.offset, wrong.path) == (code, offset, "picture")


@pytest.mark.parametrize("size", range(len(ARROW)))
def test_a_picture_that_ends_early_is_refused(size):
    """Wherever it is cut, and whether or not its size is made to agree."""
    assert refused(ARROW[:size]).code in {"magic", "short"}
    if size >= 6:
        agreed = ARROW[:2] + struct.pack("<I", size) + ARROW[6:size]
        assert refused(agreed).code in {"short", "pixels", "header"}


def test_a_size_that_is_not_told_is_no_lie():
    """Zero for the file's size: some writers leave it out."""
    assert bmp.decode(patched(2, "<I", 0)) == bmp.decode(ARROW)


@given(st.binary(max_size=200), st.integers(0, 61), st.binary(min_size=1, max_size=8))
def test_any_bytes_give_a_picture_or_a_named_error(noise, at, patch):
    """Nothing but DecodeError is raised, and a picture is no larger than its bytes."""
    for data in (noise, b"BM" + noise, ARROW[:at] + patch + ARROW[at + len(patch) :]):
        try:
            picture = bmp.decode(data)
        except DecodeError:
            continue
        assert len(picture.rows) <= len(data)

"""What a signature message says, and what its picture is like."""

import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import jbig
from protocols.jbig import Bitmap
from protocols.message import Message
from protocols.picture import box_ratio, cells, content_hash, difference_hash, ink_ratio, strokes
from protocols.png import png
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from protocols.signature import Upload, details, feature_code, upload
from protocols.signature_tags import TAGS
from tests.protocols.conftest import KEYS, link_frame, load_vectors

SIGNED = {each["mti"]: each for each in load_vectors() if each["mti"] in {"0900", "0920"}}
FORM = load_profile("unionpay")


def message(mti: str, fields: dict[int, str]) -> Message:
    return FORM.decode(FORM.build(mti, fields))


def real(mti: str) -> Message:
    return FORM.decode(bytes.fromhex(SIGNED[mti]["hex"]))


def sent(sub60: str) -> Upload:
    return upload(message("0820", {11: "000001", 41: "10000001", 60: sub60, 62: "00"}))


@pytest.mark.parametrize(
    ("settled", "rrn", "code"),
    [
        ("0824", "000004002761", "0C242761"),
        (None, "243651389657", "5138B261"),
        ("0000", "243651389657", "5138B261"),
        ("1231", "999999999999", "8BA80000"),
        ("0824", "X00004002761", None),
        ("0824", None, None),
    ],
)
def test_feature_code_is_both_halves_exclusive_or(settled: str | None, rrn: str | None, code: str | None) -> None:
    """16 digits, date and reference number, as 8 bytes, one half over the other; no number, no code."""
    assert feature_code(settled, rrn) == code


@pytest.mark.parametrize(
    ("sub60", "part", "last"),
    [
        ("07000001800", 0, True),
        ("07000001", 0, True),
        ("080000018018", 1, False),
        ("080000018039", 3, True),
        ("08000001802", 2, None),
    ],
)
def test_part_and_last_come_from_field_60(sub60: str, part: int, last: bool | None) -> None:
    """800 or nothing is a whole picture, 801 and on its parts; 60.4 says 8 more follow, 9 the last."""
    found = sent(sub60)

    assert (found.part, found.last) == (part, last)


@pytest.mark.parametrize("mti", SIGNED)
def test_sanitiser_leaves_the_picture_whole(mti: str) -> None:
    """Of a signature message not one bit of F62 is overwritten, the card number is."""
    frame = link_frame(FORM, SIGNED[mti])
    safe = Sanitiser(FORM, KEYS).sanitise(frame).frame

    kept = FORM.decode(safe)
    assert kept.fields[62] == SIGNED[mti]["fields"]["62"]
    assert kept.fields[2] != SIGNED[mti]["fields"]["2"]


def test_details_are_read_by_tag() -> None:
    """The public message names shop, operation, operator and time; Chinese is read as GBK."""
    found = details(real("0920"))

    assert {tag: each["value"] for tag, each in found.items()} == {
        "FF00": "河南省银隆信息技术有限公司",
        "FF01": "消费",
        "FF02": "01",
        "FF06": "20220824141556",
    }
    assert found["FF01"]["zh-CN"] == "交易类型"
    assert found["FF01"]["en"] == "transaction type"


def test_chip_data_in_field_55_is_kept_as_hex() -> None:
    """One vendor sends EMV tags beside the picture."""
    assert details(real("0900"))["9F37"] == {"value": "7505CFE8"}


def test_details_hold_no_secret() -> None:
    """What the sanitiser overwrote is not given; of a telephone number four digits in the middle are not."""
    f55 = "FF0503FFFFFFFF25 0AFFFFFFFFFFFFFFFFFFFFFF0B0B3133383132333435363738".replace(" ", "")
    found = details(message("0820", {41: "10000001", 55: f55, 60: "07000001800"}))

    assert {tag: each["value"] for tag, each in found.items()} == {"FF0B": "138****5678"}


def test_broken_details_do_not_lose_the_picture() -> None:
    """F55 that is no TLV gives no details, and the picture all the same."""
    found = upload(message("0820", {41: "10000001", 55: "FF00FF01", 60: "07000001800", 62: "0102"}))

    assert (found.details, found.image) == ({}, b"\x01\x02")


def test_every_tag_has_both_names() -> None:
    """FF00 to FF73: a Chinese and an English name each."""
    assert all(names.zh and names.en and tag.startswith("FF") for tag, names in TAGS.items())
    assert len({names.zh for names in TAGS.values()}) == len(TAGS)


def bitmap(rows: list[str]) -> Bitmap:
    """A picture drawn with # and blanks."""
    width = len(rows[0])
    size = (width + 7) // 8
    lines = (row.replace("#", "1").replace(" ", "0").ljust(8 * size, "0") for row in rows)
    return Bitmap(width, len(rows), b"".join(int(line, 2).to_bytes(size, "big") for line in lines))


def pixels_of_png(data: bytes) -> tuple[int, int, bytes]:
    """A one-bit grey PNG read by the letter: every checksum, no filter, 1 turned to black."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        chunks[name] = body
        at += 12 + size
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, list(chunks)[-1]) == (1, 0, b"IEND")
    raw, row_bytes = zlib.decompress(chunks[b"IDAT"]), (width + 7) // 8 + 1
    assert len(raw) == height * row_bytes
    assert not any(raw[::row_bytes])
    kept = b"".join(raw[row + 1 : row + row_bytes] for row in range(0, len(raw), row_bytes))
    return width, height, bytes(255 - byte for byte in kept)


@pytest.mark.parametrize("mti", SIGNED)
def test_png_holds_the_picture(mti: str) -> None:
    """Size and every pixel come back out of the PNG."""
    picture = jbig.decode(bytes.fromhex(SIGNED[mti]["fields"]["62"]))

    assert pixels_of_png(png(picture)) == (picture.width, picture.height, picture.rows)


def test_hash_is_of_pixels_and_size() -> None:
    """Equal pixels of another shape are another picture."""
    assert content_hash(bitmap(["#  #"])) == content_hash(bitmap(["#  #"]))
    assert content_hash(bitmap(["#" * 8, " " * 8])) != content_hash(bitmap(["#" * 8 + " " * 8]))


def test_ink_is_black_by_all() -> None:
    """A quarter black is 0.25; the fill of a line counts for nothing."""
    assert ink_ratio(bitmap(["#   ", "   #"])) == 0.25
    assert ink_ratio(bitmap(["   "])) == 0


@pytest.mark.parametrize(
    ("lines", "least"),
    [
        (["    ", "    "], 0),
        (["    ", " ## ", " ## "], 1),
        (["#####"], 1),
        (["#   ", " #  ", "  ##"], 1),
        (["# # ", "    "], 2),
        (["#   ", "    ", "#   "], 2),
        (["### ", "#   ", "### "], 2),
        (["# #", "# #", "###"], 2),
    ],
)
def test_strokes_are_counted_where_a_row_or_column_meets_ink_twice(lines: list[str], least: int) -> None:
    """A dot, a bar and a slanting line are one; a gap in a row or a column, a hook and a cup are two."""
    assert strokes(bitmap(lines)) == least


def test_box_is_of_all_ink() -> None:
    """Three by two pixels of twelve by two; nothing without ink."""
    assert box_ratio(bitmap(["  #         ", "    #       "])) == 6 / 24
    assert box_ratio(bitmap(["   "])) == 0


def test_cells_tell_where_ink_is() -> None:
    """A picture of 15 x 15 is its own cells; the same in double size has the same, wherever it lies."""
    lines = ["#" + " " * 13 + "#"] + [" " * 15] * 13 + ["###" + " " * 11 + "#"]
    assert cells(bitmap(lines)) == "8002" + "0000" * 13 + "e002"
    double = ["   " + "".join(2 * pixel for pixel in line) for line in lines for _ in range(2)]
    assert cells(bitmap([" " * 33, *double])) == cells(bitmap(lines))
    assert cells(bitmap(["  "])) == "0" * 60


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_likeness_does_not_depend_on_the_place(left: int, right: int, over: int, under: int) -> None:
    """The same strokes elsewhere on the pad have the same perceptual hash."""
    strokes = [
        "##      ",
        "  ###   ",
        "##   ###",
        "      ##",
        "#  #    ",
        "##  ####",
        "   #   #",
        "### #   ",
        "#       ",
    ]
    wide = left + 8 + right
    moved = [" " * wide] * over + [" " * left + row + " " * right for row in strokes] + [" " * wide] * under

    assert difference_hash(bitmap(moved)) == difference_hash(bitmap(strokes))


def test_different_signatures_are_unlike() -> None:
    """The two public signatures differ in many of the 64 bits; an empty picture has none."""
    first, second = (difference_hash(jbig.decode(bytes.fromhex(each["fields"]["62"]))) for each in SIGNED.values())

    assert (int(first, 16) ^ int(second, 16)).bit_count() > 16
    assert difference_hash(bitmap(["    ", "    "])) == "0" * 16


def test_details_are_json() -> None:
    """What lands is plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(details(real("0920"))))

    assert plain == details(real("0920"))

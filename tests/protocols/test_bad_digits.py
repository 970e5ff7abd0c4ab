"""Bad input, directed: every nibble of every number that is packed, every character of one that is not.

UnionPay's stand in test_bad_input, those of the tags 9F and of fixed records beside their links. Which fields are
numbers is told by the declarations, and for ZVT stated once more from the specification; where a nibble stands is
counted here, from the format.
"""

import json
from collections.abc import Iterator

import pytest

from protocols.concert.record import ASK, FULL, LAYOUTS, SMALL
from protocols.concert.record import TAGS as CAISSE_TAGS
from protocols.concert.record import read as read_concert
from protocols.errors import ProtocolError
from protocols.journal import pos_log, trans_record
from protocols.journal.layout import Layout
from protocols.mis_df import tags
from protocols.mis_df.record import read as read_df
from protocols.profile import load_profile
from protocols.zvt.apdu import read as read_zvt
from protocols.zvt.words import BITMAPS, TAGS
from tests.protocols.conftest import VECTORS

BAD = "ABCDEF"


def each_nibble(size: int, *, but: str = "") -> Iterator[tuple[int, bytes]]:
    """Digits with one nibble that is none: the byte it is in, and the value."""
    for nibble in range(2 * size):
        for bad in BAD:
            if bad not in but:
                digits = ["1"] * (2 * size)
                digits[nibble] = bad
                yield nibble // 2, bytes.fromhex("".join(digits))


def told(wrong: ProtocolError | None) -> tuple[str, str, int | None] | None:
    """Code, field and offset."""
    return None if wrong is None else (wrong.code, wrong.path, wrong.offset)


# --- ZVT: number of the bitmap -> bytes (PA00P015 rev 13.08)
ZVT_DIGITS = {0x04: 6, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x17: 2, 0x29: 4, 0x37: 3, 0x49: 2, 0x87: 2, 0x88: 3, 0xAA: 3}
ZVT_TLV_DIGITS = {0x08: 2, 0x1F0B: 6, 0x1F0E: 4, 0x1F0F: 3, 0x1F2B: 4, 0x1F44: 4}


def status(*parts: bytes) -> bytes:
    """A status information with these bitmaps; they begin at byte 3."""
    body = b"".join(parts)
    return b"\x04\x0f" + bytes((len(body),)) + body


def test_these_are_zvts_numbers():
    """The declaration has the specification's numbers, and no other."""
    assert {number for number, bmp in BITMAPS.items() if bmp.kind in {"digits", "maybe"}} == set(ZVT_DIGITS)
    assert {number: BITMAPS[number].size for number in ZVT_DIGITS} == ZVT_DIGITS
    assert {tag for tag, (_, kind) in TAGS.items() if kind == "digits"} == set(ZVT_TLV_DIGITS)


@pytest.mark.parametrize("number", ZVT_DIGITS, ids="{:02X}".format)
def test_each_bad_nibble_of_a_bitmap(number):
    """The bitmap and the byte; the trace number behind it is read."""
    for at, value in each_nibble(ZVT_DIGITS[number]):
        apdu = read_zvt(status(bytes((number,)), value, b"\x19\x60"), "zvt")
        assert told(apdu.error) == ("bcd", f"{number:02X}", 4 + at)
        assert apdu.fields["19"] == "60"


@pytest.mark.parametrize("tag", ZVT_TLV_DIGITS, ids="{:02X}".format)
def test_each_bad_nibble_of_a_tag(tag):
    """In the container 06, and in a container in it: the path and the byte."""
    name = f"{tag:02X}"
    raw = bytes.fromhex(name)
    for at, value in each_nibble(ZVT_TLV_DIGITS[tag]):
        inner = raw + bytes((len(value),)) + value
        apdu = read_zvt(status(bytes((0x06, len(inner))), inner), "zvt")
        assert told(apdu.error) == ("bcd", f"06.{name}", 5 + len(raw) + 1 + at)
        outer = bytes((0x2F, len(inner))) + inner
        apdu = read_zvt(status(bytes((0x06, len(outer))), outer), "zvt")
        assert told(apdu.error) == ("bcd", f"06.2F.{name}", 7 + len(raw) + 1 + at)


def test_each_bad_nibble_of_the_totals():
    """Bitmap 60: two receipt numbers, then seven times a count of one binary byte and six bytes of digits."""
    places = {"60.first": (0, 2), "60.last": (2, 2)}
    groups = ("girocard", "JCB", "Eurocard", "Amex", "VISA", "Diners", "other")
    places |= {f"60.{name}_total": (4 + 7 * at + 1, 6) for at, name in enumerate(groups)}
    for key, (start, size) in places.items():
        for at, value in each_nibble(size):
            sums = bytearray(53)
            sums[start : start + size] = value
            apdu = read_zvt(status(b"\x60\xf0\xf5\xf3", bytes(sums)), "zvt")
            assert told(apdu.error) == ("bcd", key, 7 + start + at)


@pytest.mark.parametrize(("number", "legal"), [(0x22, "DEF"), (0x23, "DEF")], ids=["22", "23"])
def test_each_bad_nibble_of_a_card(number, legal):
    """LLVAR: D separates, E is the terminal's mask, F the pad and ours; A to C are nothing."""
    for at, value in each_nibble(10, but=legal):
        apdu = read_zvt(status(bytes((number, 0xF1, 0xF0)), value), "zvt")
        assert told(apdu.error) == ("bcd", f"{number:02X}", 6 + at)


def test_each_bad_nibble_of_the_registrations_currency():
    """06 00: password 3, configuration byte, currency 2."""
    for at, value in each_nibble(2):
        apdu = read_zvt(b"\x06\x00\x06\x00\x00\x00\xde" + value, "zvt")
        assert told(apdu.error) == ("bcd", "currency", 7 + at)


def test_each_bad_nibble_of_an_aborts_currency():
    """06 1E: result 6F, currency 2."""
    for at, value in each_nibble(2):
        apdu = read_zvt(b"\x06\x1e\x03\x6f" + value, "zvt")
        assert told(apdu.error) == ("bcd", "currency", 4 + at)


def test_a_receipt_that_is_none_is_all_f():
    """87 FF FF: no receipt; a single F is a bad nibble, above."""
    assert read_zvt(status(b"\x87\xff\xff"), "zvt").error is None


# --- tags DF: a result, 02 length STX; DF01 01 02, then the tag
DF = load_profile("ingenico-mis-example")
DF_NUMBERS = {tag: known for tag, known in tags.TAGS.items() if known.kind in {"digits", "amount", "count"}}


def df_error(tag: int, value: bytes, *, nested: bool = False) -> tuple[str, str, int | None] | None:
    """What is said of a result with this value; of the first tag of a frame for DF01."""
    element = tag.to_bytes(2, "big") + bytes((len(value),)) + value
    first = b"" if tag == tags.MODE else b"\xdf\x01\x01\x02"
    data = first + (b"\xdf\x06" + bytes((len(element),)) + element if nested else element)
    covered = bytes.fromhex(f"{len(data):04d}") + data + b"\x03"
    lrc = 0
    for byte in covered:
        lrc ^= byte
    return told(read_df(DF, b"\x02" + covered + bytes((lrc,))).error)


@pytest.mark.parametrize("tag", DF_NUMBERS, ids="{:04X}".format)
def test_each_bad_nibble_of_a_df_tag(tag):
    """Packed digits, six bytes of an amount, three of a count: the tag and the byte, in the frame and in a result."""
    known = DF_NUMBERS[tag]
    size = {"amount": 6, "count": 3}.get(known.kind, (known.width + 1) // 2)
    head = 3 + (0 if tag == tags.MODE else 4) + 3
    for at, value in each_nibble(size):
        assert df_error(tag, value) == ("bcd", f"{tag:04X}", head + at)
        if tag != tags.MODE:
            assert df_error(tag, value, nested=True) == ("bcd", f"DF06.{tag:04X}", head + 3 + at)


@pytest.mark.parametrize(
    "tag", [tag for tag, known in DF_NUMBERS.items() if known.kind == "digits"], ids="{:04X}".format
)
def test_each_bad_character_of_a_df_tag(tag):
    """The same numbers as text: the character."""
    width, head = DF_NUMBERS[tag].width, 3 + (0 if tag == tags.MODE else 4) + 3
    for at in range(width):
        for bad in "A:/ \x00":
            text = "1" * at + bad + "1" * (width - at - 1)
            assert df_error(tag, text.encode()) == ("digits", f"{tag:04X}", head + at)


# --- journals
RECORDS: dict[str, Layout] = {
    "pos_log-aligned": pos_log.ALIGNED,
    "pos_log-packed": pos_log.PACKED,
    "totals-aligned": pos_log.TOTAL_ALIGNED,
    "totals-packed": pos_log.TOTAL_PACKED,
    "trans_record-aligned": trans_record.ALIGNED,
    "trans_record-packed": trans_record.PACKED,
}


@pytest.mark.parametrize("name", RECORDS)
def test_each_bad_nibble_of_a_record(name):
    """Every packed amount and date: the column and where it begins; F is legal where the sanitiser writes it.

    What the sources do not call packed digits, or what a terminal may fill with anything, is in docs/journals.md.
    """
    layout, blank, met = RECORDS[name], RECORDS[name].build({}), 0
    for column, start in layout.offsets.items():
        each = layout.fields[column]
        spare = {"fen": 0, "packed": 0, "packed1": 1, "packed1_masked": 1}.get(each.codec)
        if spare is None:
            continue
        met += 1
        for _, value in each_nibble(each.size - spare, but="F" if each.codec.endswith("_masked") else ""):
            record = blank[:start] + value + blank[start + len(value) :]
            values, wrong = layout.read(record)
            assert told(wrong) == ("bcd", column, start)
            assert column not in values
            assert len(values) == len(layout.fields) - 1
    assert met == {"pos": 3, "tot": 17, "tra": 4}[name[:3]]


@pytest.mark.parametrize("name", RECORDS)
def test_each_bad_character_of_a_records_number(name):
    """Numbers that are text: each character that is no digit; the column and where it begins."""
    layout, blank = RECORDS[name], RECORDS[name].build({})
    for column, start in layout.offsets.items():
        each = layout.fields[column]
        for at in range(each.size - 1) if each.codec == "digits" else ():
            text = b"1" * at + b"A" + b"1" * (each.size - at - 2) + b"\0"
            assert told(layout.read(blank[:start] + text + blank[start + each.size :])[1]) == ("digits", column, start)


def test_columns_begin_where_the_firmwares_structs_have_them():
    """The offsets above are those computed from the public declarations, for every column of both structs."""
    structs = json.loads((VECTORS / "journal_structs.json").read_text("utf-8"))
    for struct, layout in (("POS_LOG_STRUCT", pos_log.ALIGNED), ("TOTAL_STRC", pos_log.TOTAL_ALIGNED)):
        stated = {each["name"]: (each["offset"], each["size"]) for each in structs[struct]["fields"]}
        assert {name: (at, layout.fields[name].size) for name, at in layout.offsets.items()} == stated


# --- Concert: numbers are text
@pytest.mark.parametrize("form", [ASK, SMALL, FULL])
def test_each_bad_character_of_an_e_plus_number(form):
    """At each place of each number: the value and the character's place behind STX."""
    body = b"".join(b"1" * width for _, width, _ in LAYOUTS[form])
    start = 1
    for name, width, kind in LAYOUTS[form]:
        for at in range(start, start + width) if kind == "digits" else ():
            for bad in b"A:/ \x80":
                broken = body[: at - 1] + bytes((bad,)) + body[at:] + b"\x03"
                lrc = 0
                for byte in broken:
                    lrc ^= byte
                wrong = read_concert(b"\x02" + broken + bytes((lrc,)), "telium", "stx-etx").error
                assert told(wrong) == ("digits", name, at)
        start += width


@pytest.mark.parametrize("tag", [tag for tag, (_, kind) in CAISSE_TAGS.items() if kind == "digits"])
def test_each_bad_character_of_a_caisse_number(tag):
    """At each place of eight: the tag and the character's place."""
    for at in range(8):
        for bad in b"A:/ \x80":
            value = b"1" * at + bytes((bad,)) + b"1" * (7 - at)
            head = b"CZ0040300" if tag != "CZ" else b""
            frame = head + tag.encode() + b"008" + value
            wrong = read_concert(frame, "caisse-ap", "tags").error
            assert told(wrong) == ("digits", tag, len(head) + 5 + at)

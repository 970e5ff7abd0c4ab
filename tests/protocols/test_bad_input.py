"""Bad input, directed: every nibble, every length, every cut; the right field, the right byte, nothing else lost.

What a field may hold is stated here once more, from docs/protocols.md 2, and not taken from the code.
"""

from collections.abc import Iterator

import pytest

from protocols.batch import uploaded
from protocols.describe import describe
from protocols.errors import DecodeError
from protocols.facts import facts
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from protocols.tlv import encode
from tests.protocols.conftest import KEYS
from tests.secretframes import OPERATIONS, unionpay
from tests.seededsecrets import SEEDED, TWIN, holds

pytestmark = pytest.mark.thorough

UNIONPAY = load_profile("unionpay")
FRAMES = [frame for _, frame in unionpay(UNIONPAY, SEEDED)]
NAMES = [f"{at}-{UNIONPAY.decode(frame).mti}" for at, frame in enumerate(FRAMES)]

# field -> digits when fixed; the others count them
FIXED = {3: 6, 4: 12, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 22: 3, 23: 3, 25: 2, 26: 2}
COUNTED = (2, 32, 48, 60, 61)
MASKED = {2, 14, 48, 60, 61}
"""Where the sanitiser writes nibble F, so that F is legal."""
ANY_NIBBLE = {35: "an encrypted track", 36: "an encrypted track", 53: "encrypted control information"}
MORE = {32: "03200000", 61: "000001000042112101", 15: "1121", 12: "101500", 13: "1121", 26: "12", 23: "001", 22: "051"}


def wrapped(body: bytes) -> bytes:
    """A message in a sound envelope."""
    return UNIONPAY.link.wrap(body, tpdu="6000030000", header="603100310010")


def flipped(frame: bytes, nibble: int, value: int) -> bytes:
    """The frame with another nibble at this place."""
    broken = bytearray(frame)
    at = nibble // 2
    broken[at] = broken[at] & 0xF0 | value if nibble & 1 else broken[at] & 0x0F | value << 4
    return bytes(broken)


def nibbles(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Each nibble of a number that is counted as a digit: field, its first byte, the nibble's place in the frame."""
    message = UNIONPAY.decode(frame)
    for number, (offset, length) in message.spans.items():
        digits = FIXED.get(number, len(message.fields[number]) if number in COUNTED else 0)
        first = 1 if number == 23 else 0  # right-aligned; every other number is left-aligned
        for at in range(first, first + digits):
            assert at < 2 * length
            yield number, message.starts[number], 2 * offset + at


def test_every_numeric_field_is_among_them():
    """The messages below hold each number of the table at least once."""
    met = {number for frame in [*FRAMES, whole()] for number, _, _ in nibbles(frame)}
    assert met == {*FIXED, *COUNTED}


def whole() -> bytes:
    """A message with the numbers that the sample leaves out."""
    return UNIONPAY.build(
        "0210", {2: SEEDED.pan, 3: "000000", 4: "000000000100", 48: "000000000300", 60: "22000001", **MORE}
    )


@pytest.mark.parametrize("frame", [*FRAMES, whole()], ids=[*NAMES, "whole"])
def test_each_bad_nibble_of_each_number_is_named(frame):
    """A to F in each place: the field and its first byte; F is legal where digits may be masked. The rest is read."""
    good = UNIONPAY.decode(frame).fields
    for number, start, nibble in nibbles(frame):
        for value in range(0xA, 0x10):
            message, wrong = UNIONPAY.read(flipped(frame, nibble, value))
            if value == 0xF and number in MASKED:
                assert wrong is None, (number, nibble)
                continue
            assert wrong is not None, (number, nibble, value)
            assert (wrong.code, wrong.path, wrong.offset) == ("bcd", f"F{number}", start)
            assert {key: text for key, text in good.items() if key != number} == message.fields


@pytest.mark.parametrize("number", ANY_NIBBLE)
def test_an_encrypted_track_may_hold_any_nibble(number):
    """Tracks and control information are kept as they are, whatever their nibbles."""
    frame = next(each for each in FRAMES if number in UNIONPAY.decode(each).fields)
    offset, length = UNIONPAY.decode(frame).spans[number]
    for nibble in range(2 * offset, 2 * (offset + length)):
        for value in range(0x10):
            assert UNIONPAY.read(flipped(frame, nibble, value))[1] is None


@pytest.mark.parametrize("number", [22, 23, 2, 60])
def test_a_pad_nibble_is_not_looked_at(number):
    """The nibble that no digit uses may be anything, and comes back as it was."""
    value = {22: "051", 23: "001", 2: SEEDED.pan + "123", 60: "2200000100050"}[number]
    frame = UNIONPAY.build("0200", {number: value})
    offset, length = UNIONPAY.decode(frame).spans[number]
    pad = 2 * offset if number == 23 else 2 * (offset + length) - 1
    for nibble in range(0x10):
        padded = flipped(frame, pad, nibble)
        message = UNIONPAY.decode(padded)
        assert message.fields[number] == value
        assert UNIONPAY.rebuild(message) == padded


# field -> (bytes of its length, most, value, whether the length counts digits)
VARIABLE: dict[int, tuple[int, int, str, bool]] = {
    2: (1, 19, SEEDED.pan, True),
    32: (1, 11, "03200000", True),
    35: (1, 99, SEEDED.track_2 + "0", True),
    36: (2, 208, SEEDED.track_3, True),
    44: (1, 99, "01020304   05060708   ", False),
    46: (2, 999, "02info", False),
    48: (2, 322, "0" * 62, True),
    51: (2, 999, "D20212345678", False),
    54: (2, 120, "0002156C000000012345", False),
    55: (2, 999, "9F3602002895050000000000", False),
    56: (2, 999, "余额不足", False),
    57: (2, 999, "text", False),
    58: (2, 999, "wallet", False),
    59: (2, 999, "41343030353132333435", False),
    60: (2, 17, "22000001000500", True),
    61: (2, 29, "0000010000421121", True),
    62: (2, 999, "0102030405", False),
    63: (2, 999, "CUP", False),
}


@pytest.mark.parametrize("number", VARIABLE)
def test_a_lying_length_is_named(number):
    """Of the last field: too long, beyond its most, no digits, shorter, and odd where it counts digits."""
    width, most, value, digits = VARIABLE[number]
    frame = UNIONPAY.build("0210", {3: "000000", number: value} if number > 2 else {number: value})
    message = UNIONPAY.decode(frame)
    start, body = message.starts[number], message.body_offset
    size = len(frame) - start - width
    counted = int(frame[start : start + width].hex())

    def lying(count: str) -> tuple[str, str, int | None] | None:
        broken = frame[body:start] + bytes.fromhex(count.rjust(2 * width, "0")) + frame[start + width :]
        wrong = UNIONPAY.read(wrapped(broken))[1]
        return None if wrong is None else (wrong.code, wrong.path, wrong.offset)

    longer = counted + 1 if not digits else 2 * size + 1
    if longer <= most:
        assert lying(str(longer)) == ("short", f"F{number}", start)
    assert lying(str(most)) == (("short", f"F{number}", start) if most > counted else None)
    if most + 1 < 10 ** (2 * width):
        assert lying(str(most + 1)) == ("length", f"F{number}", start)
    for bad in range(0xA, 0x10):
        for place in range(2 * width):
            count = f"{counted:0{2 * width}d}"
            assert lying(f"{count[:place]}{bad:X}{count[place + 1 :]}") == ("length", f"F{number}", start)
    shorter = counted - (2 if digits else 1)
    assert lying(str(shorter)) == ("long", "", len(frame) - 1)
    if digits and counted % 2 == 0:
        assert lying(str(counted - 1)) is None  # odd: the last nibble is a pad


@pytest.mark.parametrize("frame", FRAMES, ids=NAMES)
def test_a_message_cut_at_any_byte_names_the_field_it_ends_in(frame):
    """In a sound envelope: the field the cut is in and its first byte; a MAC that is missing as a whole is allowed."""
    message = UNIONPAY.decode(frame)
    body = frame[message.body_offset : message.end]
    shift = message.body_offset
    ends = {number: offset + length for number, (offset, length) in message.spans.items()}
    order = sorted(ends)
    for cut in range(len(body)):
        found, wrong = UNIONPAY.read(wrapped(body[:cut]))
        if cut < 10:
            assert wrong is not None
            assert wrong.layer in {"header", "bitmap", "link"}, cut
            continue
        broken = next(number for number in order if ends[number] - shift > cut)
        start = message.starts[broken]
        if broken == 64 and start - shift == cut:
            assert wrong is None
            assert found.mac_absent
            continue
        assert wrong is not None, cut
        assert (wrong.code, wrong.path, wrong.offset) == ("short", f"F{broken}", start), cut
        before = {number: message.fields[number] for number in order if number < broken}
        assert found.fields == before


def rows(*said: str, count: str = "") -> bytes:
    """A batch list."""
    return UNIONPAY.build("0320", {11: "000090", 48: (count or f"{len(said):02d}") + "".join(said), 60: "00000001201"})


ROW = "00" + "000001" + f"{SEEDED.pan:0>20}" + "000000000100"


@pytest.mark.parametrize(
    ("frame", "code", "expected"),
    [
        (rows(ROW, count="02"), "count", "as many rows as it says"),
        (rows(ROW, ROW, count="01"), "count", "as many rows as it says"),
        (rows(ROW[:-2]), "length", "a count of 2 digits and up to 8 times 40"),
        (rows(ROW + "0"), "length", "a count of 2 digits and up to 8 times 40"),
        (UNIONPAY.build("0320", {48: "00012", 60: "00000001207"}), "length", "a count of 4 digits"),
        (UNIONPAY.build("0500", {48: "0" * 61, 60: "00000001201"}), "length", "62 digits of totals"),
    ],
)
def test_an_f48_that_does_not_add_up_is_named(frame, code, expected):
    """Count and rows, the end's number, the totals: F48 and its first byte, in describe too."""
    message = UNIONPAY.decode(frame)
    with pytest.raises(DecodeError) as refused:
        uploaded(message)
    wrong = refused.value
    assert (wrong.code, wrong.path, wrong.offset) == (code, "F48", message.spans[48][0])
    assert wrong.expected == expected
    said = describe(UNIONPAY, frame)["error"]
    assert (said["code"], said["field"], said["offset"]) == (code, "F48", wrong.offset)


@pytest.mark.parametrize("number", [SEEDED.pan, "6222020000000001"], ids=["luhn", "no-luhn"])
def test_a_list_that_does_not_add_up_keeps_no_card_number(number):
    """Another count or a cut row: nobody can say where the numbers stand, and none is kept, whatever its Luhn digit."""
    row = ROW.replace(SEEDED.pan, number)
    for frame in (rows(row, count="02"), rows(row, row[:-6]), rows("0" + row), rows(row)):
        assert not holds(Sanitiser(UNIONPAY, KEYS).sanitise(frame).frame, number)


def test_each_masked_nibble_of_a_list_outside_its_card_numbers_is_named():
    """F is legal in a card number alone: elsewhere in a row it is named with its own byte."""
    frame = rows(ROW, ROW)
    start = UNIONPAY.decode(frame).spans[48][0]
    for nibble in range(2, 2 + 2 * 40):
        message = UNIONPAY.decode(flipped(frame, 2 * start + nibble, 0xF))
        inside = (nibble - 2) % 40
        if 8 <= inside < 28:
            assert len(uploaded(message)) == 2
            continue
        with pytest.raises(DecodeError) as refused:
            uploaded(message)
        assert (refused.value.code, refused.value.offset) == ("bcd", start + nibble // 2)


NOT_GBK = (b"\x80", b"\xff\xff", b"\xb9\x20", b"\xa1\xff", b"\x00\x01")


@pytest.mark.parametrize("raw", NOT_GBK, ids=bytes.hex)
@pytest.mark.parametrize("number", [44, 46, 56, 57, 58, 63])
def test_what_is_no_gbk_is_kept_and_shown(number, raw):
    r"""Bytes that are no text come out as ``\x..``, are no error, and build back to themselves."""
    body = UNIONPAY.encode("0210", {number: "AB"})
    width = 1 if number == 44 else 2
    at = body.index(b"AB") - width
    frame = wrapped(body[:at] + bytes.fromhex(f"{len(raw) + 1:0{2 * width}d}") + raw + b"B")
    message = UNIONPAY.decode(frame)
    assert UNIONPAY.rebuild(message) == frame
    assert describe(UNIONPAY, frame)["error"] is None
    assert "\\x" in message.fields[number]
    facts(message)


@pytest.mark.parametrize("mti", ["0700", "0710", "0900", "0920", "0600", "0110"])
def test_an_unknown_message_type_is_an_event_with_its_bytes(mti):
    """The type is an open number: fields are read, the bytes come back, nothing is guessed."""
    frame = UNIONPAY.build(mti, {11: "000001", 41: "10000001", 60: "99000001999", 62: "00FF"})
    message = UNIONPAY.decode(frame)
    assert message.mti == mti
    assert UNIONPAY.rebuild(message) == frame
    assert facts(message).txn_type is None
    assert describe(UNIONPAY, frame)["error"] is None


def test_unknown_tags_and_codes_keep_their_bytes():
    """In F55, in F59 and in 60.3: value and place, named as unknown."""
    frame = UNIONPAY.build(
        "0200",
        {55: encode({"DF7E": "C0FFEE", "9F36": "0001"}), 59: b"Z9003abc".hex().upper(), 60: "22000001987"},
    )
    said = describe(UNIONPAY, frame)
    assert UNIONPAY.rebuild(UNIONPAY.decode(frame)) == frame
    assert said["error"] is None
    for key, value, raw in (("55.DF7E", "C0FFEE", b"\xc0\xff\xee"), ("59.Z9", "abc", b"abc")):
        row = said["fields"][key]
        assert (row["value"], row["confidence"]) == (value, "assumed")
        assert frame[row["offset"] : row["offset"] + row["length"]] == raw
    assert said["fields"]["60.3"]["value"] == "987"


@pytest.mark.parametrize("number", sorted(set(range(2, 65)) - set(UNIONPAY.grammar.table)))
def test_an_unknown_field_is_named(number):
    """Its number and the bitmap's byte; what stands before it is not read, for nobody knows its length."""
    bitmap = (1 << (64 - number) | 1 << (64 - 3)).to_bytes(8, "big")
    wrong = UNIONPAY.read(bytes.fromhex("0200") + bitmap + bytes(20))[1]
    assert wrong is not None
    assert (wrong.code, wrong.path, wrong.layer) == ("unknown_field", f"F{number}", "bitmap")


def test_two_cards_samples_cover_every_operation():
    """What the tests above stand on: each operation of docs/protocols.md 4 is asked and answered."""
    told = [facts(UNIONPAY.decode(frame)) for frame in FRAMES]
    asked = {(each.mti, each.processing_code) for each in told if each.is_request}
    assert {(mti, processing) for mti, processing, *_ in OPERATIONS} <= asked
    assert {each.mti for each in told} >= {
        "0100",
        "0200",
        "0220",
        "0320",
        "0400",
        "0620",
        "0800",
        "0820",
        "0810",
        "0830",
    }
    assert TWIN.pan != SEEDED.pan


def test_no_other_exception_ever():
    """Each byte of each message replaced by a few others: an error of ours or none."""
    for frame in FRAMES[::7]:
        for at in range(len(frame)):
            for value in (0x00, 0xFF, frame[at] ^ 0x10, frame[at] ^ 0x01):
                broken = frame[:at] + bytes([value]) + frame[at + 1 :]
                wrong = UNIONPAY.read(broken)[1]
                assert wrong is None or wrong.offset is None or 0 <= wrong.offset <= len(broken)

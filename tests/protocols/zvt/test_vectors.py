"""The 63 public ZVT messages, field by field, and what the malformed ones are refused for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from protocols.deframe import Frame
from protocols.describe import describe
from protocols.profile import load_profile
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.describe import describe as looked_at
from protocols.zvt.facts import of_apdu
from protocols.zvt.link import apdu_end, deframer, wrap
from tests.protocols.conftest import VECTORS

MESSAGES: list[dict[str, Any]] = json.loads((VECTORS / "zvt.json").read_text("utf-8"))
SERIAL, TCP = load_profile("zvt"), load_profile("zvt-tcp")

CARD_TECHNOLOGY = {"Chip": "01", "NFC": "02"}
VERIFICATION = {"Offline encrypted Pin": "03"}
RECEIPTS = {"ReceiptType.Merchant": "01"}
CARDS = {"Maestro": "2E", 16: "10"}


def tlv(apdu: Apdu, tag: str) -> str:
    """The value of the first TLV with that tag, at any depth."""
    return next(value for key, value in apdu.fields.items() if key.startswith("06.") and key.rpartition(".")[2] == tag)


def texts(apdu: Apdu) -> list[str]:
    """All lines of text."""
    return [value for key, value in apdu.fields.items() if key.partition("[")[0].endswith(".07")]


def number(key: str) -> Callable[[Apdu, Any], bool]:
    return lambda apdu, want: int(apdu.fields[key]) == want


def hexed(key: str) -> Callable[[Apdu, Any], bool]:
    return lambda apdu, want: int(apdu.fields[key], 16) == want


def same(key: str) -> Callable[[Apdu, Any], bool]:
    return lambda apdu, want: apdu.fields[key].lower() == str(want).lower()


def of_tag(tag: str) -> Callable[[Apdu, Any], bool]:
    return lambda apdu, want: tlv(apdu, tag).lower() == str(want).lower()


def card_type(apdu: Apdu, want: Any) -> bool:
    """The vectors name it by BMP 8A, or by the TLV of card types, or as a choice in BMP 19."""
    values = [value for key, value in apdu.fields.items() if key == "8A" or key.endswith((".41", ".1F4C", "19"))]
    return CARDS.get(want, f"{want:02X}" if isinstance(want, int) else want) in values


def totals(apdu: Apdu, want: dict[str, int]) -> bool:
    names = {"receipt_start": "first", "receipt_end": "last"}
    return all(
        int(apdu.fields[f"60.{names.get(key, key[0].upper() + key[1:])}"]) == value for key, value in want.items()
    )


def with_carries(digits: str) -> int:
    """The source reads hex digits as decimal ones with carries; the raw digits are what was sent."""
    value = 0
    for digit in digits:
        value = value * 10 + int(digit, 16)
    return value


def date_time(apdu: Apdu, want: str) -> bool:
    digits = "".join(each for each in want if each.isdigit())
    return tlv(apdu, "1F0E") + tlv(apdu, "1F0F") == digits


CHECKS: dict[str, Callable[[Apdu, Any], bool]] = {
    "ctrl": lambda apdu, want: apdu.control.lower() == want,
    "timeout_sec": hexed("wait"),
    "dialog_control": hexed("FC"),
    "tlv_1f15": of_tag("1F15"),
    "tlv_1f60": of_tag("1F60"),
    "card_type": card_type,
    "result_code": lambda apdu, want: (
        int(apdu.fields["27"], 16) == want if "27" in apdu.fields else apdu.fields["result"].lower() == want
    ),
    "uuid": of_tag("4C"),
    "ats": lambda apdu, want: tlv(apdu, "1F45").lower()[2 : 2 + len(want)] == want or want in tlv(apdu, "1F45").lower(),
    "sub_type": of_tag("1F4D"),
    "atqa": of_tag("1F4F"),
    "sak": lambda apdu, want: int(tlv(apdu, "1F50"), 16) == want,
    "application_id": of_tag("43"),
    "payment_type": hexed("19"),
    "currency": lambda apdu, want: int(apdu.fields.get("49") or apdu.fields["currency"]) == want,
    "amount_minor": number("04"),
    "bmp60_prefix": of_tag("1F62"),
    "bmp60_data": of_tag("1F63"),
    "status": hexed("status"),
    "time": same("0C"),
    "date": same("0D"),
    "card_number_raw": same("22"),
    "receipt_no": lambda apdu, want: (
        apdu.fields["87"].lower() == want if isinstance(want, str) else int(apdu.fields["87"]) == want
    ),
    "aid": same("3B"),
    "trace": number("0B"),
    "terminal_id": lambda apdu, want: (apdu.fields.get("29") or tlv(apdu, "1F44")) == want,
    "expiry": same("0E"),
    "card_type_id": hexed("8C"),
    "card_name": same("8B"),
    "vu": same("2A"),
    "lines": lambda apdu, want: len(texts(apdu)) == want,
    "eol": lambda apdu, want: int(tlv(apdu, "09"), 16) == want,
    "receipt_type": lambda apdu, want: int(tlv(apdu, "1F07"), 16) == want,
    "additional_text": same("3C"),
    "sw_version": same("software_version"),
    "terminal_status": hexed("state"),
    "device_name": of_tag("1F40"),
    "serial": lambda apdu, want: with_carries(tlv(apdu, "1F42")) == want,
    "date_time": date_time,
    "totals": totals,
    "password": same("password"),
    "config": same("config"),
    "status_byte": hexed("19"),
    "track2": lambda apdu, want: apdu.fields["23"].lower() == want.rstrip("f"),
    "maximum_pre_auth": lambda apdu, want: int(tlv(apdu, "1F0B")) == want,
    "AdditionalText": same("3C"),
    "ErrorCode": hexed("27"),
    "ErrorMessage": lambda apdu, _: "27" in apdu.fields,
    "TerminalIdentifier": number("29"),
    "CardType": card_type,
    "CardName": same("8B"),
    "ExpiryDateMonth": lambda apdu, want: int(apdu.fields["0E"][2:]) == want,
    "ExpiryDateYear": lambda apdu, want: int(apdu.fields["0E"][:2]) == want,
    "Amount": lambda apdu, want: int(apdu.fields["04"]) == round(want * 100),
    "CurrencyCode": number("49"),
    "TurnoverRecordNumber": number("88"),
    "CardSequenceNumber": number("17"),
    "Time": lambda apdu, want: apdu.fields["0C"] in want.replace(", ", ""),
    "CardNumber": lambda apdu, want: apdu.fields["22"].replace("E", "*") == want,
    "CardTechnology": lambda apdu, want: tlv(apdu, "1F12") == CARD_TECHNOLOGY[want],
    "CardholderAuthentication": lambda apdu, want: tlv(apdu, "1F10") == VERIFICATION[want],
    "ApplicationId": of_tag("43"),
    "TraceNumber": number("0B"),
    "ReceiptType": lambda apdu, want: tlv(apdu, "1F07") == RECEIPTS[want],
    "text_contains": lambda apdu, want: all(any(word in line for line in texts(apdu)) for word in want),
}
"""What a vector expects -> how our reading says it."""

WHOLE = [each for each in MESSAGES if each["kind"] in {"valid", "vendor", "fragmented"}]


@pytest.mark.parametrize("message", WHOLE, ids=lambda each: each["hex"][:24])
def test_every_public_message_says_what_its_source_says(message):
    """Each value that a source asserts is the value we read, and nothing is wrong with the message."""
    apdu = read(bytes.fromhex(message["hex"]), "zvt")
    assert apdu.error is None
    for key, want in message["expected"].items():
        if key != "states":
            assert CHECKS[key](apdu, want), key


REFUSED = {
    "040f": ("length", "", 2),
    "040fff00016c": ("length", "", 2),
    "040f0600010203": ("length", "", 2),
    "06010a010203": ("length", "", 2),
    "06d110402a2a204b415353454e5343484e495454202a2a": ("length", "", 2),
    "040f016c": ("unknown_field", "6C", 3),
}


@pytest.mark.parametrize("message", [each for each in MESSAGES if each not in WHOLE], ids=lambda each: each["hex"][:24])
def test_malformed_messages_are_refused_at_their_place(message):
    """A lying length is told at the length, an unknown bitmap at the bitmap; a body without its APDU is none."""
    apdu = read(bytes.fromhex(message["hex"]), "zvt")
    code, path, offset = REFUSED.get(message["hex"], ("length", "", 2))
    assert apdu.error is not None
    assert (apdu.error.code, apdu.error.path, apdu.error.offset) == (code, path, offset)


def test_every_message_is_in_one_of_the_two_tests():
    """63 messages, none left out."""
    assert len(MESSAGES) == 63


@pytest.mark.parametrize("message", WHOLE, ids=lambda each: each["hex"][:24])
def test_a_message_is_the_same_on_the_serial_line(message):
    """Doubled, with CRC, found by the deframer in any cut: the same values, offsets of the link frame."""
    bare = bytes.fromhex(message["hex"])
    frame = wrap(bare, "dle")
    found = deframer(SERIAL).feed(frame)
    assert found == [Frame(frame, 0)]
    one_by_one = deframer(SERIAL)
    assert [event for byte in frame for event in one_by_one.feed(bytes([byte]))] == [Frame(frame, 0)]
    assert dict(read(frame, "zvt").fields) == dict(read(bare, "zvt").fields)
    for key, (offset, length) in read(frame, "zvt").spans.items():
        item = next(each for each in read(frame, "zvt").items if each.key == key)
        assert frame[offset : offset + length].replace(b"\x10\x10", b"\x10") == bare[item.start : item.end], key


@pytest.mark.parametrize("message", WHOLE, ids=lambda each: each["hex"][:24])
def test_a_prefix_needs_more(message):
    """No beginning of a message is a message or noise, on either link."""
    bare = bytes.fromhex(message["hex"])
    for profile, frame in ((SERIAL, wrap(bare, "dle")), (TCP, bare)):
        looking = deframer(profile)
        for byte in frame[:-1]:
            assert looking.feed(bytes([byte])) == []
        assert looking.pending == len(frame) - 1


def test_the_real_frame_with_its_crc():
    """A payment as a till really sent it (docs/protocols-ecr.md, transport)."""
    frame = bytes.fromhex("1002 06010A 04 00000001101000 490978 1003 F2FF")
    said = describe(SERIAL, frame)
    assert said["error"] is None
    assert said["operation"] == "SALE"
    row = said["fields"]["04"]
    assert {key: row[key] for key in ("name", "value", "offset", "length")} == {
        "name": "amount",
        "value": "000000011000",
        "offset": 6,
        "length": 7,
    }


def test_length_forms():
    """FF announces two bytes of length, the low one first."""
    assert apdu_end(b"\x06\xd3\xff\x00\x01", 0) == 5 + 0x100
    assert apdu_end(b"\x06\xd3\xff\x00", 0) is None


def test_the_golden_totals():
    """Two Eurocard payments of 9.58 together, receipts 233 to 234 (EVerest/zvt)."""
    message = next(each for each in MESSAGES if "totals" in each["expected"])
    told = of_apdu(read(bytes.fromhex(message["hex"]), "zvt"))
    assert (told.kind, told.total_count, told.total_amount_fen) == ("settlement", 2, 958)
    assert '{"card_org":"Eurocard","count":2,"amount_fen":958}' in (told.card_totals or "")


def test_an_application_identifier_is_called_so():
    """TLV 43 is the AID; bitmap BA, which has a parameter of it, is something else (docs/protocols-ecr.md)."""
    said = describe(TCP, bytes.fromhex("040F 11 BA0102030405 06 09 60 07 43 05 A000000004".replace(" ", "")))
    assert said["error"] is None
    titles = {key: (row["zh"], row["en"]) for key, row in said["fields"].items()}
    assert titles["06.60.43"] == ("应用标识符", "application identifier")
    assert titles["BA"] == ("应用参数", "application parameter")


@pytest.mark.parametrize(
    ("frame", "words"),
    [("84B400", "B4  已撤销, already reversed"), ("846600", "66  未出货, goods not issued"), ("800000", "")],
)
def test_a_refusal_says_why(frame, words):
    """84 xx has its reason in the control field alone (docs/protocols-ecr.md)."""
    assert "".join(looked_at(TCP, bytes.fromhex(frame)).notes) == words


@pytest.mark.parametrize(
    ("tail", "currency", "rest"),
    [
        ("0978", "0978", {}),
        ("0578", "0578", {}),  # NOK: 05 is a bitmap too
        ("0203", "0203", {}),  # CZK: so is 02
        ("0348", "0348", {}),  # HUF: 03 would be a service byte, which has two bits
        ("0348 0302", "0348", {"03": "02"}),
        ("0578 06 03 14 01 FF", "0578", {"06.14": "FF"}),
        ("0978 0301 06 03 14 01 FF", "0978", {"03": "01", "06.14": "FF"}),
        ("0301", None, {"03": "01"}),
        ("06 03 14 01 FF", None, {"06.14": "FF"}),
        ("", None, {}),
    ],
)
def test_a_registrations_currency_is_no_bitmap(tail, currency, rest):
    """06 00 password, configuration byte, [currency], [03 service byte], [06 container] (PA00P015)."""
    body = bytes.fromhex("FFFFFFDE" + tail)
    found = read(b"\x06\x00" + bytes((len(body),)) + body, "zvt")
    assert found.error is None
    assert found.fields.get("currency") == currency
    said = {key: value for key, value in found.fields.items() if key not in {"password", "config", "currency", "06"}}
    assert said == rest


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ("6F 0978", {"result": "6F", "currency": "0978"}),
        ("6F 0578", {"result": "6F", "currency": "0578"}),  # 05 is a bitmap too
        ("6F 0978 06 03 14 01 FF", {"result": "6F", "currency": "0978", "06.14": "FF"}),
        ("6F 06 03 14 01 FF", {"result": "6F", "06.14": "FF"}),
        ("6F 06 00", {"result": "6F"}),
        ("6F 49 0978", {"result": "6F", "49": "0978"}),
        ("6F", {"result": "6F"}),
        ("6C 0541", {"result": "6C", "05": "41"}),  # another result names no currency
        ("6C 06 09 1F16 01 64 24 03 07 01 41", {"result": "6C", "06.1F16": "64", "06.24.07": "A"}),
    ],
)
def test_an_abort_may_name_a_currency(tail, said):
    """06 1E result, [currency after 6F], [06 container]."""
    body = bytes.fromhex(tail)
    found = read(b"\x06\x1e" + bytes((len(body),)) + body, "zvt")
    assert found.error is None
    assert {key: value for key, value in found.fields.items() if key not in {"06", "06.24"}} == said


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"f}r das M{dchen, gro~, sch|n", "für das Mädchen, groß, schön"),
        (b"f\x81r {1}", "für {1}"),  # CP437: braces are braces
        (b"VISA\x00", "VISA"),
    ],
)
def test_a_text_is_in_cp437_or_in_zvts_seven_bits(raw, text):
    """A line to print, and a tag 07 of a text block."""
    line = read(b"\x06\xd1" + bytes((len(raw) + 1,)) + b"\x00" + raw, "zvt")
    tag = b"\x07" + bytes((len(raw),)) + raw
    block = b"\x25" + bytes((len(tag),)) + tag
    whole = b"\x06" + bytes((len(block),)) + block
    assert line.fields["text"] == text
    assert read(b"\x06\xd3" + bytes((len(whole),)) + whole, "zvt").fields["06.25.07"] == text


@pytest.mark.parametrize(
    ("attribute", "means"),
    [
        ("00", "左对齐, left"),
        ("40", "居中, centred"),
        ("62", "居中、倍宽、缩进 2, centred, double width, indented by 2"),
        ("7F", "居中、倍宽、倍高、缩进 15, centred, double width, double height, indented by 15"),
        ("10", "左对齐、倍高, left, double height"),
        ("80", "保留, reserved"),
        ("81", "最后一行, last line"),
        ("FE", "最后一行, last line"),
        ("FF", "走纸，行数在下一字节, line feeds, as many as the next byte says"),
    ],
)
def test_a_lines_attribute_is_told(attribute, means):
    """06 D1: 01xx centred, 0x1x double width, 0xx1 double height, the low nibble indents, FF feeds lines (PA00P015)."""
    assert looked_at(TCP, bytes.fromhex(f"06D103{attribute}4142")).glossary["attribute"] == means

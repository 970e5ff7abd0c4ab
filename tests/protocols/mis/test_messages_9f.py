"""Messages with tags 9F: by hand from the format's own facts, as made and as read, and what is wrong with bad ones."""

import contextlib
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.deframe import Control, Frame, Noise
from protocols.describe import describe
from protocols.errors import DecodeError, FrameError, ProtocolError
from protocols.facts import Facts
from protocols.mis_9f.message import encode, read
from protocols.mis_9f.words import NUMBERS, TAGS, TYPES
from protocols.profile import load_profile

LINE = load_profile("allinpay")
PAN = "6225880000000001"

QUERY_LAST = "02 0014 9F00 0005 4150503031 9F01 0001 0F 03 5D"
SOLD = (
    "02 0077"  # 77 bytes of TLVs, in BCD
    "9F01 0001 02"
    "9F02 000C 303030303030303031303030"
    "9F0B 0010 36323235383830303030303030303031"
    "9F1B 0004 32393132"
    "9F0E 0006 303030303432"
    "9F14 0002 3030"
    "9F19 0008 BDBBD2D7B3C9B9A6"  # 交易成功
    "03 87"
)


def framed(*values: tuple[str, str | bytes]) -> bytes:
    """A frame made here from the format alone: 02, BCD length, tag and length and value, 03, XOR."""
    body = b""
    for tag, value in values:
        raw = value if isinstance(value, bytes) else value.encode("gbk")
        body += bytes.fromhex(tag) + bytes(divmod(len(raw), 256)) + raw
    covered = bytes.fromhex(f"{len(body):04d}") + body + b"\x03"
    return b"\x02" + covered + bytes([reduce(xor, covered)])


def test_a_question_is_these_bytes():
    """9F00 the application, 9F01 fifteen, and the XOR worked out by hand."""
    assert encode(LINE, 15, {"application": "APP01"}) == bytes.fromhex(QUERY_LAST)


def test_a_sale_says():
    """A frame written by hand: each value at its place."""
    message = read(LINE, bytes.fromhex(SOLD))
    assert message.error is None
    assert message.values == {
        "type": "2",
        "amount": "000000001000",
        "card_number": PAN,
        "expiry": "2912",
        "trace": "000042",
        "reject_code": "00",
        "reject_text": "交易成功",
    }
    assert [(item.key, item.start, item.end) for item in message.items][:4] == [
        ("9F01", 7, 8),
        ("9F02", 12, 24),
        ("9F0B", 28, 44),
        ("9F1B", 48, 52),
    ]
    told = LINE.facts(bytes.fromhex(SOLD))
    assert (told.mti, told.is_request, told.txn_type, told.amount_fen, told.stan) == ("02", False, "SALE", 1000, 42)
    assert (told.pan_masked, told.response_code, told.outcome) == ("622588******0001", "00", "approved")


@pytest.mark.parametrize(
    ("number", "operation", "txn_type", "kind"),
    [
        (1, "SIGN_IN", None, "event"),
        (2, "SALE", "SALE", "financial"),
        (3, "VOID", "VOID", "financial"),
        (4, "REFUND", "REFUND", "financial"),
        (5, "TIP", "ADJUST", "financial"),
        (6, "PREAUTH", "PREAUTH", "financial"),
        (7, "PREAUTH_VOID", "PREAUTH_VOID", "financial"),
        (8, "COMPLETION", "COMPLETION", "financial"),
        (9, "PREAUTH_ADD", "PREAUTH", "financial"),
        (10, "PREAUTH_OFFLINE", "PREAUTH", "financial"),
        (11, "COMPLETION_VOID", "COMPLETION_VOID", "financial"),
        (12, "OFFLINE_SALE", "OFFLINE_SALE", "financial"),
        (13, "ADJUST", "ADJUST", "financial"),
        (14, "SETTLEMENT", None, "settlement"),
        (15, "QUERY_LAST", None, "event"),
        (16, "REPRINT", None, "event"),
        (17, "FORWARD", None, "handshake"),
        (18, "BALANCE", "BALANCE", "financial"),
        (19, "REPRINT_SETTLEMENT", None, "event"),
        (20, "QUERY_DETAIL", None, "event"),
        (21, "SETUP", None, "event"),
        (22, "SETUP", None, "event"),
        (127, "FIND_PORT", None, "event"),
        (99, "UNKNOWN", None, "event"),
    ],
)
def test_every_type_says_what_it_is_for(number, operation, txn_type, kind):
    """The types of the public client, and one that nobody knows, whose bytes are kept."""
    told = LINE.facts(framed(("9F01", bytes([number]))))
    assert (told.operation, told.txn_type, told.kind) == (operation, txn_type, kind)


def test_a_request_speaks_of_an_earlier_transaction():
    """Reference number, date and authorisation of a refund or completion are the original's."""
    told = LINE.facts(
        framed(("9F01", b"\x04"), ("9F02", "3.00"), ("9F10", "112000000007"), ("9F11", "20261120"), ("9F20", "000042"))
    )
    assert (told.is_request, told.amount_fen, told.orig_rrn, told.orig_mmdd, told.orig_stan) == (
        True,
        300,
        "112000000007",
        "1120",
        42,
    )
    assert (told.rrn, told.host_time, told.stan) == (None, None, None)
    completion = LINE.facts(framed(("9F01", b"\x08"), ("9F0F", "AUTH45")))
    assert (completion.auth_code, completion.orig_auth_code) == (None, "AUTH45")


def test_a_message_for_the_host_is_the_tills_once_it_has_a_code():
    """Of type 17 the terminal's names the host, the till's says how it went; neither is a row."""
    asks = LINE.facts(framed(("9F01", b"\x11"), ("9F15", b"\x60"), ("9F16", "10.0.0.1")))
    answers = LINE.facts(framed(("9F01", b"\x11"), ("9F14", "00"), ("9F15", b"\x60")))
    both = LINE.facts(framed(("9F01", b"\x11"), ("9F14", "00"), ("9F15", b"\x60"), ("9F16", "10.0.0.1")))
    assert (asks.is_request, answers.is_request, both.is_request) == (False, True, False)
    assert {asks.kind, answers.kind, both.kind} == {"handshake"}


def test_reports_of_one_transaction_are_equal():
    """A sale's answer and what a query brings out again differ in bytes, not in identity; another's differs."""
    known = [("9F05", "00440036"), ("9F0D", "000001"), ("9F0E", "000042"), ("9F02", "000000001000"), ("9F14", "00")]
    sold = LINE.facts(framed(("9F01", b"\x02"), *known, ("9F19", "交易成功")))
    again = LINE.facts(framed(("9F00", "APP01"), ("9F01", b"\x02"), *known, ("9F52", "重打印")))
    untold = LINE.facts(framed(("9F01", b"\x0f"), *known))
    other = LINE.facts(framed(("9F01", b"\x02"), *known[:2], ("9F0E", "000043"), *known[3:]))
    assert sold.identity == again.identity == untold.identity is not None
    assert untold.txn_type is None
    assert other.identity != sold.identity


TEXTS = st.text(st.sampled_from("0123456789ABCxyz 交易成功商户"), max_size=30)
DIGITS = st.text(st.sampled_from("0123456789"), max_size=12)
_VALUES = {
    "digits": DIGITS,
    "amount": DIGITS,
    "iso8583": st.binary(max_size=60),
    "card": st.just(PAN),
}
MESSAGES = st.tuples(
    st.sampled_from(sorted(TYPES)),
    st.fixed_dictionaries(
        {},
        optional={word.name: _VALUES.get(word.kind, TEXTS) for word in TAGS.values() if word.kind != "type"},
    ),
)


@given(MESSAGES)
def test_what_is_built_is_read_and_built_again(message):
    """build, parse, build is the identity for every type and tag; the facts of all of them can be told."""
    number, values = message
    built = encode(LINE, number, values)
    found = read(LINE, built)
    assert found.error is None
    assert found.number == number
    again = {item.word.name: item.raw for item in found.items if item.word.kind != "type"}
    assert encode(LINE, number, again) == built
    assert isinstance(LINE.facts(built), Facts)
    assert [event.data for event in LINE.deframer().feed(built) if isinstance(event, Frame)] == [built]


@given(MESSAGES, st.data())
def test_part_of_a_message_is_waited_for_and_a_wrong_byte_is_seen(message, draw):
    """A prefix is NEED MORE; a flipped byte is never the frame."""
    built = encode(LINE, *message)
    at = draw.draw(st.integers(1, len(built) - 1))
    assert LINE.deframer().feed(built[:at]) == []
    bad = bytearray(built)
    bad[at] ^= draw.draw(st.integers(1, 255))
    looking = LINE.deframer()
    events = looking.feed(bytes(bad)) + looking.flush()
    assert bytes(bad) not in [event.data for event in events if isinstance(event, Frame)]


@given(st.lists(st.tuples(st.binary(max_size=12).map(lambda noise: noise.replace(b"\x02", b"")), MESSAGES), max_size=4))
def test_messages_are_found_in_noise_one_byte_at_a_time(parts):
    """Whatever noise stands between them, every message is there and the bytes add up."""
    frames = [encode(LINE, *message) for _, message in parts]
    stream = b"".join(noise + frame for (noise, _), frame in zip(parts, frames, strict=True))
    looking = LINE.deframer()
    events = [event for byte in stream for event in looking.feed(bytes([byte]))] + looking.flush()
    assert [event.data for event in events if isinstance(event, Frame)] == frames
    assert not any(isinstance(event, Control) for event in events)  # this link has none
    lost = sum(event.length for event in events if isinstance(event, Noise))
    assert lost == sum(len(noise) for noise, _ in parts)


@given(st.binary(max_size=120))
def test_any_bytes_are_described_and_told_without_another_exception(data):
    """Bytes of any kind: an object, and facts or our own error."""
    for frame in (data, framed(("9F01", b"\x02"), ("9F15", data)), b"\x02" + data):
        assert describe(LINE, frame)["profile"] == "allinpay"
        for ask in (LINE.facts, lambda raw: LINE.speech.secure(LINE, raw)):
            with contextlib.suppress(ProtocolError):
                ask(frame)


@pytest.mark.parametrize(
    ("frame", "kind", "code", "path", "offset"),
    [
        (bytes.fromhex(SOLD)[:-1] + b"\x88", FrameError, "lrc", "", 81),
        (b"\x02\x00\x78" + bytes.fromhex(SOLD)[3:], FrameError, "length", "", 1),
        (b"\x02\x00\x7a" + bytes.fromhex(SOLD)[3:], FrameError, "length", "", 1),
        (framed(("9F01", b"\x02"))[:-2] + b"\x04\x00", FrameError, "etx", "", 8),
        (bytes.fromhex("9F0100"), DecodeError, "length", "9F01", 2),
        (bytes.fromhex("9F01000102 9F"), DecodeError, "tag", "", 5),
        (bytes.fromhex("9F01000102 9F020008 3030"), DecodeError, "short", "9F02", 9),
        (framed(("9F02", "000000001000")), DecodeError, "missing", "9F01", 3),
        (framed(("9F01", b"\x00\x02")), DecodeError, "size", "9F01", 7),
        (framed(("9F01", b"\x02"), ("9F02", "00000000100A")), DecodeError, "amount", "9F02", 12),
        (framed(("9F01", b"\x02"), ("9F0E", "00004B")), DecodeError, "digits", "9F0E", 12),
        (framed(("9F01", b"\x02"), ("9F11", "2026-11-21")), DecodeError, "digits", "9F11", 12),
        (framed(("9F01", b"\x02"), ("9F03", b"\xc9\xff\xc9")), DecodeError, "gbk", "9F03", 12),
    ],
)
def test_what_is_wrong_is_named_with_its_place(frame, kind, code, path, offset):
    """Each damage: its code, its tag, the first byte of what fails; the bytes themselves are not said."""
    with pytest.raises(kind) as wrong:
        LINE.facts(frame)
    assert (wrong.value.code, wrong.value.path, wrong.value.offset) == (code, path, offset)
    assert "0000" not in str(wrong.value)
    assert describe(LINE, frame)["error"]["code"] == code


@pytest.mark.parametrize("tag", [NUMBERS[name] for name in ("amount", "batch", "trace", "date", "time", "orig_trace")])
@pytest.mark.parametrize("place", range(6))
def test_a_wrong_digit_anywhere_in_a_number_is_seen(tag, place):
    """Directed: each place of each numeric value."""
    digits = bytearray(b"000042")
    digits[place] = ord("E")
    with pytest.raises(DecodeError) as wrong:
        LINE.facts(framed(("9F01", b"\x02"), (f"{tag:04X}", bytes(digits))))
    assert (wrong.value.path, wrong.value.offset) == (f"{tag:04X}", 12)


def test_a_name_cut_in_half_at_its_end_is_forgiven():
    """A merchant's name as a fixed width cuts it is no reason to lose a sale."""
    frame = framed(("9F01", b"\x02"), ("9F03", "商户".encode("gbk")[:3]))
    assert LINE.facts(frame).txn_type == "SALE"


def test_tags_that_nobody_knows_keep_their_bytes():
    """An unknown tag is described with its place; the message is read all the same."""
    said = describe(LINE, framed(("9F01", b"\x02"), ("9F77", "hello")))
    names = {"name": "unknown", "zh": "未知", "en": "unknown"}
    place = {"offset": 12, "length": 5, "confidence": "assumed"}
    assert said["fields"]["9F77"] == {**names, "value": "hello", **place}
    assert said["error"] is None


def test_a_description_is_masked_and_named_in_two_languages():
    """Names, offsets, meanings; stars where the card was; a host's message field by field."""
    host = load_profile("unionpay").build("0200", {2: PAN, 4: "000000001250", 11: "000007"})
    frame = framed(("9F01", b"\x11"), ("9F0B", PAN), ("9F15", host), ("9F16", "10.0.0.1"), ("9F52", f"卡号{PAN}\r\n"))
    found = LINE.speech.describe(LINE, frame)
    fields = found.said["fields"]
    names = {"name": "card_number", "zh": "卡号", "en": "card number"}
    place = {"offset": 12, "length": 16, "confidence": "public"}
    assert fields["9F0B"] == {**names, "value": "622588******0001", **place}
    assert fields["9F52"]["value"].startswith("卡号622588******0001")
    assert fields["9F15"]["value"] == f"{len(host)} bytes"
    assert fields["9F15.11"]["value"] == "000007"
    at = fields["9F15.11"]["offset"]
    assert frame[at : at + 3] == bytes.fromhex("000007")
    assert fields["9F15.2"]["value"] == "622588******0001"
    assert found.glossary["9F01"].endswith("数据转发, message for the host")
    assert found.said["confidence"] == "public"
    assert PAN not in str(found)

"""What is overwritten in messages with tags 9F, and what stays."""

from functools import reduce
from operator import xor

import pytest

from protocols.errors import DecodeError, FrameError
from protocols.mis.link import unwrap
from protocols.profile import load_profile
from tests.protocols.mis.test_messages_9f import LINE, PAN, framed

SECRETS = (
    PAN.encode(),
    bytes.fromhex(PAN),
    PAN.encode().hex().encode(),
    PAN.encode("utf-16-le"),
    PAN.encode("utf-16-be"),
    b"NjIyNTg4MDAwMDAwMDAwM",  # base64
)


def safe_of(*values: tuple[str, str | bytes]):
    frame = framed(*values)
    secured = LINE.speech.secure(LINE, frame)
    assert len(secured.frame) == len(frame)
    found = unwrap(LINE.link, secured.frame, "allinpay")
    assert found.error is None
    assert secured.frame[-1] == reduce(xor, secured.frame[1:-1])
    assert LINE.speech.secure(LINE, secured.frame).frame == secured.frame
    assert not any(secret in secured.frame for secret in SECRETS)
    return secured


FULL: tuple[tuple[str, str | bytes], ...] = (
    ("9F01", b"\x02"),
    ("9F0B", PAN),
    ("9F13", f"card {PAN}"),
    ("9F52", f"卡号: {PAN}\r\n金额: 10.00\r\n"),
    ("9FFF", PAN),
    ("9F7F", bytes.fromhex("00" + PAN + "FF")),
    ("9F1B", "2912"),
    ("9F93", "张三"),
    ("9F94", "110105194912310021"),
)


def test_a_card_keeps_its_first_six_and_last_four():
    """In its own tag, in texts, on what is printed, in packed digits of a tag that nobody knows: everywhere."""
    secured = safe_of(*FULL)
    assert secured.card == PAN
    assert secured.masked == ("9F0B", "9F13", "9F52", "9FFF", "9F7F", "9F1B", "9F93", "9F94")
    assert secured.frame.count(b"622588******0001") == 4
    assert "金额: 10.00".encode("gbk") in secured.frame
    assert b"2912" not in secured.frame
    assert b"1949" not in secured.frame
    assert secured.body == framed(*FULL)[3:-2]  # the digest is of what was said


def test_a_text_is_still_a_text_when_its_packed_digits_are_overwritten():
    """What is kept must be read again: a text whose overwritten bytes were no GBK any more would lose the message."""
    packed = bytes.fromhex("4111111111111111")
    secured = safe_of(("9F01", b"\x02"), ("9F02", "000000001250"), ("9F13", b"a\x00" + packed + b"b"))
    assert packed not in secured.frame
    assert LINE.speech.facts(LINE, secured.frame).amount_fen == 1250


@pytest.mark.parametrize("tag", ["9F11", "9F0E"])
@pytest.mark.parametrize("named", [(), (("9F0B", PAN),)], ids=["unnamed", "named"])
def test_digits_that_are_a_card_number_are_digits_still(tag: str, named: tuple[tuple[str, str], ...]):
    """A date or a trace number that is one is overwritten by zeros: asterisks would lose the message."""
    secured = safe_of(("9F01", b"\x02"), ("9F02", "000000001250"), *named, (tag, PAN))
    assert f"{tag}" in secured.masked
    assert LINE.speech.facts(LINE, secured.frame).amount_fen == 1250


def test_the_number_that_a_message_names_is_found_whatever_it_looks_like():
    """Of no known network and with a wrong check digit, before and behind its own tag, in text and packed."""
    odd = "9912345678901234"
    said = (("9F13", f"card {odd}"), ("9F0B", odd), ("9F52", f"{odd}\r\n"), ("9F7F", bytes.fromhex("0" + odd + "0")))
    secured = LINE.speech.secure(LINE, framed(("9F01", b"\x02"), *said))
    assert secured.card == odd
    assert odd.encode() not in secured.frame
    assert odd not in secured.frame.hex()
    assert secured.frame.count(b"991234******1234") == 3


@pytest.mark.parametrize(
    ("said", "kept", "card"),
    [
        (PAN, "622588******0001", PAN),
        ("622588******0001", "622588******0001", None),
        (f"{PAN}   ", "622588******0001   ", PAN),
        (f"{PAN}=29122010000001", "622588******0001" + "*" * 15, PAN),
        ("4761739001010010123", "476173*********0123", "4761739001010010123"),
        ("123456789", "*****6789", None),
        ("", "", None),
    ],
)
def test_a_card_number_in_each_form(said, kept, card):
    """Whole, masked by the terminal, padded, with a track behind it, too short for a card."""
    secured = LINE.speech.secure(LINE, framed(("9F01", b"\x02"), ("9F0B", said)))
    assert secured.frame == framed(("9F01", b"\x02"), ("9F0B", kept))
    assert secured.card == card


def test_a_hosts_message_is_made_safe_as_what_it_is():
    """Card, track and PIN block of the 8583 message go, its amount stays; its card finds the token."""
    host = load_profile("unionpay")
    fields = {2: PAN, 4: "000000001250", 11: "000007", 35: PAN + "D29122010000001", 52: "9F3C5AD1E7248B60"}
    secured = safe_of(("9F01", b"\x11"), ("9F15", host.build("0200", fields)), ("9F16", "10.0.0.1"))
    assert secured.card == PAN
    assert secured.masked == ("9F15.F2", "9F15.F35", "9F15.F52")
    assert bytes.fromhex("9F3C5AD1E7248B60") not in secured.frame
    assert bytes.fromhex("000000001250") in secured.frame


def test_a_hosts_message_that_cannot_be_read_goes_whole():
    """Nobody knows where its secrets are."""
    lost = b"\x60\x00\x03" + bytes.fromhex(PAN) + b"track"
    secured = safe_of(("9F01", b"\x11"), ("9F15", lost), ("9F16", "10.0.0.1"))
    assert secured.masked == ("9F15",)
    assert bytes(len(lost)) in secured.frame


def test_who_is_known_stays():
    """A merchant's number is 15 digits, as some cards' are; ordinary text and trace numbers stay as they are."""
    luhn_merchant = "378282246310005"  # a test number of a card network
    frame = framed(("9F01", b"\x02"), ("9F04", luhn_merchant), ("9F52", "DUPLICATED 重打印\r\n"), ("9F0E", "000042"))
    assert LINE.speech.secure(LINE, frame).frame == frame


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (framed(("9F01", b"\x02"), ("9F0B", PAN))[:-1] + b"\x00", FrameError),
        (bytes.fromhex("9F01000102 9F0B0020") + PAN.encode(), DecodeError),
    ],
)
def test_what_cannot_be_told_apart_is_not_made_safe(frame, kind):
    """A wrong check sum, TLVs that do not add up: kept as length and digest, no bytes."""
    with pytest.raises(kind) as wrong:
        LINE.speech.secure(LINE, frame)
    assert PAN not in str(wrong.value)


def test_a_wrong_digit_hides_nothing():
    """A value that cannot be read is a reject later; the frame is kept, and safe."""
    secured = safe_of(("9F01", b"\x02"), ("9F0E", "ABCDEF"), ("9F0B", PAN))
    assert secured.card == PAN

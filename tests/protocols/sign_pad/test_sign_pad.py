"""The signature pad's link: commands, order, secrets, and both ends over a bad wire."""

import random

import pytest

from protocols import bmp
from protocols.dialect import Heard
from protocols.envelope import lrc
from protocols.errors import DecodeError
from protocols.mis.link import wrap
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from protocols.sign_pad.ends import scribble, talk
from protocols.sign_pad.facts import follow, upload
from protocols.sign_pad.message import COMMANDS, read
from protocols.talking import Payment, Times
from tests.protocols.conftest import KEYS

PAD = load_profile("sign-pad")
PAN = "6225880000000001"
CODE = "5138B261"
PICTURE = bmp.encode(scribble(CODE))


def framed(data: bytes) -> bytes:
    """A message in its frame, as docs/protocols.md 6.1 has it: the length counts data and 03."""
    covered = (len(data) + 1).to_bytes(2, "big") + data + b"\x03"
    return b"\x02" + covered + bytes((lrc(covered),))


def told(*data: bytes):
    return follow([Heard(PAD.facts(framed(each)), at, each.hex()) for at, each in enumerate(data)])


BEGIN, SIGNED = b"\xa2" + CODE.encode(), b"\xb2\x00\x00\x07" + PICTURE


def test_the_frame_is_the_one_described():
    """Length 2 bytes high one first = data and 03; LRC over length to 03; a picture of 240 x 80 fits."""
    assert wrap(PAD.link, b"\xa0") == bytes.fromhex("02 0002 A0 03 A1")
    assert wrap(PAD.link, SIGNED) == framed(SIGNED)
    assert (PAD.link.baud, PAD.link.bytesize, PAD.link.parity, PAD.link.stopbits) == (115200, 8, "N", 1)


@pytest.mark.parametrize("command", [*COMMANDS, 0x00, 0x77, 0xFF])
def test_every_command_is_read_and_described(command):
    """Known or not, with and without data that nobody knows: kept, described, never an exception of another kind."""
    for data in (b"", b"\x01", b"\x00\x00\x07\x02", b"12345678", b"x" * 40):
        message = read(PAD, framed(bytes((command,)) + data))
        shown = PAD.speech.describe(PAD, framed(bytes((command,)) + data)).said
        assert message.command == command
        assert sum(len(item.raw) for item in message.items) == len(data) or message.error is not None
        assert shown["mti"] == f"{command:02X}"
        assert shown["operation"] == (COMMANDS[command].name if command in COMMANDS else None)


def test_values_and_their_places():
    """Feature code, sequence, state, counts and the picture: each with its offset in the frame."""
    begun, signed = read(PAD, framed(BEGIN)), read(PAD, framed(SIGNED))
    assert [(item.name, item.value, item.start) for item in begun.items] == [("feature_code", CODE, 4)]
    assert [(item.name, item.start, len(item.raw)) for item in signed.items] == [
        ("sequence", 4, 3),
        ("picture", 7, len(PICTURE)),
    ]
    stored = read(PAD, framed(b"\xb1\x00\x00\x07\x02"))
    assert [(item.name, item.value) for item in stored.items] == [("sequence", "000007"), ("state", "02")]
    assert read(PAD, framed(b"\xf9\x03")).value("width") == "3"
    assert upload(PAD, framed(SIGNED)).image == PICTURE
    assert upload(PAD, framed(SIGNED)).image_at == 7


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\xa2", 4),
        (b"\xa2" + b"1234567", 11),
        (b"\xa2" + b"123456789", 12),
        (b"\xa1\x00", 5),
        (b"\xb2\x00\x00", 6),
        (b"\xf8\x01\x02", 5),
        (b"\xb1" + bytes(5), 8),
    ],
)
def test_a_message_of_another_length_is_named(data, offset):
    """Where what is missing would stand, or what is too much begins."""
    with pytest.raises(DecodeError) as wrong:
        PAD.facts(framed(data))
    assert (wrong.value.code, wrong.value.offset) == ("length", offset)


@pytest.mark.parametrize("at", range(8))
def test_each_bad_digit_of_a_feature_code_is_named(at):
    """Its place in the frame."""
    bad = bytearray(BEGIN)
    bad[1 + at] = ord("G")
    with pytest.raises(DecodeError) as wrong:
        PAD.facts(framed(bytes(bad)))
    assert (wrong.value.code, wrong.value.path, wrong.value.offset) == ("digits", "feature_code", 4 + at)


def test_a_picture_has_the_code_that_signing_began_with():
    """And OK for an answer; that signing began needs no row then."""
    begin, signed, taken = told(BEGIN, SIGNED, b"\xa8")
    assert begin.kind == "handshake"
    assert (signed.operation, signed.is_request, signed.feature_code) == ("SIGNATURE", True, CODE)
    assert (taken.kind, taken.exchange, taken.outcome, taken.response_code) == (
        "event",
        signed.exchange,
        "approved",
        "A8",
    )


def test_a_picture_sent_again_is_one():
    """An error between the two asks for it; the last word counts, and an error after it was taken is about another."""
    _, first, _, again, taken, error = told(BEGIN, SIGNED, b"\xa9", SIGNED, b"\xa8", b"\xa9")
    assert first.exchange == again.exchange == taken.exchange
    assert (first.feature_code, again.feature_code) == (CODE, CODE)
    assert (taken.outcome, error.kind) == ("approved", "handshake")


def test_two_signings_are_two_pictures():
    """The same picture bytes under another code, and the same code begun once more after its picture."""
    said = told(BEGIN, SIGNED, b"\xa8", b"\xa3", b"\xa200000001", SIGNED, b"\xa8", BEGIN, SIGNED)
    pictures = [each for each in said if each.operation == "SIGNATURE" and each.is_request]
    assert [each.feature_code for each in pictures] == [CODE, "00000001", CODE]
    assert len({each.exchange for each in pictures}) == 3


@pytest.mark.parametrize(("command", "code"), [(b"\xd0", "D0"), (b"\xe5", "E5")])
def test_a_signing_without_a_picture_is_an_event(command, code):
    """Timeout and bypass: declined, with the command for its code; begun twice is one more attempt."""
    first, again, end = told(BEGIN, BEGIN, command)
    assert first.exchange == again.exchange == end.exchange
    assert (first.kind, first.operation) == ("event", "SIGN_BEGIN")
    assert (end.kind, end.is_request, end.outcome, end.response_code) == ("event", False, "declined", code)


@pytest.mark.parametrize(
    ("state", "outcome"), [(1, None), (2, "approved"), (3, "declined"), (4, "declined"), (9, None)]
)
def test_the_stored_state_says_what_became_of_its_sequence(state, outcome):
    """Of the picture with that number, not of the last one."""
    other = b"\xb2\x00\x00\x08" + bmp.encode(scribble("other"))
    said = told(BEGIN, SIGNED, b"\xa200000001", other, b"\xb1\x00\x00\x07" + bytes((state,)))
    assert (said[-1].exchange, said[-1].outcome, said[-1].response_code) == (said[1].exchange, outcome, f"{state:02d}")


def test_a_picture_alone_has_no_code():
    """Nobody heard signing begin: no code is claimed, nor that of a signing that has its picture already."""
    assert told(SIGNED)[0].feature_code is None
    other = b"\xb2\x00\x00\x08" + bmp.encode(scribble("other"))
    assert told(BEGIN, SIGNED, other)[2].feature_code is None


def test_a_card_where_none_belongs_is_overwritten():
    """Written out or packed, in data that nobody knows or in place of a picture; same length, a new LRC."""
    for data in (b"\xe3" + PAN.encode(), b"\x77" + bytes.fromhex(PAN), b"\xb2\x00\x00\x01" + PAN.encode()):
        safe = Sanitiser(PAD, KEYS).sanitise(framed(data)).frame
        assert len(safe) == len(framed(data))
        assert PAN not in safe.hex()
        assert PAN.encode() not in safe
        PAD.facts(safe)
    assert Sanitiser(PAD, KEYS).sanitise(framed(SIGNED)).frame == framed(SIGNED)


PAYMENTS = [Payment(100, 1), Payment(200, 2, outcome="declined"), Payment(300, 3, outcome="unknown"), Payment(400, 4)]
TIMES = Times(pause=1.0, ack=3.0, answer=60.0, work=5.0, between=1.0)


def converse(bad: random.Random | None = None) -> tuple[list[str], float]:
    """A whole talk in made-up time, pieces damaged now and then."""
    made = talk(PAD, PAYMENTS, TIMES)
    now, for_pad, for_terminal = 0.0, b"", b""

    def wire(data: bytes) -> bytes:
        if bad is None or not data or bad.random() > 0.2:
            return data
        place = bad.randrange(len(data))
        return data[:place] + bytes((data[place] ^ 0x10,)) + data[place + 1 :]

    while made.till.current < len(PAYMENTS) and now < 10_000:
        if not for_pad and not for_terminal:
            now = max(now, min(due for due in (made.till.due, made.terminal.due) if due is not None))
        here, there, for_terminal, for_pad = wire(for_terminal), wire(for_pad), b"", b""
        for_pad += made.till.feed(here, now) + made.till.tick(now)
        for_terminal += made.terminal.feed(there, now) + made.terminal.tick(now)
    return made.till.outcomes, now


def test_terminal_and_pad_talk_to_the_end():
    """A picture, a bypass, a timeout, a picture."""
    outcomes, now = converse()
    assert outcomes == ["answered", "not signed", "not signed", "answered"]
    assert now < 60


@pytest.mark.parametrize("seed", range(25))
def test_a_bad_wire_never_hangs_a_terminal(seed):
    """Damaged messages: every signing is over in bounded time, with a word for it."""
    outcomes, now = converse(random.Random(seed))
    assert len(outcomes) == len(PAYMENTS)
    assert set(outcomes) <= {"answered", "not signed", "silent"}
    assert now < len(PAYMENTS) * 4 * TIMES.answer


def test_a_pad_that_is_gone_is_given_up():
    """Three tries of the first command, 3 s apart."""
    till = talk(PAD, PAYMENTS[:1], TIMES).till
    said = [till.tick(now) for now in (0.0, 3.0, 6.0, 9.0)]
    assert said == [wrap(PAD.link, b"\xa0")] * 3 + [b""]
    assert till.outcomes == ["silent"]

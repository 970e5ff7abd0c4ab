"""Concert E+ and Caisse-AP: the public messages, damage, secrets, and which answer belongs to which ask."""

import functools
import json
import operator
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.concert.dialect import DIALECT, follow
from protocols.concert.record import read
from protocols.deframe import Control, Frame, Noise
from protocols.describe import describe
from protocols.dialect import Heard
from protocols.errors import DecodeError, FrameError
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from tests.protocols.conftest import KEYS, VECTORS

SERIAL, NET = load_profile("telium"), load_profile("caisse-ap")
MESSAGES: list[dict[str, Any]] = json.loads((VECTORS / "telium.json").read_text("utf-8"))
FRAMES = [each for each in MESSAGES if each["hex"].startswith("02")]
CAISSE = [each for each in MESSAGES if each["hex"].startswith("435a")]
BROKEN = [each for each in MESSAGES if each not in FRAMES and each not in CAISSE]
NAMES = {"transaction_type": "type", "authorization": "authorisation", "payment_mode": "mode"}
PAN = "4761739001010010"


def framed(body: str) -> bytes:
    """A body in its frame."""
    covered = body.encode() + b"\x03"
    return b"\x02" + covered + bytes([functools.reduce(operator.xor, covered)])


def tags(**values: str) -> bytes:
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items()).encode()


ASK = framed("0100001250110978" + " " * 10 + "A010B010")
SMALL = framed("010000012501978" + "0" * 10)
FULL = framed("01000001250" + "1" + (PAN + "  2512 123456").ljust(55) + "978" + " " * 10)
DECLINED = framed("017000012501978" + "0" * 10)


@pytest.mark.parametrize("message", FRAMES, ids=lambda each: each["hex"][:30])
def test_every_public_frame_says_what_its_source_says(message):
    """Each value of pyTeliumManager's frames; the deframer finds each, and each beginning of it needs more."""
    frame = bytes.fromhex(message["hex"])
    record = read(frame, "telium", "stx-etx")
    assert record.error is None
    for key, want in message["expected"].items():
        if key == "amount_minor":
            assert int(record.fields["amount"]) == want
        elif key == "total_len":
            assert len(frame) == want
        elif key == "report" and not want:
            assert "report" not in record.fields
        elif key not in {"type_name", "meaning"}:
            assert record.fields[NAMES.get(key, key)] == str(want), key
    looking = SERIAL.deframer()
    for byte in frame[:-1]:
        assert looking.feed(bytes([byte])) == []
    assert looking.feed(frame[-1:]) == [Frame(frame, 0)]


@pytest.mark.parametrize("message", CAISSE, ids=lambda each: each["spec_notes"][:20])
def test_every_public_caisse_message_says_what_its_source_says(message):
    """Tag by tag; a debit and a reimbursement."""
    frame = bytes.fromhex(message["hex"])
    items = {item.key: item.value for item in read(frame, "caisse-ap", "tags").items}
    assert {key: items[key] for key in message["expected"]} == message["expected"]


@pytest.mark.parametrize("message", BROKEN, ids=lambda each: each["hex"][:10])
def test_what_is_no_frame_is_refused(message):
    """A text, and zeros of the wrong length."""
    record = read(bytes.fromhex(message["hex"]), "telium", "stx-etx")
    assert record.error is not None
    assert record.error.code == "length"


def test_all_messages_are_tested():
    """Nothing of the file is left out."""
    assert len(FRAMES) + len(CAISSE) + len(BROKEN) == len(MESSAGES) == 22


@given(st.integers(0, 10**8 - 1), st.data())
def test_any_flipped_bit_is_seen(amount, data):
    """No frame with one wrong bit is taken, wherever it is."""
    frame = bytearray(framed(f"01{amount:08d}110978" + " " * 10 + "A010B010"))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    looking = SERIAL.deframer()
    events = looking.feed(bytes(frame)) + looking.flush()
    assert not any(isinstance(event, Frame) for event in events)


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=4), st.integers())
def test_frames_are_found_in_any_noise_in_any_cut(noises, seed):
    """With the handshake's bytes between them; everything read is counted."""
    rng = random.Random(seed)
    stream = b"".join(noise.replace(b"\x02", b"") + ASK + b"\x06\x04" for noise in noises)
    looking = SERIAL.deframer()
    events = []
    rest = stream
    while rest:
        size = rng.randint(1, 7)
        events += looking.feed(rest[:size])
        rest = rest[size:]
    events += looking.flush()
    assert [event.data for event in events if isinstance(event, Frame)] == [ASK] * len(noises)
    lengths = [
        len(event.data) if isinstance(event, Frame) else event.length if isinstance(event, Noise) else 1
        for event in events
    ]
    assert sum(lengths) == len(stream)


def test_the_handshake_is_no_noise():
    """ENQ, ACK and EOT around a frame are controls."""
    kinds = [type(event) for event in SERIAL.deframer().feed(b"\x05\x06" + ASK + b"\x06\x04")]
    assert kinds == [Control, Control, Frame, Control, Control]


def test_a_caisse_message_ends_with_the_next_or_with_silence():
    """It does not say its own length."""
    one, two = tags(CZ="0300", CB="100", CD="0"), tags(CZ="0300", AE="10")
    looking = NET.deframer()
    assert looking.feed(one) == []
    assert looking.feed(two) == [Frame(one, 0)]
    assert looking.flush() == [Frame(two, len(one))]
    assert looking.feed(two[:-1]) == []
    assert isinstance(looking.flush()[0], Noise)


def test_a_report_that_came_masked_is_made_safe_too():
    """A card number of digits and asterisks with more behind it has no Luhn digit: nothing is raised, nothing kept."""
    report = "47617390*001010010123456789"
    safe = Sanitiser(SERIAL, KEYS).sanitise(framed("010000012501" + report.ljust(55) + "978" + " " * 10))
    assert safe.card_token is None
    assert b"1010010" not in safe.frame


@pytest.mark.parametrize(
    ("profile", "frame"),
    [(SERIAL, FULL), (NET, tags(CZ="0300", AE="10", AA=PAN, AB="2512", CB="1250", CE="978"))],
    ids=["serial", "net"],
)
def test_no_secret_is_left(profile, frame):
    """First six and last four digits of the card; its expiry and what follows it in a report are gone."""
    safe = Sanitiser(profile, KEYS).sanitise(frame)
    assert len(safe.frame) == len(frame)
    for secret in (PAN.encode(), b"900101", b"2512", b"123456"):
        assert secret not in safe.frame
    assert safe.card_token == Sanitiser(profile, KEYS).token(PAN)
    told = profile.facts(safe.frame)
    assert (told.pan_masked, told.outcome, told.amount_fen) == ("476173******0010", "approved", 1250)
    assert Sanitiser(profile, KEYS).sanitise(safe.frame).frame == safe.frame
    assert PAN not in str(describe(profile, frame))


def test_a_frame_beyond_the_bound_is_refused():
    """83 bytes where at most 64 are to be: no frame, whatever the LRC says."""
    short = replace(SERIAL, link=replace(SERIAL.link, max_frame=64)).deframer()
    assert [type(each) for each in short.feed(FULL) + short.flush()] == [Noise]
    assert [type(each) for each in short.feed(SMALL)] == [Frame]


def test_a_wrong_lrc_is_named():
    """The place of the LRC, and no bytes."""
    with pytest.raises(FrameError) as wrong:
        SERIAL.facts(ASK[:-1] + b"\x00")
    assert (wrong.value.code, wrong.value.offset) == ("lrc", len(ASK) - 1)


def test_an_answer_belongs_to_the_ask_before_it():
    """Asked twice before the answer: one attempt more; the same ask after an answer: another payment."""
    heard = [
        Heard(SERIAL.facts(frame), seen, frame.hex())
        for seen, frame in ((1, ASK), (2, ASK), (3, FULL), (4, ASK), (5, DECLINED))
    ]
    told = follow(heard)
    assert [each.exchange for each in told] == ["ask at 1"] * 3 + ["ask at 4"] * 2
    assert [each.txn_type for each in told] == ["SALE"] * 5
    assert [each.outcome for each in told] == [None, None, "approved", None, "declined"]


@pytest.mark.parametrize(
    ("result", "outcome"), [("0", "approved"), ("7", "declined"), ("9", "unknown"), ("1", "unknown")]
)
def test_each_result_is_what_pytelium_says_of_it(result: str, outcome: str):
    """0 done, 7 refused, 9 not verified: what was not verified, and what nobody wrote down, nobody knows."""
    assert SERIAL.facts(framed(f"01{result}000012501978" + "0" * 10)).outcome == outcome


@pytest.mark.parametrize(
    ("result", "outcome"), [("10", "approved"), ("01", "declined"), ("11", "unknown"), ("00", "unknown")]
)
def test_each_result_over_ip_is_what_caisse_ap_says_of_it(result: str, outcome: str):
    """10 done, 01 not done, 11 taken into account."""
    assert NET.facts(tags(CZ="0300", CB="1250", AE=result)).outcome == outcome


def test_a_doubtful_type_is_not_claimed():
    """Types 1 and 2 are credit or refund, depending on whom one asks: no type is said."""
    for kind in "12":
        frame = framed(f"01000012501{'1'}{kind}978" + " " * 10 + "A010B010")
        assert SERIAL.facts(frame).txn_type is None
    assert NET.facts(tags(CZ="0300", CB="1250", CD="1")).txn_type == "REFUND"


def test_nothing_can_be_asked():
    """An ask is a payment here, so there are no questions."""
    assert not DIALECT.questions


@pytest.mark.parametrize("tag", ["CA", "CB", "AC", "QQ"])
def test_the_messages_own_card_number_is_masked_wherever_it_stands(tag):
    """A card number said again in a tag of digits, of text or of nobody is masked there too, and the rest is read."""
    frame = tags(CZ="0300", AE="10", AA=PAN, CE="978", **{tag: PAN})
    safe = Sanitiser(NET, KEYS).sanitise(frame).frame
    assert PAN.encode() not in safe
    assert safe.count(b"476173******0010") == 2
    assert NET.facts(safe).response_code == "10"


def test_a_short_number_has_digits_alone():
    """Where no card number fits, an asterisk is a wrong digit."""
    with pytest.raises(DecodeError) as wrong:
        NET.facts(tags(CZ="0300", AE="10", CE="9*8"))
    assert wrong.value.path == "CE"

"""Both ends of Concert's link, sans-io: each state's timeout, repetition and loss, and whole talks over a bad wire."""

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.concert.ends import Terminal, Till, talk
from protocols.concert.record import ASK, FULL, LAYOUTS, SMALL, read, write_caisse, write_e_plus
from protocols.concert.session import TRIES, Serial
from protocols.deframe import Frame
from protocols.profile import load_profile
from protocols.talking import Payment, Times
from tests.protocols.concert.test_concert import CAISSE, FRAMES, NET, SERIAL, framed

TIMES = Times(pause=1.0, ack=3.0, answer=90.0, work=2.0, between=1.0)
MESSAGE = framed("0100001250110978" + " " * 10 + "A010B010")
OTHER = framed("010000012501978" + "0" * 10)
ACK, NAK, ENQ, EOT = b"\x06", b"\x15", b"\x05", b"\x04"


def end(*, yields: bool = False) -> Serial:
    return Serial(SERIAL, TIMES, yields=yields)


@pytest.mark.parametrize("message", FRAMES, ids=lambda each: each["hex"][:30])
def test_what_is_written_is_what_others_write(message):
    """The values of each public frame, written again, are its bytes."""
    frame = bytes.fromhex(message["hex"])
    assert write_e_plus(len(frame) - 3, read(frame, "telium", "stx-etx").fields) == frame


@pytest.mark.parametrize("message", CAISSE, ids=lambda each: each["spec_notes"][:20])
def test_what_is_written_in_tags_is_what_others_write(message):
    """The tags of each public message, written again, are its bytes."""
    frame = bytes.fromhex(message["hex"])
    items = read(frame, "caisse-ap", "tags").items
    assert write_caisse({item.key: item.value or "" for item in items}) == frame


@pytest.mark.parametrize("form", [ASK, SMALL, FULL])
def test_a_value_that_does_not_fit_is_refused(form):
    """Too long, or a number of another length: named, nothing written."""
    fit = {name: "0" * width for name, width, _ in LAYOUTS[form]}
    for name, width, kind in LAYOUTS[form]:
        with pytest.raises(ValueError, match=name):
            write_e_plus(form, fit | {name: "0" * (width + 1)})
        if kind == "digits":
            with pytest.raises(ValueError, match=name):
                write_e_plus(form, fit | {name: "x" * width})


def test_a_message_is_said_in_its_order():
    """ENQ, frame after its ACK, EOT after the next; the other end has the message at EOT."""
    a, b = end(), end(yields=True)
    assert a.say(MESSAGE, 0.0) == ENQ
    assert b.feed(ENQ, 0.0) == ACK
    assert a.feed(ACK, 0.0) == MESSAGE
    assert b.feed(MESSAGE, 0.0) == ACK
    assert list(b.heard) == []
    assert a.feed(ACK, 0.0) == EOT
    assert b.feed(EOT, 0.0) == b""
    assert list(b.heard) == [MESSAGE]
    assert (a.state, b.state, a.due, b.due, a.is_busy, a.lost) == ("rest", "rest", None, None, False, 0)


def test_a_call_that_nobody_takes_is_given_up():
    """Three ENQ, 3 s apart, then EOT; the message is lost and counted, the next one is begun."""
    a = end()
    a.say(MESSAGE, 0.0)
    assert a.say(OTHER, 0.0) == b""
    for number in range(1, TRIES):
        assert a.due == 3.0 * number
        assert a.tick(3.0 * number - 0.1) == b""
        assert a.tick(3.0 * number) == ENQ
    assert a.tick(9.0) == EOT + ENQ
    assert (a.lost, a.is_busy) == (1, True)


@pytest.mark.parametrize("answer", [b"", NAK], ids=["silence", "NAK"])
def test_a_frame_that_nobody_acknowledges_is_given_up(answer):
    """Said three times in all, whether refused or unheard, then EOT."""
    a = end()
    a.say(MESSAGE, 0.0)
    said = [a.feed(ACK, 0.0)]
    now = 0.0
    while a.state == "sent":
        now += 3.0
        said.append(a.feed(answer, now) if answer else a.tick(now))
    assert said == [MESSAGE] * TRIES + [EOT]
    assert (a.lost, a.due) == (1, None)


def test_a_damaged_frame_is_refused_and_heard_again():
    """NAK when the line falls silent; the fourth damaged one ends the call."""
    b = end()
    b.feed(ENQ, 0.0)
    bad = MESSAGE[:-1] + bytes((MESSAGE[-1] ^ 1,))
    now = 0.0
    for _ in range(TRIES):
        assert b.feed(bad, now) == b""
        assert b.due == now + 1.0
        now += 1.0
        assert b.tick(now) == NAK
    b.feed(bad, now)
    assert b.tick(now + 1.0) == EOT
    assert (b.state, list(b.heard)) == ("rest", [])
    b.feed(ENQ, now + 2)
    b.feed(bad, now + 2)
    b.tick(now + 3)
    assert b.feed(MESSAGE, now + 3) == ACK


@pytest.mark.parametrize("at", range(1, len(MESSAGE)))
def test_half_a_frame_is_refused(at):
    """Wherever it breaks off: NAK after the pause, and the whole one is taken afterwards."""
    b = end()
    b.feed(ENQ, 0.0)
    b.feed(MESSAGE[:at], 0.0)
    assert b.tick(1.0) == NAK
    assert b.feed(MESSAGE, 1.1) == ACK


@pytest.mark.parametrize("at", range(len(MESSAGE)))
def test_any_flipped_byte_is_refused(at):
    """Every byte of the frame, each of its bits: never taken."""
    for bit in range(8):
        b = end()
        b.feed(ENQ, 0.0)
        bad = bytearray(MESSAGE)
        bad[at] ^= 1 << bit
        assert ACK not in b.feed(bytes(bad), 0.0)
        b.tick(1.0)
        b.tick(4.0)
        assert not b.heard


def test_the_same_frame_before_eot_is_one_message():
    """Our ACK was lost: acknowledged again, taken once; after EOT the same bytes are another message."""
    b = end()
    b.feed(ENQ, 0.0)
    assert b.feed(MESSAGE, 0.0) == ACK
    assert b.feed(MESSAGE, 1.0) == ACK
    b.feed(EOT, 1.0)
    assert list(b.heard) == [MESSAGE]
    b.feed(ENQ, 2.0)
    b.feed(MESSAGE, 2.0)
    b.feed(EOT, 2.0)
    assert list(b.heard) == [MESSAGE, MESSAGE]


def test_a_lost_eot_does_not_lose_the_message():
    """After 3 s the message stands; and a new call before that closes the old message too."""
    b = end()
    b.feed(ENQ, 0.0)
    b.feed(MESSAGE, 0.0)
    assert b.due == 3.0
    b.tick(3.0)
    assert list(b.heard) == [MESSAGE]
    b.feed(ENQ + MESSAGE, 4.0)
    assert b.feed(ENQ, 5.0) == ACK
    assert list(b.heard) == [MESSAGE, MESSAGE]


def test_a_caller_that_says_nothing_more_is_let_go():
    """ENQ acknowledged and then silence: at rest again after 3 s, and free to speak."""
    b = end()
    b.feed(ENQ, 0.0)
    assert b.due == 3.0
    assert b.say(OTHER, 1.0) == b""
    assert b.tick(3.0) == ENQ


def test_when_both_call_the_terminal_gives_way():
    """The till's message first, then the terminal's."""
    till, terminal = end(), end(yields=True)
    till.say(MESSAGE, 0.0)
    terminal.say(OTHER, 0.0)
    assert till.feed(ENQ, 0.0) == b""
    assert terminal.feed(ENQ, 0.0) == ACK
    terminal.feed(till.feed(ACK, 0.0), 0.0)
    assert terminal.feed(till.feed(ACK, 0.0), 0.0) == ENQ
    assert till.feed(ENQ, 0.0) == ACK
    till.feed(terminal.feed(ACK, 0.0), 0.0)
    till.feed(terminal.feed(ACK, 0.0), 0.0)
    assert (list(till.heard), list(terminal.heard)) == ([OTHER], [MESSAGE])


def test_an_enq_for_a_lost_ack_says_that_the_frame_arrived():
    """The other end goes on to speak: it has our frame, which is not said again."""
    a = end()
    a.say(MESSAGE, 0.0)
    a.feed(ACK, 0.0)
    assert a.feed(ENQ, 1.0) == ACK
    assert (a.is_busy, a.lost, a.state) == (False, 0, "hearing")


PAYMENTS = [
    Payment(1250, 1, card="4761739001010010"),
    Payment(1250, 2, card="4761739001010010"),
    Payment(999, 3, outcome="declined"),
    Payment(40000, 4, "REFUND"),
    Payment(5, 5, outcome="unknown"),
    Payment(77, 6),
]
OUTCOMES = ["answered", "answered", "answered", "answered", "silent", "answered"]


def converse(profile_name: str, bad: random.Random | None = None) -> tuple[list[str], bytes, float]:
    """A whole talk in made-up time; each wire passes pieces on, some damaged. Outcomes, what both heard, the time."""
    made = talk(load_profile(profile_name), PAYMENTS, TIMES)
    heard = b""
    now = 0.0
    left_for_terminal, left_for_till = b"", b""

    def wire(data: bytes) -> bytes:
        if bad is None or not data or bad.random() > 0.04:
            return data
        place = bad.randrange(len(data))
        return data[:place] + data[place + 1 :] if bad.random() < 0.5 else data[:place] + b"\x7f" + data[place + 1 :]

    while made.till.current < len(PAYMENTS) and now < 10_000:
        dues = [due for due in (made.till.due, made.terminal.due) if due is not None]
        if not left_for_terminal and not left_for_till:
            now = max(now, min(dues))
        here, left_for_till = wire(left_for_till), b""
        there, left_for_terminal = wire(left_for_terminal), b""
        heard += here + there
        left_for_terminal += made.till.feed(here, now) + made.till.tick(now)
        left_for_till += made.terminal.feed(there, now) + made.terminal.tick(now)
    return made.till.outcomes, heard, now


@pytest.mark.parametrize("profile", ["telium", "caisse-ap"])
def test_till_and_terminal_talk_to_the_end(profile):
    """Each payment is answered; one that the terminal never answers is given up after its time."""
    outcomes, heard, now = converse(profile)
    assert outcomes == OUTCOMES
    assert 90 < now < 200
    frames = [event.data for event in load_profile(profile).deframer().feed(heard) if isinstance(event, Frame)]
    assert len(frames) in {11, 10}  # six asks and five answers; the last message over IP has no end yet


@pytest.mark.parametrize("seed", range(25))
def test_a_bad_wire_never_hangs_a_till(seed):
    """Bytes lost and damaged: every payment is over in bounded time, with a word for it, and most are answered."""
    outcomes, _, now = converse("telium", random.Random(seed))
    assert len(outcomes) == len(PAYMENTS)
    assert set(outcomes) <= {"answered", "silent", "not acknowledged"}
    assert now < len(PAYMENTS) * (TIMES.answer + 40)


@given(st.binary(max_size=300), st.lists(st.integers(1, 9), max_size=60))
def test_no_noise_is_more_than_noise(noise, cuts):
    """Whatever comes in whatever pieces, an end stays an end: it never fails, and never hears what was no frame."""
    for machine in (end(), Till(SERIAL, [MESSAGE], TIMES), Terminal(NET, {}, TIMES)):
        rest, now = noise, 0.0
        for cut in [*cuts, len(noise)]:
            machine.feed(rest[:cut], now)
            rest = rest[cut:]
            now += 0.5
            machine.tick(now)
    assert dt.timedelta(seconds=now) >= dt.timedelta(0)

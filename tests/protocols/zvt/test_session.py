"""Till and terminal, both sans-io, with a wire between them that loses and damages what it is told to."""

import datetime as dt
import random
from collections.abc import Callable

import pytest

from protocols.answering import Sold
from protocols.deframe import Control, Frame, Noise
from protocols.profile import load_profile
from protocols.zvt.apdu import read
from protocols.zvt.link import deframer
from protocols.zvt.session import QUESTIONS, Asking
from protocols.zvt.terminal import Terminal

SERIAL, TCP = load_profile("zvt"), load_profile("zvt-tcp")
MERCHANT = "898290058140001"


def _at(clock: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-11-21T{clock}+08:00")


BATCH = [
    Sold(41, 1000, _at("10:00"), receipt=11),
    Sold(42, 2500, _at("10:15"), receipt=12),
    Sold(43, 2500, _at("10:16"), "VOID", receipt=13, orig_stan=42),
]

WORD = "000000"
Wire = Callable[[bytes], bytes]


def talk(
    profile, question: str, *, to_terminal: Wire = bytes, to_till: Wire = bytes, password: str = WORD
) -> tuple[Asking, list[str], Terminal, list[str]]:
    """A whole session in made-up time; what the terminal said, and what the till said."""
    terminal = Terminal(profile, "52523535", MERCHANT, BATCH, password=password)
    till = Asking(profile, question)
    hearing = deframer(profile)
    heard, said = [], []
    now = 0.0
    outgoing = till.start(now)
    for _ in range(400):
        if till.done:
            break
        said += [read(each, "zvt").control for each in outgoing if len(each) > 1]
        sent = to_terminal(b"".join(outgoing))
        came = to_till(terminal.feed(sent, now) + terminal.tick(now))
        events = hearing.feed(came)
        if came and not events:  # a pause inside a frame
            events = hearing.flush()
        outgoing = []
        for event in events:
            if isinstance(event, Control):
                outgoing += till.hear_control(event.byte, now)
            elif isinstance(event, Noise):
                outgoing += till.hear_noise(now)
            elif isinstance(event, Frame):
                heard.append(read(event.data, "zvt").control)
                outgoing += till.hear_frame(event.data, now)
        if not outgoing and not came:
            now += 1.0
            outgoing = till.tick(now)
    said += [read(each, "zvt").control for each in outgoing if len(each) > 1]
    return till, heard, terminal, said


@pytest.mark.parametrize("profile", [SERIAL, TCP], ids=lambda each: each.name)
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered(profile, question):
    """Registration, question, every message of the terminal answered with 80 00 00, and the end."""
    till, heard, terminal, said = talk(profile, question)
    assert till.outcome == "answered"
    assert said[0] == "0600"
    assert QUESTIONS[question] in said
    assert said.count("8000") == sum(control[:2] != "80" for control in heard)
    assert bool(terminal.closed) == (question == "end-of-day")


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_moves_money(question):
    """Of all commands only registration and the question are ever sent; only one asked by name closes the batch."""
    _, _, _, said = talk(TCP, question)
    assert set(said) <= {"0600", "8000", QUESTIONS[question]}
    if question != "end-of-day":
        assert "0650" not in said


@pytest.mark.parametrize("seed", range(40))
def test_a_bad_wire_is_survived(seed):
    """Bytes are lost and damaged now and then: NAK, T2 and two repeats bring the session to an end, and say which."""
    rng = random.Random(seed)

    def bad(data: bytes) -> bytes:
        return bytes(
            byte ^ (1 << rng.randrange(8)) if rng.random() < 0.002 else byte for byte in data if rng.random() > 0.002
        )

    till, heard, _, _ = talk(SERIAL, "repeat-receipt", to_terminal=bad, to_till=bad)
    assert till.done
    assert till.outcome == "answered" or till.outcome in {"not acknowledged", "silent"}
    assert till.outcome != "answered" or "040F" in heard


def test_a_dead_wire_is_asked_three_times():
    """Nobody there: the registration and two repeats, 5 s apart, then the session says so."""
    till = Asking(SERIAL, "status")
    first = till.start(0.0)
    assert till.due == 5.0
    assert till.tick(5.0) == first
    assert till.tick(10.0) == first
    assert till.tick(15.0) == []
    assert till.outcome == "not acknowledged"


@pytest.mark.parametrize("after", range(1, 12))
def test_a_terminal_that_stops_in_any_state_ends_the_session(after):
    """Whatever the terminal said last, its silence ends the session, with a word for it."""
    left = [after]

    def stops(data: bytes) -> bytes:
        kept = data[: left[0]]
        left[0] -= len(kept)
        return kept

    till, _, _, _ = talk(SERIAL, "repeat-receipt", to_till=stops)
    assert till.outcome in {"silent", "not acknowledged"}


def test_a_wrong_password_is_refused_in_words():
    """84 64 ends the session and says what the terminal said."""
    till, _, _, _ = talk(TCP, "status", password="111111")
    assert till.outcome.startswith("refused 64")


def test_an_empty_journal_is_an_abort():
    """Nothing to repeat: 06 1E with its result."""
    terminal = Terminal(TCP, "52523535", MERCHANT, [])
    till = Asking(TCP, "repeat-receipt")
    hearing = deframer(TCP)
    outgoing = till.start(0.0)
    while not till.done:
        events = hearing.feed(terminal.feed(b"".join(outgoing), 0.0))
        outgoing = [part for event in events if isinstance(event, Frame) for part in till.hear_frame(event.data, 0.0)]
    assert till.outcome.startswith("aborted 6C")

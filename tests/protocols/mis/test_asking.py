"""Till and terminal of both MIS links, both sans-io, with a wire between them that loses and damages."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from protocols.answering import Answering, Sold
from protocols.deframe import Control, Frame, Noise
from protocols.dialect import Session
from protocols.mis_9f.message import encode, read
from protocols.profile import Profile, load_profile

NINE_F, RECORDS = load_profile("allinpay"), load_profile("chinaums-bankall")
SERIAL = dataclasses.replace(NINE_F, link=dataclasses.replace(NINE_F.link, ack=True))
TERMINAL, MERCHANT = "00440036", "821120170130018"
DAY = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
BATCH = [
    Sold(41, 1000, DAY, rrn="112101000041", auth_code="A00041"),
    Sold(42, 2500, DAY + dt.timedelta(minutes=15), rrn="112101000042"),
    Sold(45, 2500, DAY + dt.timedelta(minutes=16), "VOID", orig_stan=42, rrn="112101000045"),
]
Wire = Callable[[bytes], bytes]
LINKS = [NINE_F, SERIAL, RECORDS]


def player(profile: Profile, journal: list[Sold] | None = None) -> Any:
    """The terminal of the profile's dialect."""
    assert profile.speech.terminal is not None
    return profile.speech.terminal(profile, TERMINAL, MERCHANT, BATCH if journal is None else journal)


def talk(
    profile: Profile, question: str, terminal: Answering, *, to_terminal: Wire = bytes, to_till: Wire = bytes
) -> tuple[Session, list[bytes], float]:
    """A whole session in made-up time: the session, the terminal's frames, how long it took."""
    till = profile.speech.questions[question](profile)
    hearing = profile.deframer()
    frames: list[bytes] = []
    now = 0.0
    outgoing = till.start(now)
    for _ in range(400):
        came = to_till(terminal.feed(to_terminal(b"".join(outgoing)), now) + terminal.tick(now))
        events = hearing.feed(came)
        if hearing.pending:  # the line fell silent
            events += hearing.flush()
        outgoing = []
        for event in events:
            if isinstance(event, Control):
                outgoing += till.hear_control(event.byte, now)
            elif isinstance(event, Noise):
                outgoing += till.hear_noise(now)
            elif isinstance(event, Frame):
                frames.append(event.data)
                outgoing += till.hear_frame(event.data, now)
        if till.done:
            return till, frames, now
        if not outgoing:
            now = min(due for due in (till.due, terminal.due) if due is not None)
            outgoing = till.tick(now)
    raise AssertionError("the session does not end")


def nth(wrong: int, damage: Wire) -> Wire:
    """A wire that damages the n-th thing said on it."""
    said = 0

    def wire(data: bytes) -> bytes:
        nonlocal said
        said += bool(data)
        return damage(data) if said == wrong and data else data

    return wire


def lost(_: bytes) -> bytes:
    return b""


def flipped(data: bytes) -> bytes:
    return data[:-4] + bytes([data[-4] ^ 0x80]) + data[-3:]


ASKED = [(link, question) for link in LINKS for question in link.speech.questions]


@pytest.mark.parametrize(("link", "question"), ASKED)
def test_every_question_is_answered(link, question):
    """Asked of a terminal with an open batch: an answer, and the batch is closed by what closes it alone."""
    terminal = player(link)
    if question == "reprint-settle":
        terminal.closed.append(list(BATCH))
    closed = len(terminal.closed)
    session, frames, _ = talk(link, question, terminal)
    assert session.outcome == "answered"
    assert frames
    assert len(terminal.closed) - closed == (question in link.speech.closing)
    assert (terminal.journal == []) == (question in link.speech.closing)
    assert {*link.speech.closing} == {"settle"}


@pytest.mark.parametrize(("link", "question"), ASKED)
def test_an_empty_terminal_refuses(link, question):
    """No transaction, no settlement: the terminal's code and what it means are the outcome."""
    session, _, _ = talk(link, question, player(link, []))
    assert session.outcome.startswith("refused ") == (question not in link.speech.closing)


def test_a_detail_query_brings_out_the_whole_batch():
    """Each trace number back from the last, over the gaps that other messages leave, each transaction once."""
    terminal = player(NINE_F)
    session, frames, _ = talk(NINE_F, "query-detail", terminal)
    assert session.outcome == "answered"
    told = [NINE_F.facts(frame) for frame in frames]
    assert [each.stan for each in told if each.stan] == [45, 42, 41]
    assert [each.txn_type for each in told if each.stan] == ["VOID", "SALE", "SALE"]
    assert [row["stan"] for row in terminal.told("query-detail")] == [41, 42, 45]


def test_a_terminal_that_looks_at_no_trace_number_is_asked_twice_and_no_more():
    """It says its last transaction again and again: once is enough."""
    session = NINE_F.speech.questions["query-detail"](NINE_F)
    session.start(0.0)
    said = {"terminal_id": TERMINAL, "trace": "000045", "reject_code": "00", "amount": "000000002500"}
    answer = encode(NINE_F, 2, dict(said))
    assert len(session.hear_frame(answer, 1.0)) == 1
    assert session.hear_frame(answer, 2.0) == []
    assert session.outcome == "answered"


@pytest.mark.parametrize(("link", "question"), ASKED)
def test_a_terminal_that_never_answers_is_given_up(link, question):
    """Silence from the first: what closes is said once, anything else three times at most, and never for ever."""
    said: list[bytes] = []

    def wire(data: bytes) -> bytes:
        said.extend([data] if data else [])
        return b""

    terminal = player(link)
    session, _, now = talk(link, question, terminal, to_terminal=wire)
    closing = question in link.speech.closing
    repeated = link.link.ack or not closing  # without an ACK nobody knows whether the batch is closed already
    assert len(said) == (3 if repeated else 1)
    assert session.outcome == ("not acknowledged" if link.link.ack else "silent")
    assert now <= 180.0
    assert terminal.closed == []


@pytest.mark.parametrize("heard", range(4))
def test_a_terminal_that_falls_silent_among_its_details_is_given_up(heard):
    """After any of its answers: the question at hand is asked again, then no more; what was told is kept."""
    said = 0

    def wire(data: bytes) -> bytes:
        nonlocal said
        said += bool(data)
        return data if said <= heard else b""

    session, frames, now = talk(NINE_F, "query-detail", player(NINE_F), to_till=wire)
    assert (session.outcome, len(frames), now) == ("silent", heard, 180.0)


def test_a_terminal_that_falls_silent_after_its_ack_is_given_up():
    """It has the question and says nothing: the time of an answer, and no second closing."""
    session = SERIAL.speech.questions["settle"](SERIAL)
    session.start(0.0)
    assert session.hear_control(0x06, 1.0) == []
    assert session.due == 61.0
    assert session.tick(60.9) == []
    assert session.tick(61.0) == []
    assert session.outcome == "silent"
    assert session.due is None


def longer(data: bytes) -> bytes:
    return data[:1] + b"\x09" + data[2:]  # a frame of hundreds of bytes that do not come


def test_a_question_with_a_lying_length_does_not_swallow_the_next():
    """The terminal waits for the rest until the line falls silent, and hears the question that comes then."""
    for link in (NINE_F, SERIAL):
        session, frames, _ = talk(link, "query-last", player(link), to_terminal=nth(1, longer))
        assert session.outcome == "answered"
        assert len(frames) == 1


@pytest.mark.parametrize("damage", [lost, flipped], ids=["lost", "damaged"])
@pytest.mark.parametrize("wrong", [1, 2, 3])
@pytest.mark.parametrize(("link", "question"), [pair for pair in ASKED if pair[1] in {"query-last", "reprint"}])
def test_what_was_lost_or_damaged_is_said_again(link, question, wrong, damage):
    """One loss anywhere, in either direction: the answer comes all the same."""
    for wires in ({"to_terminal": nth(wrong, damage)}, {"to_till": nth(wrong, damage)}):
        session, _, _ = talk(link, question, player(link), **wires)
        assert session.outcome == "answered", (wires, wrong)


def test_a_settlement_is_never_sent_twice_without_an_ack():
    """Its answer came damaged: nobody knows, so nothing is sent again."""
    for link in (NINE_F, RECORDS):
        terminal = player(link)
        session, _, _ = talk(link, "settle", terminal, to_till=nth(1, flipped if link is NINE_F else lost))
        assert session.outcome == "silent"
        assert len(terminal.closed) == 1


def test_a_damaged_answer_is_refused_and_said_again():
    """With acknowledgements: NAK, and the terminal's same answer; the batch is closed once."""
    terminal = player(SERIAL)
    session, frames, _ = talk(SERIAL, "settle", terminal, to_till=nth(1, flipped))
    assert session.outcome == "answered"
    assert len(frames) == 1
    assert len(terminal.closed) == 1


def test_a_terminal_that_wants_its_host_is_told_that_there_is_no_way():
    """Type 17 is answered with a code of no connection and no message; what the terminal says then is the outcome."""
    session = NINE_F.speech.questions["settle"](NINE_F)
    session.start(0.0)
    wants = encode(NINE_F, 17, {"content": b"\x60", "host_address": "10.0.0.1", "host_port": "8583"})
    (told,) = session.hear_frame(wants, 1.0)
    said = read(NINE_F, told)
    assert (said.number, said.is_request, said.values["reject_code"]) == (17, True, "-113")
    assert "content" not in said.values
    assert session.hear_frame(encode(NINE_F, 14, {"reject_code": "X5"}), 2.0) == []
    assert session.outcome == "refused X5 no connection"


def test_what_belongs_to_nobody_is_not_taken_for_the_answer():
    """Our own echo, a late answer of another type, another's three digits: the session waits on."""
    session = NINE_F.speech.questions["query-last"](NINE_F)
    (asked,) = session.start(0.0)
    assert session.hear_frame(asked, 0.1) == []
    assert session.hear_frame(encode(NINE_F, 1, {"reject_code": "00"}), 0.2) == []
    assert not session.done
    settling = NINE_F.speech.questions["settle"](NINE_F)
    settling.start(0.0)
    assert settling.hear_frame(encode(NINE_F, 2, {"reject_code": "00"}), 0.2) == []
    assert not settling.done
    reprint = RECORDS.speech.questions["reprint"](RECORDS)
    (record,) = reprint.start(0.0)
    answer = player(RECORDS).feed(record, 0.0)
    other = f"{(int(record[-3:]) + 1) % 1000:03d}".encode()
    assert reprint.hear_frame(answer[:-3] + other, 0.2) == []
    assert not reprint.done
    reprint.hear_frame(answer, 0.3)
    assert reprint.outcome == "answered"


@pytest.mark.parametrize("link", LINKS)
def test_no_question_moves_money(link):
    """What is asked is a query, a reprint or a settlement, by the terminal's own types."""
    for question in link.speech.questions:
        session = link.speech.questions[question](link)
        told = link.facts(session.start(0.0)[0])
        assert told.is_request
        assert told.kind in {"event", "settlement"}
        assert (told.kind == "settlement") == (question in link.speech.closing)
        assert told.txn_type is None


def test_a_terminal_refuses_what_it_does_not_play():
    """A sale is no question: an answer with a code, and nothing in the journal."""
    terminal = player(NINE_F)
    told = NINE_F.facts(terminal.feed(encode(NINE_F, 2, {"amount": "000000000100"}), 0.0))
    assert (told.outcome, told.response_code) == ("declined", "XA")
    asked = b"POS0000101      00" + b"000000000100" + b" " * 26 + b"123"
    assert RECORDS.facts(player(RECORDS).feed(asked, 0.0)).response_code == "40"

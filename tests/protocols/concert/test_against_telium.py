"""Concert E+ against pyTeliumManager: each reads what the other makes, value for value."""

import itertools

import pytest

from protocols.concert.record import ASK, FULL, SMALL, read, write_e_plus
from tests.protocols import telium_witness as theirs

CARD = "4761739001010010"
AMOUNTS = (100, 101, 1250, 99_999_99)


@pytest.mark.parametrize(("kind", "type_"), [("debit", "0"), ("credit", "1"), ("refund", "2")])
@pytest.mark.parametrize("fen", AMOUNTS)
def test_their_request_is_read(fen, kind, type_):
    """Each choice that a request has: delay A010 or A011, authorisation B010 or B011, a full or a small answer."""
    for waits, full, forced in itertools.product((True, False), repeat=3):
        frame = theirs.ask(fen, kind, currency="EUR", pos="7", waits=waits, full=full, forced=forced)
        record = read(frame, "telium", "stx-etx")
        assert (record.error, record.form) == (None, "ask")
        assert record.fields == {
            "pos": "07",
            "amount": f"{fen:08d}",
            "answer_flag": "1" if full else "0",
            "mode": "1",
            "type": type_,
            "currency": "978",
            "private": " " * 10,
            "delay": "A010" if waits else "A011",
            "authorisation": "B011" if forced else "B010",
        }


@pytest.mark.parametrize("card", [CARD, None], ids=["full", "small"])
@pytest.mark.parametrize("result", ["0", "7", "9"])
@pytest.mark.parametrize("fen", AMOUNTS)
def test_their_answer_is_read(fen, result, card):
    """Taken, refused and not verified; with the report of the card and without."""
    record = read(theirs.answer("42", result, fen, "1", "840", "0123456789", card), "telium", "stx-etx")
    assert (record.error, record.form) == (None, "answer")
    said = {"pos": "42", "result": result, "amount": f"{fen:08d}", "mode": "1", "currency": "840"}
    report = {} if card is None else {"report": card.ljust(55)}
    assert record.fields == said | report | {"private": "0123456789"}


@pytest.mark.parametrize("fen", AMOUNTS)
def test_they_read_our_frames(fen):
    """A request, a small answer and a full one."""
    said = {"pos": "03", "amount": f"{fen:08d}", "mode": "C", "currency": "978", "private": "AB12345678"}
    asked = said | {"answer_flag": "1", "type": "1", "delay": "A011", "authorisation": "B010"}
    answered = said | {"result": "7"}
    reported = answered | {"report": CARD.ljust(55)}
    for form, values in ((ASK, asked), (SMALL, answered), (FULL, reported)):
        there = theirs.read(write_e_plus(form, values), ask=form == ASK)
        assert there == {name: value for name, value in values.items() if form != ASK or name != "private"}


def test_they_refuse_what_we_refuse():
    """A wrong LRC, and a body that is one character short."""
    frame = write_e_plus(
        SMALL,
        {"pos": "03", "result": "0", "amount": "00000100", "mode": "1", "currency": "978", "private": "x" * 10},
    )
    broken = [frame[:-1] + bytes((frame[-1] ^ 1,)), frame[:1] + frame[2:-1] + bytes((frame[-1] ^ frame[1],))]
    for each in broken:
        assert read(each, "telium", "stx-etx").error is not None
        with pytest.raises(theirs.TeliumDataException):
            theirs.read(each, ask=False)

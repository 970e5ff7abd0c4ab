"""A record that was not kept lowers certainty: the statement's side of it, with and without a gap in the numbers."""

from typing import Any

import pytest

from tests.expectations.shopdays import Row, Till, moment
from tests.expectations.statementdays import Acquirer, busy

pytestmark = pytest.mark.thorough

RULES = {"missing_in_acquirer", "missing_in_terminal", "amount_differs", "late_settlement"}


def taken_back(acquirer: Acquirer, sale: Row) -> None:
    """The acquirer's reversal of a sale: it carries the sale's own numbers."""
    acquirer.post(sale, txn_type="REVERSAL", rrn="112109555555")


def test_a_lost_reversal_shows_in_the_totals_alone(till: Till, acquirer: Acquirer, said: Any):
    """Approved in the records, in no file, no number missing; the terminal settled one debit less: it took it back."""
    busy(till)
    lost = till.sale(5000, card=6)
    true = till.totals()
    till.settle(
        rmb_debit_count=true["rmb_debit_count"] - 1,
        rmb_debit_amount_fen=true["rmb_debit_amount_fen"] - lost["amount_fen"],
    )
    acquirer.week(till, lost)
    assert said(acquirer) == ["missing_in_acquirer P1 PROBABLE"]


def test_a_sale_that_the_terminal_settled_is_proven_missing(till: Till, acquirer: Acquirer, said: Any):
    """The same with true totals: the terminal counts the sale, no reversal was lost."""
    busy(till)
    lost = till.sale(5000, card=6)
    till.settle()
    acquirer.week(till, lost)
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]


@pytest.mark.parametrize(("settled", "certainty"), [(True, "PROVEN"), (False, "PROBABLE")])
def test_a_sale_that_the_acquirer_reversed(till: Till, acquirer: Acquirer, said: Any, settled: bool, certainty: str):
    """Its files have the sale and a reversal that no record shows: proven where the terminal settled the sale."""
    busy(till)
    sale = till.sale(5000, card=6)
    if settled:
        till.settle()
    acquirer.week(till)
    taken_back(acquirer, sale)
    assert said(acquirer) == [f"missing_in_acquirer P1 {certainty}"]


def test_a_void_that_was_lost_is_most_likely_why(till: Till, acquirer: Acquirer, said: Any):
    """The acquirer's void has a number that is missing at the terminal: the record was lost."""
    busy(till)
    void = till.void(till.sale(5000, card=6))
    busy(till)
    acquirer.week(till)
    acquirer.lines[-1]["orig_ref"] = None
    acquirer.lines = [
        line | {"orig_ref": void["orig_rrn"]} if line["txn_type"] == "VOID" else line for line in acquirer.lines
    ]
    till.attempts.remove(void)
    assert said(acquirer) == ["missing_in_acquirer P3 POSSIBLE"]


def test_a_void_without_an_answer_that_the_acquirer_did(till: Till, acquirer: Acquirer, said: Any):
    """Sent, no answer seen, and in the acquirer's files: it was done, and nothing is missing."""
    busy(till)
    sale = till.sale(5000, card=6)
    void = till.void(sale, code=None)
    busy(till)
    acquirer.week(till)
    acquirer.post(void, rrn="112109444444", orig_ref=sale["rrn"])
    assert said(acquirer) == []


def test_a_void_that_the_terminal_was_refused_and_the_acquirer_did(till: Till, acquirer: Acquirer, said: Any):
    """Both sides are known, and they differ: the sale stands at the terminal and was paid back by the acquirer."""
    busy(till)
    sale = till.sale(5000, card=6)
    void = till.void(sale, code="96")
    busy(till)
    acquirer.week(till)
    acquirer.post(void, rrn="112109444444", orig_ref=sale["rrn"])
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]


def test_a_tip_that_was_lost(till: Till, acquirer: Acquirer, said: Any):
    """The acquirer posted more, and a number is missing after the sale: the adjustment may have had it."""
    busy(till)
    sale = till.sale(10000, card=6)
    till.stan += 1
    busy(till)
    acquirer.week(till, sale)
    acquirer.post(sale, amount_fen=11000)
    assert said(acquirer) == ["amount_differs P1 PROBABLE"]


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_record_lost_between_two_batches(till: Till, acquirer: Acquirer, said: Any, place: str):
    """The number after a batch's last, or before the next one's first, is missing: a lost log, no ghost."""
    busy(till)
    till.sale(3000, card=7)
    if place == "last":
        lost = till.sale(5000, card=6)
    till.batch += 1
    till.at("2026-11-22 09:00:00")
    if place == "first":
        lost = till.sale(5000, card=6)
    busy(till)
    for day in ("2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"):
        acquirer.file(day)
    for row in till.attempts:
        acquirer.post(row, f"{row['business_date']}")
    till.attempts.remove(lost)
    assert "missing_in_terminal P3 PROBABLE" in said(acquirer)
    assert "missing_in_terminal P1 PROVEN" not in said(acquirer)


@pytest.mark.parametrize(("missing", "certainty"), [(1, "POSSIBLE"), (0, "PROVEN")])
def test_a_settlement_that_may_have_been_lost(till: Till, acquirer: Acquirer, said: Any, missing: int, certainty: str):
    """A batch from 9:02 and the next one from 10:05 a day later: between them a number is missing, or none."""
    busy(till)
    till.batch += 1
    till.stan += missing
    till.at("2026-11-22 10:05:00")
    busy(till)
    till.settle()
    assert said(acquirer) == [f"late_settlement P3 {certainty}"]


@pytest.mark.parametrize(("settled", "expected"), [("22:24:00", []), ("23:19:00", ["late_settlement P3 PROVEN"])])
def test_a_sale_after_the_evening_s_settlement_waits_for_the_next_evening_s(
    till: Till, acquirer: Acquirer, said: Any, settled: str, expected: list[str]
):
    """Sold at 22:19, after the settlement: next day's at 22:24 is the daily one, one an hour later is late."""
    till.sale(4200, card=9, at="22:19:00")
    till.settle(at=f"2026-11-22 {settled}")
    assert said(acquirer) == expected


@pytest.mark.parametrize(
    ("later", "spoke", "expected"),
    [
        ("2026-11-22 15:00:00", False, "late_settlement P3 PROBABLE"),
        ("2026-11-25 15:00:00", False, "late_settlement P2 PROBABLE"),
        ("2026-11-22 15:00:00", True, "late_settlement P3 PROVEN"),
        ("2026-11-25 15:00:00", True, "late_settlement P2 PROVEN"),
    ],
)
def test_a_settlement_that_may_be_the_last_message_of_its_terminal(
    till: Till, acquirer: Acquirer, said: Any, later: str, spoke: bool, expected: str
):
    """Lost as the last of all it leaves no gap: proven once the terminal's next number was seen, whatever bore it."""
    busy(till)
    if spoke:
        till.event("ECHO", batch_no=None)
    other = Till(terminal="87654321", line="lane-2").at(later)
    other.event("ECHO", batch_no=None)
    assert said(acquirer, beside=(other,)) == [expected]


@pytest.mark.parametrize(("spoke", "certainty"), [(False, "PROBABLE"), (True, "PROVEN")])
def test_the_sending_of_an_offline_sale_that_may_be_the_last_message_of_its_terminal(
    till: Till, acquirer: Acquirer, said: Any, spoke: bool, certainty: str
):
    """It may have been sent after the last that is known of the terminal."""
    till.attempt("OFFLINE_SALE", 3300, code=None)
    if spoke:
        till.event("ECHO", batch_no=None)
    other = Till(terminal="87654321", line="lane-2").at("2026-11-22 08:00:00")
    other.event("ECHO", batch_no=None)
    assert said(acquirer, beside=(other,)) == [f"late_settlement P3 {certainty}"]


def test_a_batch_still_in_use_after_a_day_is_late_whatever_was_lost(till: Till, acquirer: Acquirer, said: Any):
    """Its own number on a sale 25 hours later proves that it was open."""
    busy(till)
    till.stan += 1
    till.at("2026-11-22 10:00:00")
    busy(till)
    till.settle()
    assert moment("2026-11-22 10:00:00") < till.now
    assert said(acquirer) == ["late_settlement P3 PROVEN"]


@pytest.mark.parametrize(
    ("shared", "own", "expected"),
    [
        (3, 0, "missing_in_terminal P3 PROBABLE"),
        (0, 0, "missing_in_terminal P3 PROBABLE"),
        (5, 1, "missing_in_terminal P3 PROBABLE"),
        (0, 3, "missing_in_terminal P1 PROVEN"),
    ],
)
def test_a_sale_of_which_only_the_signature_was_kept(
    till: Till, acquirer: Acquirer, said: Any, shared: int, own: int, expected: str
):
    """A signature bears its sale's number: that it was seen does not make the sale's record seen, nor its number spent.

    At a terminal that numbers signatures by themselves the number is the signature's, and no sale is missing there.
    """
    for count in range(shared + own):
        sale = till.sale(4000 + count, card=50 + count)
        numbers = {"stan": till.event("SIGNATURE")["stan"]} if count >= shared else {}
        till.sign(sale, **numbers)
    lost = till.sale(5000, card=6)
    signature = till.sign(lost, transaction_id=None)
    till.event("SIGNATURE", stan=signature["stan"])
    till.sale(5001, card=7)
    busy(till)
    acquirer.week(till)
    till.attempts.remove(lost)
    assert said(acquirer) == [expected]


def test_a_signatures_number_is_told_by_other_terminals_of_its_kind(till: Till, acquirer: Acquirer, said: Any):
    """None of this terminal's own sales was signed and seen; another one's signatures have numbers of their own."""
    other = Till(terminal="10000002", line="lane-2", stan=9500)
    for count in range(3):
        other.sign(other.sale(4000 + count, card=50 + count), stan=other.event("SIGNATURE")["stan"])
    lost = till.sale(5000, card=6)
    signature = till.sign(lost, transaction_id=None)
    till.event("SIGNATURE", stan=signature["stan"])
    busy(till)
    acquirer.week(till)
    till.attempts.remove(lost)
    assert said(acquirer, beside=(other,)) == ["missing_in_terminal P1 PROVEN"]

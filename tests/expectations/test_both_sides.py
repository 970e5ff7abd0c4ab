"""What one side holds as undone and the other does not; fees of what was undone; one reference on two debits."""

import datetime as dt
from typing import Any

import pytest

from expectations.agreements import Agreements
from expectations.lifecycle import Shop
from expectations.run import judge
from ingest.agreements import Contract
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, OTHER_MERCHANT, Row, Till
from tests.expectations.statementdays import Acquirer, busy, with_statement

pytestmark = pytest.mark.thorough

RULES = {
    "missing_in_acquirer", "missing_in_terminal", "amount_differs", "settled_but_declined", "void_not_effective",
    "host_approved_terminal_failed", "retry_after_unknown", "refund_became_debit", "fee_not_returned_on_void",
    "fee_not_returned_on_refund", "dup_rrn_twice", "dup_same_atc", "dup_stan_resent",
}  # fmt: skip


def reversed_sale(till: Till) -> Row:
    """Approved, then taken back with a confirmed reversal."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.reverse(sale)
    busy(till)
    return sale


def test_a_reversed_sale_that_was_settled(till: Till, acquirer: Acquirer, said: Any):
    """2.2: a reversal answered 00 undoes the sale; the acquirer settled it: told once the next two files have come."""
    sale = reversed_sale(till)
    acquirer.week(till, sale, days=2)
    acquirer.post(sale)
    assert said(acquirer) == []
    acquirer.file("2026-11-23")
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]


def test_a_retry_beside_an_attempt_that_the_host_never_had(till: Till, acquirer: Acquirer, said: Any):
    """No answer, reversal answered 25 (nothing there), sold again: both are posted, so the card is debited twice."""
    busy(till)
    lost = till.sale(5000, card=6, code=None)
    till.reverse(lost, code="25")
    till.sale(5000, card=6)
    acquirer.week(till)
    assert said(acquirer) == []
    acquirer.post(lost, rrn="112109777777")
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]


@pytest.mark.parametrize(
    "given_back",
    [
        {"txn_type": "REVERSAL"},
        {"txn_type": "REVERSAL", "batch_no": None, "stan": None, "acquirer_ref": "R"},
        {"txn_type": "REVERSAL", "stan": 9000, "rrn": "112109555555", "orig_ref": "Q7"},
        {"txn_type": "REFUND", "stan": None, "batch_no": None, "rrn": "112109555555"},
    ],
)
def test_a_reversed_sale_that_the_next_files_give_back(
    till: Till, acquirer: Acquirer, said: Any, given_back: dict[str, Any]
):
    """The reversal's line under the sale's numbers, its reference, or naming it; or a refund to that card."""
    sale = reversed_sale(till)
    acquirer.week(till, sale)
    acquirer.post(sale, acquirer_ref="Q7")
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]
    acquirer.post(sale, "2026-11-23", **given_back)
    assert said(acquirer) == []


def test_the_files_that_count_follow_the_reversal_s_day(till: Till, acquirer: Acquirer, said: Any):
    """Reversed after the cut-off: the reversal is of the 22nd, whose next two files are the 23rd's and the 24th's."""
    busy(till)
    sale = till.sale(5000, card=6, at="22:59:00")
    till.reverse(sale, at="23:01:00")
    acquirer.week(till, sale)
    acquirer.post(sale)
    assert said(acquirer) == []
    acquirer.file("2026-11-24")
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]


def test_the_line_of_what_was_reversed_is_the_later_approval_s(till: Till, acquirer: Acquirer, said: Any):
    """Reversed and sold again; one line, under the first one's numbers: one debit for one sale."""
    sale = reversed_sale(till)
    again = till.sale(5000, card=6)
    acquirer.week(till, sale, again)
    acquirer.post(sale)
    assert said(acquirer) == []


@pytest.mark.parametrize("why", ["a record is missing", "another reference"])
def test_a_number_that_may_have_been_used_again_is_not_proven(till: Till, acquirer: Acquirer, said: Any, why: str):
    """What was reversed may have been sent again under its number, and that record lost."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.reverse(sale)
    till.stan += why == "a record is missing"
    busy(till)
    acquirer.week(till, sale)
    acquirer.post(sale, rrn="112109777777" if why == "another reference" else sale["rrn"])
    assert said(acquirer) == ["settled_but_declined P1 PROBABLE"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("settled", []),
        ("failed", ["missing_in_acquirer P1 PROVEN"]),
        ("reversed", ["missing_in_acquirer P1 PROVEN"]),
        ("pending", ["missing_in_acquirer P1 PROBABLE"]),
    ],
)
def test_an_approval_that_the_acquirer_did_not_settle(
    till: Till, acquirer: Acquirer, said: Any, status: str, told: list[str]
):
    """The terminal settled it; the file has it as failed, reversed or, after the next two files, still under way."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.settle()
    acquirer.week(till, sale, days=2)
    acquirer.post(sale, status=status)
    assert said(acquirer) == []
    acquirer.file("2026-11-23")
    assert said(acquirer) == told


def test_what_was_under_way_and_settled_next_day(till: Till, acquirer: Acquirer, said: Any):
    """Two lines of one sale: pending, then settled."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.settle()
    acquirer.week(till, sale)
    acquirer.post(sale, status="pending")
    acquirer.post(sale, "2026-11-22")
    assert said(acquirer) == []


def test_a_void_taken_back_at_the_terminal_and_done_by_the_acquirer(till: Till, acquirer: Acquirer, said: Any):
    """No answer, and its reversal answered 00: the sale stands, the acquirer has it voided; or reversed that void."""
    busy(till)
    sale = till.sale(5000, card=6)
    void = till.void(sale, code=None)
    till.reverse(void)
    till.settle()
    acquirer.week(till)
    acquirer.post(void, rrn="112109444444", orig_ref=sale["rrn"])
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]
    acquirer.post(void, "2026-11-22", txn_type="REVERSAL", rrn="112109444445")
    assert said(acquirer) == []


def test_a_declined_refund_that_was_settled(till: Till, acquirer: Acquirer, said: Any):
    """2.8: "terminal declined, acquirer settled" says nothing of debits alone; made again, the line is the second's."""
    busy(till)
    sale = till.sale(5000, card=6)
    refused = till.refund(sale, code="96")
    busy(till)
    acquirer.week(till)
    acquirer.post(refused)
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]
    till.refund(sale)
    assert said(acquirer) == []


def test_a_refund_without_a_record_accuses_nobody(till: Till, acquirer: Acquirer, said: Any):
    """2.8: "acquirer debit, no terminal row"; a refund may be made at the acquirer without any terminal."""
    busy(till)
    acquirer.week(till)
    acquirer.post(till.attempts[0], txn_type="REFUND", stan=9000, rrn="112109999999")
    assert said(acquirer) == []


def test_a_refund_that_was_booked_as_a_sale(till: Till, acquirer: Acquirer, said: Any):
    """2.6, V: "credit processed as charge"; the refund's own numbers stand on a debit."""
    busy(till)
    refund = till.refund(till.sale(5000, card=6), 2000)
    busy(till)
    acquirer.week(till, refund)
    acquirer.post(refund, txn_type="SALE")
    assert said(acquirer) == ["refund_became_debit P1 PROVEN"]
    acquirer.post(refund, "2026-11-22", txn_type="REVERSAL")
    assert said(acquirer) == []


@pytest.mark.parametrize("terminal", ["12345678", None])
@pytest.mark.parametrize(("fee", "told"), [(None, []), (-30, []), (0, ["fee_not_returned_on_void P1 PROVEN"])])
def test_the_fee_of_a_void(
    till: Till, acquirer: Acquirer, said: Any, terminal: str | None, fee: int | None, told: list[str]
):
    """Not told is unknown; given back; kept. Files without terminal numbers are judged by references."""
    busy(till)
    sale = till.sale(5000, card=6)
    void = till.void(sale)
    acquirer.week(till, sale, void)
    acquirer.post(sale, fee_fen=30, terminal_id=terminal)
    acquirer.post(void, fee_fen=fee, terminal_id=terminal)
    assert said(acquirer) == told


@pytest.mark.parametrize(("sales", "told"), [(1, ["fee_not_returned_on_void P1 PROBABLE"]), (2, [])])
def test_the_fee_of_a_void_that_names_nothing(acquirer: Acquirer, till: Till, said: Any, sales: int, told: list[str]):
    """One sale of that day, card and amount is the one that was voided; of two nobody knows."""
    busy(till)
    acquirer.week(till)
    line: dict[str, Any] = {"merchant_id": till.merchant, "amount_fen": 5000, "pan_masked": "622424******0006"}
    for _ in range(sales):
        acquirer.say(**line, acquirer_ref=f"S{len(acquirer.lines)}", fee_fen=30)
    acquirer.say(**line, txn_type="VOID", fee_fen=0)
    assert said(acquirer) == told


@pytest.mark.parametrize(("fee", "days", "told"), [(None, 3, 0), (0, 2, 0), (0, 3, 1), (-18, 3, 0)])
def test_the_fee_of_a_refund(till: Till, acquirer: Acquirer, fee: int | None, days: int, told: int):
    """60 fen on 100 yuan, 30 yuan refunded: 18 fen come back; not told is unknown; the next two files may tell."""
    terms = {"merchant": MERCHANT, "since": dt.date(2026, 1, 1), "rates": [{"percent": "0.60"}]}
    contract = Contract.model_validate(terms | {"refund_returns_fee": True})
    busy(till)
    sale = till.sale(10000, card=6)
    refund = till.refund(sale, 3000)
    acquirer.week(till, sale, refund, days=days)
    acquirer.post(sale, fee_fen=60)
    acquirer.post(refund, fee_fen=fee, orig_ref=sale["rrn"])
    shop = Shop("Asia/Shanghai", dt.time(23, 0), agreed=Agreements((contract,)))
    given = with_statement(acquirer, tills=(till,))
    found = judge(given, shop, dt.date(2020, 1, 1), dt.date(2030, 1, 1), bench=PlainBench()).findings
    kept = [(each.severity, each.certainty, each.amount_at_risk_fen) for each in found if "refund" in each.rule]
    assert [each for each in kept if each[2] == 18] == [("P2", "PROVEN", 18)] * told


@pytest.mark.parametrize(
    ("amount", "card", "certainty"), [(5000, 6, "PROVEN"), (6000, 6, "PROBABLE"), (5000, 7, "POSSIBLE")]
)
def test_one_reference_on_two_debits_of_a_terminal(till: Till, said: Any, amount: int, card: int, certainty: str):
    """2.3 asks for acquirer, reference, day and type; another amount is less sure, another card for review."""
    first = till.sale(5000, card=6)
    again = till.sale(amount, card=card, rrn=first["rrn"])
    assert said() == [f"dup_rrn_twice P1 {certainty}"]
    again["settlement_date"] = dt.date(2026, 11, 22)
    assert said() == []


def test_one_reference_on_two_terminals_and_cards(till: Till, said: Any):
    """A host that makes the reference of hour and trace number gives two terminals the same one."""
    other = Till(terminal="87654321", line="lane-2")
    assert till.sale(5000, card=6)["rrn"] == other.sale(5000, card=7)["rrn"]
    assert said(beside=(other,)) == []


def test_one_reference_on_two_lines_of_other_amounts(till: Till, acquirer: Acquirer, said: Any):
    """Two lines, two numbers; without a number of its own it may be a part, and a tip posted apart is none."""
    busy(till)
    sale = till.sale(5000, card=6)
    acquirer.week(till)
    acquirer.post(sale, stan=9100, amount_fen=7000)
    assert said(acquirer) == ["dup_rrn_twice P1 PROVEN"]
    acquirer.lines[-1] |= {"stan": None, "amount_fen": 500}
    assert said(acquirer) == ["dup_rrn_twice P1 PROBABLE"]
    till.attempt("ADJUST", 5500, orig_batch_no=sale["batch_no"], orig_stan=sale["stan"])
    assert "dup_rrn_twice" not in " ".join(said(acquirer))


def test_a_card_counter_is_compared_within_a_merchant(till: Till, said: Any):
    """One shop's finding never shows another shop's customers."""
    other = Till(terminal="87654321", merchant=OTHER_MERCHANT, line="lane-2").at("10:00:00")
    till.sale(5000, card=6, atc=102, aid="A0")
    other.sale(5000, card=6, atc=102, aid="A0")
    assert said(beside=(other,)) == []

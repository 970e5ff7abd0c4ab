"""Voids: of what was never sold, of another amount, twice, or too late."""

from typing import Any

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Till
from tests.expectations.told import ids, only

pytestmark = pytest.mark.thorough


# --- what a void should be


def test_a_sale_its_void_and_the_right_sale_are_no_finding(till: Till, findings: Findings):
    """Sold at the wrong price, voided, sold again."""
    wrong = till.sale(36800)
    till.void(wrong)
    till.sale(63800)
    assert findings(till) == []


def test_a_test_sale_of_one_fen_and_its_void_are_no_finding(till: Till, findings: Findings):
    """The shop tries its terminal in the morning."""
    till.void(till.sale(1))
    assert findings(till) == []


def test_a_declined_or_unanswered_void_is_judged_by_no_rule(till: Till, findings: Findings):
    """It has undone nothing."""
    sale = till.sale(36800)
    till.void(sale, 100, code="64")
    till.void(sale, 100, code=None)
    assert findings(till) == []


# --- void_no_original


def test_a_void_of_a_number_not_yet_issued(till: Till, findings: Findings):
    """The terminal had not come so far: no sale can have been lost there."""
    sale = till.sale(36800)
    void = till.void(sale, orig_stan=till.stan + 500, orig_rrn=None)
    found = only(findings(till), "void_no_original")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [void["transaction_id"]]
    assert found.act_by is None
    assert found.evidence == {
        "originals": 0,
        "original_batch_no": 231,
        "original_stan": sale["stan"] + 500,
        "number_spent_on": None,
        "number_not_issued": True,
    }
    assert found.ruled_out == ("void_reversed", "log_gap")
    assert found.completeness["missing"] == []


def test_a_void_of_a_number_spent_on_something_else(till: Till, findings: Findings):
    """The number was a sign-in: it cannot have been a sale."""
    sale = till.sale(36800)
    till.void(sale, orig_stan=till.events[0]["stan"], orig_rrn=None)
    found = only(findings(till), "void_no_original")
    assert found.certainty == "PROVEN"
    assert found.evidence["number_spent_on"] == "SIGN_IN"


def test_a_void_of_a_declined_sale_has_no_original(till: Till, findings: Findings):
    """What was declined debited nobody; its void credits somebody."""
    declined = till.sale(36800, code="51")
    void = till.void(declined)
    found = only(findings(till), "void_no_original")
    assert ids(found) == [void["transaction_id"], declined["transaction_id"]]


def test_a_void_of_a_sale_in_a_gap_proves_nothing(till: Till, findings: Findings):
    """未采集到原交易: the original may be among the missing numbers."""
    sale = till.sale(36800)
    till.stan += 1
    till.void(sale, orig_stan=till.stan, orig_rrn=None)
    found = {each.rule: each for each in findings(till)}
    assert set(found) == {"void_no_original", "stan_gap"}
    assert (found["void_no_original"].severity, found["void_no_original"].certainty) == ("P4", "UNVERIFIABLE")
    assert found["void_no_original"].completeness["missing"] == ["original_not_collected"]


def test_a_void_of_a_batch_before_collection_proves_nothing(till: Till, findings: Findings):
    """The collector was plugged in after the sale."""
    sale = till.sale(36800)
    till.void(sale, orig_batch_no=230, orig_stan=17, orig_rrn=None)
    assert only(findings(till), "void_no_original").certainty == "UNVERIFIABLE"


def test_a_sale_known_from_its_reversal_alone_proves_nothing(till: Till, findings: Findings):
    """The sale's record was dropped; its reversal carries its number: the void may refer to it."""
    sale = till.sale(36800)
    till.reverse(sale, "96")
    till.void(sale, orig_rrn=None)
    till.attempts.remove(sale)
    found = [each for each in findings(till) if each.rule == "void_no_original"]
    assert [(each.severity, each.certainty) for each in found] == [("P4", "UNVERIFIABLE")]


def _two_closed_batches(till: Till) -> list[dict[str, Any]]:
    """Three batches, each with two sales, a settlement and what follows; the sales of the second."""
    sales = []
    for _ in range(3):
        sales.append([till.sale(36800), till.sale(5200, card=2)])
        till.settle()
    return sales[1]


def test_a_void_of_a_number_outside_the_batch_it_names(till: Till, findings: Findings):
    """Both ends of that batch were seen and nothing between is missing: no such sale was in it."""
    _, last = _two_closed_batches(till)
    till.void(last, orig_stan=900_000, orig_rrn=None)
    found = only(findings(till), "void_no_original")
    assert (found.certainty, found.evidence["number_not_issued"]) == ("PROVEN", True)


@pytest.mark.parametrize("end", ["last", "settlement"])
def test_a_dropped_end_of_the_batch_it_names_proves_nothing(till: Till, findings: Findings, end: str):
    """The last records of the batch were dropped, and its settlement with them: the original may be among them."""
    _, last = _two_closed_batches(till)
    settlement = till.settlements[1]
    till.settlements.remove(settlement)
    if end == "last":
        till.attempts.remove(last)
    till.void(last, orig_stan=settlement["stan"] if end == "settlement" else last["stan"], orig_rrn=None)
    found = [each for each in findings(till) if each.rule == "void_no_original"]
    assert [each.certainty for each in found] == ["UNVERIFIABLE"]


def test_a_number_above_that_another_device_had_used_proves_nothing(till: Till, findings: Findings):
    """A replaced terminal counts from 1 again in the same batch: the old device's record was dropped."""
    till.stan = 5000
    sales = [till.sale(amount, card=place) for place, amount in enumerate((36800, 4100, 5200), 1)]
    till.attempts.remove(sales[1])
    till.stan = 1
    till.sale(7300, card=4, at="10:30:00")
    till.void(sales[1], orig_rrn=None)
    found = [each for each in findings(till) if each.rule == "void_no_original"]
    assert [each.certainty for each in found] == ["UNVERIFIABLE"]


@pytest.mark.parametrize("named", [{}, {"orig_rrn": None}, {"orig_stan": 400_000}])
def test_a_dropped_sale_of_another_terminal_proves_nothing(till: Till, findings: Findings, named: dict[str, Any]):
    """The void was made at the wrong terminal, and its sale's record was dropped at the other."""
    other = Till(terminal="12345679", stan=60_000, line="lane-2")
    other.sale(4100, card=3)
    sale = other.sale(36800)
    other.sale(5200, card=4)
    other.attempts.remove(sale)
    till.sale(7300, card=5)
    till.void(sale, **named)
    found = [each for each in findings(till, other) if each.rule == "void_no_original"]
    assert [each.certainty for each in found] == ["UNVERIFIABLE"]


# --- void_amount_mismatch


def test_a_void_of_another_amount(till: Till, findings: Findings):
    """A void is of the full amount: the difference is at stake."""
    sale = till.sale(36800)
    void = till.void(sale, 30000)
    found = only(findings(till), "void_amount_mismatch")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 6800)
    assert ids(found) == [void["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {"void_fen": 30000, "sale_fen": 36800}
    assert found.ruled_out == ("void_reversed", "tip_adjusted")


@pytest.mark.parametrize("tip", [True, False])
def test_a_sale_adjusted_by_a_tip_is_compared_as_adjusted(till: Till, findings: Findings, *, tip: bool):
    """Whether the adjustment states the tip or the new total."""
    sale = till.sale(36800)
    named = {"orig_batch_no": till.batch, "orig_stan": sale["stan"]}
    till.attempt("ADJUST", 2000 if tip else 38800, tip_fen=2000 if tip else None, **named)
    till.void(sale, 38800)
    assert findings(till) == []


def test_a_gap_may_hide_the_adjustment(till: Till, findings: Findings):
    """PROVEN becomes PROBABLE."""
    sale = till.sale(36800)
    till.stan += 1
    till.void(sale, 38800)
    found = {each.rule: each for each in findings(till)}
    assert found["void_amount_mismatch"].certainty == "PROBABLE"
    assert found["void_amount_mismatch"].completeness["missing"] == ["stan_gap"]


# --- double_void


def test_a_sale_voided_twice(till: Till, findings: Findings):
    """The later void is accused, the first and the sale stand beside it."""
    sale = till.sale(36800, at="10:00:00")
    first = till.void(sale, at="10:05:00")
    second = till.void(sale, at="10:07:00")
    found = only(findings(till), "double_void")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [second["transaction_id"], first["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {"voids_of_this_sale": 2, "seconds_apart": 120}


def test_a_void_reversed_and_made_again_is_one_void(till: Till, findings: Findings):
    """撤销冲正: the first void did not stand."""
    sale = till.sale(36800)
    till.reverse(till.void(sale))
    till.void(sale)
    assert findings(till) == []


def test_two_debits_of_one_trace_number_each_voided_once(till: Till, findings: Findings):
    """The reference tells which void is of which."""
    first = till.sale(36800)
    second = till.sale(36800, stan=first["stan"], rrn="999900000001")
    till.void(first)
    till.void(second)
    assert findings(till) == []


# --- void_after_settlement, void_cross_day


def test_a_void_after_its_batch_was_settled(till: Till, findings: Findings):
    """The totals have gone; of the two day rules only this one speaks."""
    sale = till.sale(36800, at="10:00:00")
    till.settle(at="11:00:00")
    void = till.void(sale, at="2026-11-22 09:00:00")
    found = only(findings(till), "void_after_settlement")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P2", "PROVEN", 36800)
    assert ids(found) == [void["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {
        "settlements_before_void": 1,
        "settled_at": "2026-11-21T03:00:00+00:00",
        "settled_batch_no": 231,
    }


def test_a_settlement_the_host_refused_closes_nothing(till: Till, findings: Findings):
    """The batch is still open."""
    sale = till.sale(36800)
    till.settle(outcome="declined", response_code="96")
    till.batch -= 1
    till.void(sale)
    assert findings(till) == []


def test_a_void_on_the_next_clearing_day(till: Till, findings: Findings):
    """22:58 and 23:05 are two clearing days: the host should have refused."""
    sale = till.sale(36800, at="22:58:00")
    void = till.void(sale, at="23:05:00")
    found = only(findings(till), "void_cross_day")
    assert (found.severity, found.certainty) == ("P2", "PROVEN")
    assert ids(found) == [void["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {
        "clearing_days_apart": 1,
        "sale_clearing_day": "2026-11-21",
        "void_clearing_day": "2026-11-22",
        "refused_s": None,
    }


def test_a_void_after_the_cut_off_that_the_host_refused_is_a_hint(till: Till, findings: Findings):
    """Cross-day by the clock, in one batch, refused by the host: P4, and no money at risk."""
    sale = till.sale(36800, at="22:58:00")
    till.void(sale, at="23:05:00", code="12")
    found = only(findings(till), "void_cross_day")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P4", "PROVEN", 0)
    assert found.evidence["refused_s"] == 420


@pytest.mark.parametrize(("sold", "voided"), [("23:00:00", "2026-11-22 22:59:59"), ("22:00:00", "22:59:59")])
def test_a_void_on_the_same_clearing_day(till: Till, findings: Findings, sold: str, voided: str):
    """The day runs from cut-off to cut-off."""
    sale = till.sale(36800, at=sold)
    till.void(sale, at=voided)
    assert findings(till) == []


def test_a_sale_just_before_the_cut_off_posted_next_day(till: Till, findings: Findings):
    """The host put both into one settlement date: one day, whatever the clock says."""
    day = till.now.date().replace(day=22)
    sale = till.sale(36800, at="22:59:50", settlement_date=day)
    till.void(sale, at="23:05:00", settlement_date=day)
    assert findings(till) == []

"""Refunds and the money of their sale: in parts, more than it was, the same one twice."""

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Till, moment, next_day
from tests.expectations.told import ids, only, rules

pytestmark = pytest.mark.thorough


# --- what refunds should be


def test_three_part_refunds_that_equal_the_sale(till: Till, findings: Findings):
    """The sum may reach the sale."""
    sale = till.sale(36800)
    for fen in (10000, 20000, 6800):
        till.refund(sale, fen)
    assert findings(till) == []


def test_two_equal_part_refunds_on_different_days(till: Till, findings: Findings):
    """Two items of one price, brought back on two days."""
    sale = till.sale(36800)
    till.refund(sale, 10000)
    next_day(till).refund(sale, 10000)
    assert findings(till) == []


# --- refund_over_original


def test_a_refund_larger_than_its_sale(till: Till, findings: Findings):
    """199.00 paid, 219.00 paid back: the 20.00 are at stake, and only this rule speaks."""
    sale = till.sale(19900)
    refund = till.refund(sale, 21900)
    found = only(findings(till), "refund_over_original")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 2000)
    assert ids(found) == [refund["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {"refund_fen": 21900, "sale_fen": 19900, "linked_by": "reference"}
    assert found.ruled_out == ("tip_adjusted",)
    assert found.act_by is None


def test_a_refund_of_the_adjusted_amount(till: Till, findings: Findings):
    """The tip came back too."""
    sale = till.sale(19900)
    till.attempt("ADJUST", 21900, orig_batch_no=till.batch, orig_stan=sale["stan"])
    till.refund(sale, 21900)
    assert rules(findings(till)) == ["refund_same_day_should_void"]  # nothing else: the hint is for any such day


def test_a_partial_approval_is_compared_as_approved(till: Till, findings: Findings):
    """Code 10: the row's amount is what was approved."""
    sale = till.sale(10000, code="10")
    till.refund(sale, 10000)
    assert rules(findings(till)) == ["refund_same_day_should_void"]


def test_across_currencies_nothing_is_compared(till: Till, findings: Findings):
    """A foreign card is paid back in another currency."""
    sale = till.sale(2700, currency="840")
    till.refund(sale, 19900)
    assert findings(till) == []


def test_a_gap_after_the_sale_may_hide_its_adjustment(till: Till, findings: Findings):
    """PROVEN becomes PROBABLE."""
    sale = till.sale(19900)
    till.stan += 1
    till.refund(sale, 21900)
    found = {each.rule: each for each in findings(till)}
    assert found["refund_over_original"].certainty == "PROBABLE"


# --- refund_cumulative_over


def test_part_refunds_that_exceed_the_sale_together(till: Till, findings: Findings):
    """The refund that crosses the line is accused, of what is beyond it."""
    sale = till.sale(36800)
    first = till.refund(sale, 30000)
    till.settle()
    second = till.refund(sale, 10000, at="2026-11-24 10:00:00")
    found = only(findings(till), "refund_cumulative_over")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 3200)
    assert ids(found) == [second["transaction_id"], first["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {"credited_fen": 40000, "sale_fen": 36800, "refunds": 2, "linked_by": "reference"}
    assert found.ruled_out == ("partial_refunds", "declined_refund_retried", "tip_adjusted")


@pytest.mark.parametrize("code", ["51", None])
def test_a_refund_that_did_not_succeed_does_not_add_up(till: Till, findings: Findings, code: str | None):
    """A failed refund made again is one refund."""
    sale = till.sale(36800)
    till.refund(sale, code=code)
    till.refund(sale)
    assert rules(findings(till)) == ["refund_same_day_should_void"]


def test_a_void_after_a_refund_adds_up_with_it(till: Till, findings: Findings):
    """Both credit the customer: the refund is accused, the void named."""
    sale = till.sale(36800)
    refund = till.refund(sale, 10000)
    void = till.void(sale)
    found = only(findings(till), "refund_cumulative_over")
    assert found.amount_at_risk_fen == 10000
    assert ids(found) == [refund["transaction_id"], void["transaction_id"], sale["transaction_id"]]


# --- dup_refund


def test_the_same_refund_twice(till: Till, findings: Findings):
    """Together beyond the sale, within a day: what is beyond is proven; the sum rule is silent."""
    sale = till.sale(36800, at="10:00:00")
    first = till.refund(sale, at="12:00:00")
    second = till.refund(sale, at="13:00:00")
    found = only(findings(till), "dup_refund")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [second["transaction_id"], first["transaction_id"], sale["transaction_id"]]
    assert found.evidence == {
        "same_refunds_before": 1,
        "seconds_apart": 3600,
        "refunded_fen": 73600,
        "sale_fen": 36800,
        "linked_by": "reference",
    }


@pytest.mark.parametrize(("second", "expected"), [("12:10:00", ["dup_refund"]), ("12:10:01", [])])
def test_two_equal_part_refunds_within_ten_minutes(till: Till, findings: Findings, second: str, expected: list[str]):
    """Within the sale: POSSIBLE at ten minutes, nothing a second later."""
    sale = till.sale(36800, at="10:00:00")
    till.refund(sale, 10000, at="12:00:00")
    till.refund(sale, 10000, at=second)
    found = findings(till)
    assert rules(found) == expected
    assert [(each.severity, each.certainty) for each in found] == [("P4", "POSSIBLE")] * len(expected)


@pytest.mark.parametrize(
    ("second", "rule"), [("2026-11-22 12:00:00", "dup_refund"), ("2026-11-22 12:00:01", "refund_cumulative_over")]
)
def test_the_same_refund_is_a_duplicate_for_a_day(till: Till, findings: Findings, second: str, rule: str):
    """86 400 s are within; after that it is still too much, but no duplicate."""
    sale = till.sale(36800, at="10:00:00")
    till.refund(sale, at="12:00:00")
    till.settle()
    till.refund(sale, at=second)
    assert rules(findings(till)) == [rule]


def test_the_same_refund_of_a_sale_that_was_not_collected(till: Till, findings: Findings):
    """Reference and amount agree within ten minutes: POSSIBLE, beside what the missing sale says."""
    lost = Till(signed_in=False, now=moment("2026-11-19 10:00:00")).sale(36800)
    till.refund(lost)
    till.refund(lost)
    assert rules(findings(till)) == ["dup_refund", "refund_no_original", "refund_no_original"]

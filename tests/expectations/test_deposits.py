"""Deposits: asked for only when their terms are met and known to be, and taken twice only when taken twice."""

import datetime as dt
from typing import Any

import pytest

from tests.expectations.shopdays import Till, moment
from tests.expectations.test_payouts import Desk, about_money, deposit, said

pytestmark = pytest.mark.thorough

APPLIED = dt.date(2026, 11, 9)
"""A Monday: seven working days on is Wednesday the 18th, and the first day after it the 19th."""
OVERDUE = "deposit_due_not_returned P1 PROVEN 29900"
REVIEW = "deposit_due_not_returned P1 POSSIBLE 29900"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def since_signed(fen: int = 10_000, on: str = "2026-11-16") -> Till:
    """A terminal whose records begin before the deposit was signed, with one sale since."""
    till = Till(now=moment("2026-01-04 09:00:00"))
    till.at(f"{on} 09:00:00").sale(fen)
    till.at("2026-11-21 09:00:00").sale(100)
    return till


def test_a_deposit_whose_terms_are_not_met_is_not_due(desk: Desk):
    """A million yuan agreed and a hundred taken; two years agreed and ten months over."""
    till = since_signed()
    assert said(desk, till, deposits=(deposit(volume_fen=100_000_000, applied_on=APPLIED),)) == []
    assert said(desk, till, deposits=(deposit(months=24, applied_on=APPLIED),)) == []


@pytest.mark.parametrize(
    ("told", "certainty", "missing"),
    [
        ({"volume_fen": 100_000_000}, "POSSIBLE", "deposit_takings"),
        ({"fees_fen": 100_000_000}, "POSSIBLE", "deposit_takings"),
        ({}, "PROBABLE", "deposit_terms"),
    ],
)
def test_a_deposit_whose_terms_cannot_be_known_to_be_met_is_not_proven(
    desk: Desk, told: dict[str, Any], certainty: str, missing: str
):
    """Records begin ten months after it was signed; or nothing says what brings it back, and it was applied for."""
    (late,) = about_money(desk, deposits=(deposit(applied_on=APPLIED, **told),))
    assert (late.rule, late.certainty) == ("deposit_due_not_returned", certainty)
    assert late.completeness["missing"] == [missing]


def test_the_clock_starts_with_the_later_of_terms_and_application(desk: Desk):
    """Met on Monday the 9th: late on the 19th, whenever it was applied for before; met on the 10th: on the 20th."""
    for met, late_on in (("2026-11-09", "2026-11-19"), ("2026-11-10", "2026-11-20")):
        till = since_signed(100_000, met)
        (late,) = about_money(desk, till, deposits=(deposit(volume_fen=100_000, applied_on=dt.date(2026, 3, 2)),))
        assert (late.certainty, f"{late.business_date}", late.evidence["met_on"]) == ("PROVEN", late_on, met)


def test_the_rest_of_a_deposit_is_asked_for_unless_a_reason_was_given(desk: Desk):
    """100 of 299 yuan are back: 199 are due; with a reason, none."""
    part = {"months": 10, "applied_on": APPLIED, "returned_on": dt.date(2026, 11, 17), "returned_fen": 10_000}
    assert said(desk, deposits=(deposit(**part),)) == ["deposit_due_not_returned P1 PROVEN 19900"]
    assert said(desk, deposits=(deposit(**part, kept_because="外壳损坏"),)) == []
    payout = desk.pay("2026-11-16", "2026-11-17", 10_000, settlement_date=None, remark="押金解冻")
    due = deposit(months=10, applied_on=APPLIED)
    (late,) = about_money(desk, deposits=(due,))
    assert (late.amount_at_risk_fen, late.evidence["returned_fen"]) == (19_900, 10_000)
    payout["remark"] = "押金解冻，扣除流量费"
    assert said(desk, deposits=(due,)) == []


def test_a_payout_of_a_day_s_sales_may_hold_the_return(desk: Desk):
    """994.00 of the day and 299.00 of the deposit in one sum, as its remark says; another remark is none."""
    desk.sold("2026-11-16")
    payout = desk.pay("2026-11-16", "2026-11-17", 99_400 + 29_900, remark="结算款 含押金解冻")
    due = deposit(months=10, applied_on=APPLIED)
    assert said(desk, deposits=(due,)) == []
    payout["remark"] = "结算款"
    assert said(desk, deposits=(due,)) == [OVERDUE]


def deducted(desk: Desk, *days: str) -> list[dict[str, Any]]:
    """A payout of each day with the deposit taken off."""
    return [desk.pay(day, day, 69_500, deducted_fen=29_900, remark="机具押金", settlement_date=None) for day in days]


def test_the_first_deduction_of_a_registered_deposit_is_its_payment(desk: Desk):
    """Signed on the 5th of January and taken off on the 20th; a second time in March is once too often."""
    deducted(desk, "2026-01-20")
    assert said(desk, deposits=(deposit(),)) == []
    deducted(desk, "2026-03-20")
    assert said(desk, deposits=(deposit(),)) == ["deposit_double_charged P1 PROVEN 29900"]


def test_a_deduction_long_after_the_deposit_was_signed_is_most_likely_the_second(desk: Desk):
    """Signed on the 5th of January, taken off on the 20th of April, payouts known from the 1st."""
    desk.pay("2026-04-01", "2026-04-01", 69_500, settlement_date=None)
    deducted(desk, "2026-04-20")
    assert said(desk, deposits=(deposit(),)) == ["deposit_double_charged P1 PROBABLE 29900"]
    desk.pay("2026-01-04", "2026-01-04", 69_500, settlement_date=None)
    assert said(desk, deposits=(deposit(),)) == []


def test_a_deduction_of_a_deposit_that_was_paid_already_is_one_too_many(desk: Desk):
    """Paid in cash on the 5th and taken off on the 20th; taken off on the day it was paid, it is that payment."""
    deducted(desk, "2026-01-20")
    assert said(desk, deposits=(deposit(paid_on=dt.date(2026, 1, 5)),)) == ["deposit_double_charged P1 PROVEN 29900"]
    assert said(desk, deposits=(deposit(paid_on=dt.date(2026, 1, 20)),)) == []


def test_a_payout_that_came_back_takes_no_deposit(desk: Desk):
    """The same deduction on the payout that was made again is one; and after a return it may be taken again."""
    first, _ = deducted(desk, "2026-01-20", "2026-01-21")
    first["state"] = "returned"
    twice = [each for each in said(desk, deposits=(deposit(),)) if each.startswith("deposit")]
    assert twice == []
    first["state"] = "paid"
    assert said(desk, deposits=(deposit(returned_on=dt.date(2026, 1, 20)),)) == []


def test_two_deposits_without_a_terminal_number_are_possibly_one_too_many(desk: Desk):
    """One terminal and two of them is for review; two terminals have one each."""
    twice = (deposit(), deposit(signed_on=dt.date(2026, 3, 1)))
    one, other = since_signed(), Till(terminal="12345679", stan=7000)
    assert said(desk, one, deposits=twice) == ["deposit_double_charged P1 POSSIBLE 29900"]
    other.sale(200)
    assert said(desk, (one, other), deposits=twice) == []

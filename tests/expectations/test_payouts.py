"""Payouts and deposits: late, short, twice, frozen, from a stranger, not returned; and what only looks so."""

import datetime as dt
import hashlib
from typing import Any

import pytest

from expectations.agreements import Agreements
from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.run import judge
from ingest.agreements import Contract, Deposit
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, Till, moment
from tests.expectations.statementdays import Acquirer, with_statement

pytestmark = pytest.mark.thorough

CONTRACT = Contract.model_validate(
    {"merchant": MERCHANT, "since": dt.date(2026, 1, 1), "rates": [{"percent": "0.60"}], "deductions": ["通讯费"]}
)


class Desk(Acquirer):
    """An acquirer that pays out."""

    def sold(self, day: str, fen: int = 100_000) -> None:
        """One line of that clearing day, six per mille of fee."""
        when = moment(f"{day} 12:00:00")
        fee = fen * 6 // 1000
        self.say(day, merchant_id=MERCHANT, amount_fen=fen, fee_fen=fee, settled_fen=fen - fee, occurred_at=when)

    def pay(self, day: str, on: str, fen: int = 99_400, **told: Any) -> dict[str, Any]:
        """A payout of a clearing day."""
        nth = len(self.payouts)
        row = {
            "line_id": f"b{nth}", "statement_id": "s", "line_no": nth, "acquirer": self.name, "merchant_id": MERCHANT,
            "payout_ref": f"B{nth}", "source": "acquirer", "state": "paid", "amount_fen": fen,
            "settlement_date": dt.date.fromisoformat(day), "paid_at": moment(f"{on} 09:00:00"),
            "business_date": dt.date.fromisoformat(on), **told,
        }  # fmt: skip
        self.payouts.append(row)
        return row


@pytest.fixture
def desk() -> Desk:
    return Desk()


def said(
    desk: Desk,
    till: Till | tuple[Till, ...] | None = None,
    contracts: tuple[Contract, ...] = (CONTRACT,),
    **agreed: Any,
) -> list[str]:
    """The findings about payouts and deposits: rule, severity, certainty and money."""
    found = about_money(desk, till, contracts, **agreed)
    return sorted(f"{each.rule} {each.severity} {each.certainty} {each.amount_at_risk_fen}" for each in found)


def about_money(
    desk: Desk,
    till: Till | tuple[Till, ...] | None = None,
    contracts: tuple[Contract, ...] = (CONTRACT,),
    **agreed: Any,
) -> list[Finding]:
    """The findings about payouts and deposits."""
    shop = Shop("Asia/Shanghai", dt.time(23, 0), agreed=Agreements(contracts, **agreed))
    days = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
    tills = till if isinstance(till, tuple) else (till or Till(),)
    out = judge(with_statement(desk, tills=tills), shop, *days, bench=PlainBench())
    assert out.could_not_run == []
    words = ("payout", "deposit", "hidden", "double_settlement")
    return [each for each in out.findings if any(word in each.rule for word in words)]


def test_a_friday_is_paid_on_monday_and_a_holiday_waits(desk: Desk):
    """20 November 2026 is a Friday; the National Day ends with the 7th, and Saturday 10 October is worked."""
    for day, on in (("2026-11-20", "2026-11-23"), ("2026-09-30", "2026-10-08"), ("2026-10-09", "2026-10-10")):
        desk.sold(day)
        desk.pay(day, on)
    assert said(desk) == []


def test_an_instant_payout_has_two_hours(desk: Desk):
    """D0: the last sale before 22:00 is at 12:00; due at 14:00. 14:00 is in time, 15:30 is two begun hours late."""
    at_once = (CONTRACT.model_copy(update={"cycle": "D0"}),)
    desk.sold("2026-11-21")
    payout = desk.pay("2026-11-21", "2026-11-21", paid_at=moment("2026-11-21 14:00:00"))
    assert said(desk, contracts=at_once) == []
    payout["paid_at"] = moment("2026-11-21 15:30:00")
    assert said(desk, contracts=at_once) == ["payout_late P2 PROVEN 99400"]
    payout["business_date"], payout["paid_at"] = dt.date(2026, 11, 22), moment("2026-11-22 09:00:00")
    assert said(desk, contracts=at_once) == ["payout_late P2 PROVEN 99400"]


def test_a_saturday_of_working_days_is_paid_on_monday(desk: Desk):
    """T0: the 21st of November 2026 is a Saturday; due on Monday the 23rd, late on Tuesday."""
    same_day = (CONTRACT.model_copy(update={"cycle": "T0"}),)
    desk.sold("2026-11-21")
    payout = desk.pay("2026-11-21", "2026-11-23")
    assert said(desk, contracts=same_day) == []
    payout["business_date"] = dt.date(2026, 11, 24)
    assert said(desk, contracts=same_day) == ["payout_late P2 PROVEN 99400"]


def test_what_is_sold_from_ten_in_the_evening_on_counts_for_the_next_day(desk: Desk):
    """D0: the noon sale is paid within its two hours; the one of 22:30 comes on the next day, in time."""
    at_once = (CONTRACT.model_copy(update={"cycle": "D0"}),)
    desk.sold("2026-11-21")
    evening = {"amount_fen": 50_000, "fee_fen": 300, "settled_fen": 49_700}
    desk.say("2026-11-21", merchant_id=MERCHANT, occurred_at=moment("2026-11-21 22:30:00"), **evening)
    desk.pay("2026-11-21", "2026-11-21", paid_at=moment("2026-11-21 13:00:00"))
    desk.pay("2026-11-21", "2026-11-22", 49_700, paid_at=moment("2026-11-22 09:00:00"))
    assert said(desk, contracts=at_once) == []


@pytest.mark.parametrize(("day", "on"), [("2026-11-20", "2026-11-24"), ("2026-10-09", "2026-10-12")])
def test_a_payout_after_its_term_is_late(desk: Desk, day: str, on: str):
    """Friday's on Tuesday; and Monday is late where the Saturday was worked."""
    desk.sold(day)
    desk.pay(day, on)
    assert said(desk) == ["payout_late P2 PROVEN 99400"]


def test_a_day_that_was_never_paid(desk: Desk):
    """The payouts go on and one day is left out."""
    for day in ("2026-11-17", "2026-11-18", "2026-11-19"):
        desk.sold(day)
    desk.pay("2026-11-17", "2026-11-18")
    desk.pay("2026-11-19", "2026-11-20")
    assert said(desk) == ["payout_late P2 PROBABLE 99400"]


def test_a_payout_that_is_too_small(desk: Desk):
    """Ten yuan less, unexplained; held back and shown is explained."""
    desk.sold("2026-11-17")
    payout = desk.pay("2026-11-17", "2026-11-18", 98_400)
    assert said(desk) == ["payout_short P1 PROVEN 1000"]
    payout["suspended_fen"] = 1000
    assert said(desk) == []


def test_two_payouts_of_one_day_are_added(desk: Desk):
    """Paid in two parts."""
    desk.sold("2026-11-17")
    desk.pay("2026-11-17", "2026-11-18", 50_000)
    desk.pay("2026-11-17", "2026-11-18", 49_400)
    assert said(desk) == []


@pytest.mark.parametrize(
    ("first", "second", "on", "told"),
    [
        (50_000, 49_400, "2026-12-18", ["payout_late P2 PROVEN 49400"]),
        (50_000, 49_400, "2026-11-18", []),
        (99_400, 10_000, "2026-12-18", []),
    ],
)
def test_a_second_part_after_the_term(desk: Desk, first: int, second: int, on: str, told: list[str]):
    """T+1 of Tuesday the 17th is Wednesday: half comes a month late; or in time; or was whole before more came."""
    desk.sold("2026-11-17")
    desk.pay("2026-11-17", "2026-11-18", first)
    desk.pay("2026-11-17", on, second)
    assert [each for each in said(desk) if each.startswith("payout_late")] == told


def test_a_deduction_is_agreed_or_told(desk: Desk):
    """The contract names 通讯费 and nothing else; a deposit's price is a deposit."""
    desk.sold("2026-11-17")
    payout = desk.pay("2026-11-17", "2026-11-18", 98_900, deducted_fen=500, remark="通讯费 11月")
    assert said(desk) == []
    payout["remark"] = "服务费"
    assert said(desk) == ["hidden_periodic_fee P2 PROVEN 500"]
    payout |= {"amount_fen": 89_500, "deducted_fen": 9900, "remark": "机具押金"}
    assert said(desk) == ["deposit_charged P3 PROBABLE 9900"]  # a deposit is no periodic fee


def test_the_same_day_paid_twice(desk: Desk):
    """Two bills, same days and amount; innocent when the first came back."""
    desk.sold("2026-11-17")
    first = desk.pay("2026-11-17", "2026-11-18")
    again = desk.pay("2026-11-17", "2026-11-19")
    assert said(desk) == ["dup_payout P2 PROBABLE 99400"]
    again["remark"] = f"退票重出 {first['payout_ref']}"
    assert said(desk) == []
    again["remark"] = None
    first["state"] = "returned"
    assert said(desk) == []


def test_a_batch_settled_twice_and_paid_twice(desk: Desk):
    """Accepted twice with the same totals and paid twice is proven; paid once it is innocent."""
    till = Till(now=moment("2026-11-17 08:00:00"))
    till.event("SIGN_IN")
    sale = till.sale(100_000, at="2026-11-17 12:00:00")
    desk.post(sale, "2026-11-17", fee_fen=600, settled_fen=99_400)
    settled = till.settle(at="2026-11-17 22:00:00")
    till.settle(
        at="2026-11-17 22:02:00",
        batch_no=settled["batch_no"],
        **{name: settled[name] for name in settled if name.startswith(("rmb_debit", "rmb_credit"))},
    )
    desk.pay("2026-11-17", "2026-11-18")
    assert said(desk, till) == []
    again = desk.pay("2026-11-17", "2026-11-18")
    assert said(desk, till) == ["double_settlement P1 PROVEN 99400"]
    again["state"] = "returned"
    assert said(desk, till) == []


def test_a_day_paid_twice_whose_batch_was_settled_once_is_a_double_payout(desk: Desk):
    """One accepted settlement: the acquirer's bills alone say so."""
    till = Till(now=moment("2026-11-17 08:00:00"))
    till.event("SIGN_IN")
    desk.post(till.sale(100_000, at="2026-11-17 12:00:00"), "2026-11-17", fee_fen=600, settled_fen=99_400)
    till.settle(at="2026-11-17 22:00:00")
    desk.pay("2026-11-17", "2026-11-18")
    desk.pay("2026-11-17", "2026-11-18")
    assert said(desk, till) == ["dup_payout P2 PROBABLE 99400"]


def test_a_payout_that_came_back_and_was_not_made_again(desk: Desk):
    """退票 without a second bill; frozen."""
    desk.pay("2026-11-17", "2026-11-18", state="returned")
    desk.pay("2026-11-18", "2026-11-19", state="frozen")
    assert said(desk) == ["payout_failed_or_returned P1 PROVEN 99400", "payout_frozen P1 PROVEN 99400"]


def test_a_payer_without_a_licence(desk: Desk):
    """Judged only with a register; another writing of a registered name is the same."""
    desk.pay("2026-11-17", "2026-11-18", source="bank", payer="某某科技有限公司", settlement_date=None)
    desk.pay(
        "2026-11-17", "2026-11-19", source="bank", payer="通联支付网络服务股份有限公司 （备付金）", settlement_date=None
    )
    register = ("通联支付网络服务股份有限公司",)
    assert said(desk) == []
    assert said(desk, licensed_payers=register) == ["payout_sender_not_licensed P1 PROBABLE 99400"]


def deposit(**told: Any) -> Deposit:
    """A deposit of 299 yuan that months or takings bring back."""
    return Deposit.model_validate(
        {"merchant": MERCHANT, "amount_fen": 29_900, "signed_on": dt.date(2026, 1, 5), **told}
    )


def test_a_deposit_may_be_claimed_when_its_terms_are_met(desk: Desk):
    """Ten months are over; twelve are not; a thousand yuan are taken, two thousand are not."""
    till = Till()
    till.sale(100_000)
    claim = ["deposit_condition_met P4 PROVEN 29900"]
    assert said(desk, till, deposits=(deposit(months=10),)) == claim
    assert said(desk, till, deposits=(deposit(months=12),)) == []
    assert said(desk, till, deposits=(deposit(volume_fen=100_000),)) == claim
    assert said(desk, till, deposits=(deposit(volume_fen=200_000),)) == []


def test_a_deposit_may_be_claimed_when_its_fees_are_paid(desk: Desk):
    """Three sales of 1000 yuan cost 18 yuan of fees: 18 are reached, 18.01 are not."""
    for day in ("2026-11-17", "2026-11-18", "2026-11-19"):
        desk.sold(day)
    till = Till()
    till.sale(100)
    assert said(desk, till, deposits=(deposit(fees_fen=1800),)) == ["deposit_condition_met P4 PROVEN 29900"]
    assert said(desk, till, deposits=(deposit(fees_fen=1801),)) == []


def test_a_deposit_that_does_not_come_back(desk: Desk):
    """Applied for on Monday the 9th: due on Wednesday the 18th; with eleven working days not yet on the 21st."""
    applied = {"applied_on": dt.date(2026, 11, 9), "months": 10}
    assert said(desk, deposits=(deposit(**applied),)) == ["deposit_due_not_returned P1 PROVEN 29900"]
    assert said(desk, deposits=(deposit(**applied, working_days=11),)) == []
    assert said(desk, deposits=(deposit(**applied, returned_on=dt.date(2026, 11, 17)),)) == []
    desk.pay("2026-11-16", "2026-11-17", 29_900, settlement_date=None, remark="押金解冻")
    assert said(desk, deposits=(deposit(**applied),)) == []


def test_a_deposit_says_what_was_agreed_when_it_was_met_and_how_far_it_is(desk: Desk):
    """600 yuan on the 17th and 500 on the 19th reach 1000 on the 19th; ten months from 5 January end on 5 November."""
    signed = hashlib.sha256("满十万退还".encode()).hexdigest()
    till = Till(now=moment("2026-11-17 09:00:00"))
    till.sale(60_000)
    till.at("2026-11-19 09:00:00").sale(50_000)
    terms = {"signed_sha256": signed, "terms": "满十万退还"}
    (claim,) = about_money(desk, till, deposits=(deposit(volume_fen=100_000, months=24, **terms),))
    assert claim.business_date == dt.date(2026, 11, 19)
    wanted = {
        "signed_on": "2026-01-05", "met_on": "2026-11-19", "met_volume_fen": 100_000, "met_fees_fen": None,
        "met_months": None, "volume_so_far_fen": 110_000, "signed_sha256": signed, "shown_sha256": signed,
    }  # fmt: skip
    assert {name: claim.evidence[name] for name in wanted} == wanted
    applied = deposit(months=10, volume_fen=500_000, applied_on=dt.date(2026, 11, 9), **terms)
    (late,) = about_money(desk, till, deposits=(applied,))
    assert (late.rule, late.evidence["met_on"], late.evidence["met_months"]) == (
        "deposit_due_not_returned", "2026-11-05", 10,
    )  # fmt: skip
    assert (late.evidence["applied_on"], late.evidence["working_days"]) == ("2026-11-09", 7)


def test_a_deposit_taken_twice_and_terms_that_changed(desk: Desk):
    """One terminal, two deposits; a hash that is another text's."""
    till = Till(now=moment("2026-01-04 09:00:00"))
    till.at("2026-11-21 09:00:00").sale()
    twice = (deposit(terminal="12345678"), deposit(terminal="12345678", signed_on=dt.date(2026, 3, 1)))
    assert said(desk, till, deposits=twice) == ["deposit_double_charged P1 PROVEN 29900"]
    signed = hashlib.sha256("满十万退还".encode()).hexdigest()
    assert said(desk, till, deposits=(deposit(signed_sha256=signed, terms="满十万退还"),)) == []
    assert said(desk, till, deposits=(deposit(signed_sha256=signed, terms="满百万退还"),)) == [
        "deposit_terms_changed P1 PROVEN 29900"
    ]


def test_the_first_sale_of_a_new_terminal_may_be_its_deposit(desk: Desk):
    """99 yuan as the third number of its first batch; a shop that sells at 99 yuan sells."""
    till = Till(stan=0, batch=1)
    till.sale(9900)
    assert said(desk, till) == ["deposit_charged P3 POSSIBLE 9900"]
    till.sale(9900, card=2)
    assert said(desk, till) == []

"""Fees against contracts: what is charged too much, and what only looks so."""

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import pytest

from expectations.agreements import Agreements
from expectations.fees.expected import rounded
from expectations.fees.steps import steps
from expectations.lifecycle import Shop
from expectations.run import judge
from ingest.agreements import Contract, Notice
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, Till, moment
from tests.expectations.statementdays import Acquirer, with_statement

pytestmark = pytest.mark.thorough

RATES: list[Mapping[str, Any]] = [
    {"percent": "0.38", "cards": ["qr"]},
    {"percent": "0.50", "cards": ["debit"], "cap_fen": 2000},
    {"percent": "0.60", "cards": ["credit"]},
]


def contract(**told: Any) -> Contract:
    """A contract of this year."""
    return Contract.model_validate(
        {"merchant": MERCHANT, "since": dt.date(2026, 1, 1), "rates": RATES, "rounding": "half-up", **told}
    )


class Desk(Acquirer):
    """An acquirer of which only the fees matter."""

    def charge(self, amount: int, fee: int, kind: str = "credit", at: str = "2026-11-21 10:00:00", **told: Any) -> Any:
        """One settled sale."""
        nth = len(self.lines)
        when = moment(at) + dt.timedelta(seconds=nth)
        told = {"card_class": kind, "acquirer_ref": f"A{nth}", **told}
        return self.say(
            f"{when:%Y-%m-%d}", merchant_id=MERCHANT, amount_fen=amount, fee_fen=fee, occurred_at=when,
            rrn=f"{nth:012d}", currency="156", **told
        )  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return Desk()


def said(desk: Desk, *contracts: Contract, notices: tuple[Notice, ...] = ()) -> list[str]:
    """The findings about fees: rule, certainty and money."""
    shop = Shop("Asia/Shanghai", dt.time(23, 0), agreed=Agreements(contracts, notices))
    days = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
    out = judge(with_statement(desk, tills=(Till(),)), shop, *days, bench=PlainBench())
    assert out.could_not_run == []
    return sorted(
        f"{each.rule} {each.certainty} {each.amount_at_risk_fen}"
        for each in out.findings
        if "fee" in each.rule or "profit" in each.rule
    )


def test_fees_of_the_contract_are_silent(desk: Desk):
    """Each class at its rate, the cap where it holds, a fen either way."""
    desk.charge(100_000, 600)
    desk.charge(100_000, 500, "debit")
    desk.charge(900_000, 2000, "debit")
    desk.charge(100_000, 380, txn_type="QR_SALE")
    desk.charge(100_050, 601)
    desk.charge(100_000, 700, "other")
    assert said(desk, contract()) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"amount": 100_000, "fee": 630}, "fee_rate_over_contract PROVEN 30"),
        ({"amount": 100_000, "fee": 900}, "fee_fixed_surcharge PROVEN 300"),
        ({"amount": 100_000, "fee": 600, "surcharge_fen": 200}, "fee_fixed_surcharge PROVEN 200"),
        ({"amount": 900_000, "fee": 4500, "kind": "debit"}, "fee_debit_cap_missed PROVEN 2500"),
        ({"amount": 100_000, "fee": 600, "kind": "debit"}, "fee_card_class_wrong PROVEN 100"),
        ({"amount": 100_000, "fee": 600, "kind": "qr"}, "fee_qr_concession_missed PROVEN 220"),
        (
            {"amount": 100_000, "fee": 650, "settlement_cycle": "D0"},
            "d0_fee_without_optin PROVEN 50",
        ),
        ({"amount": 100_000, "fee": 600, "status": "failed"}, "fee_on_dead_txn PROVEN 600"),
    ],
)
def test_what_is_charged_too_much(desk: Desk, line: dict[str, Any], expected: str):
    """One fault, one finding, the money to the fen."""
    desk.charge(**line)
    assert said(desk, contract()) == [expected]


def test_without_a_contract_no_rate_is_wrong(desk: Desk):
    """Nobody is accused of breaking what nobody showed."""
    desk.charge(100_000, 900)
    assert said(desk) == []


def test_five_fen_a_day_are_let_pass(desk: Desk):
    """Two fen on two sales are four."""
    desk.charge(100_000, 602)
    desk.charge(100_000, 602)
    assert said(desk, contract()) == []
    desk.charge(100_000, 602)
    assert said(desk, contract()) == ["fee_rate_over_contract PROVEN 6"]


def test_instant_payout_that_was_agreed_may_cost(desk: Desk):
    """From its day on."""
    desk.charge(100_000, 800, settlement_cycle="D0")
    assert said(desk, contract(instant_since=dt.date(2026, 11, 21))) == []
    assert said(desk, contract(instant_since=dt.date(2026, 11, 22))) == ["d0_fee_without_optin PROVEN 200"]


def test_a_promotion_ends_when_the_contract_says(desk: Desk):
    """0.38 % up to the 21st, 0.60 % after; and 0.60 % on the 21st is too much."""
    promo = [{"percent": "0.38", "until": dt.date(2026, 11, 21)}, {"percent": "0.60"}]
    desk.charge(100_000, 380)
    desk.charge(100_000, 600, at="2026-11-22 10:00:00")
    assert said(desk, contract(rates=promo)) == []
    desk.charge(100_000, 600)
    assert said(desk, contract(rates=promo)) == ["fee_rate_over_contract PROVEN 220"]


def stepped(desk: Desk, more: int = 300, rounding: Any = "half-up") -> int:
    """Three hundred credit sales, the rate raised after the 250th; what that costs."""
    chance, over = random.Random(2), 0
    for nth in range(300):
        amount = chance.randrange(2000, 60_000)
        fee = rounded(amount, 6000 + more * (nth >= 250), rounding)
        over += fee - rounded(amount, 6000, rounding)
        day = 1 + nth // 15
        desk.charge(amount, fee, at=f"2026-11-{day:02d} 12:00:00")
    return over


def test_a_rate_that_changed_is_told_once(desk: Desk):
    """One finding from the first fee on, with or without a contract; not one a day."""
    over = stepped(desk)
    assert said(desk) == [f"fee_rate_step_change PROVEN {over}"]
    assert said(desk, contract()) == [f"fee_rate_step_change PROVEN {over}"]


def step_of(desk: Desk) -> Mapping[str, Any]:
    """What the finding of a change of rate says of it."""
    shop = Shop("Asia/Shanghai", dt.time(23, 0), agreed=Agreements((contract(),)))
    days = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
    out = judge(with_statement(desk, tills=(Till(),)), shop, *days, bench=PlainBench())
    return next(each.evidence for each in out.findings if each.rule == "fee_rate_step_change")


def test_a_change_of_rate_tells_what_it_costs_in_a_year_at_the_shop_s_turnover(desk: Desk):
    """Ten sales of 100.00 a day: a tenth of a percent more of 1,000.00 a day is 1.00, and 365.00 a year."""
    for nth in range(300):
        desk.charge(10_000, 60 + 10 * (nth >= 250), at=f"2026-11-{1 + nth // 10:02d} 12:00:{nth % 10:02d}")
    step = step_of(desk)
    assert (step["turnover_fen"], step["days"], step["over_fen"], step["fees"]) == (500_000, 5, 500, 50)
    assert step["year_fen"] == 36_500


def test_no_year_is_told_of_six_days(desk: Desk):
    """They may hold no weekend, or two."""
    for nth in range(300):
        desk.charge(10_000, 60 + 10 * (nth >= 250), at=f"2026-11-{1 + nth // 50:02d} 12:00:{nth % 50:02d}")
    step = step_of(desk)
    assert (step["over_fen"], step["days"], step["year_fen"]) == (500, 1, None)


@pytest.mark.parametrize(("announced", "silent"), [("2026-10-15", True), ("2026-11-01", False)])
def test_a_change_that_was_announced_in_time(desk: Desk, announced: str, silent: bool):
    """Thirty days before its day."""
    over = stepped(desk)
    notice = Notice.model_validate(
        {"acquirer": "allinpay", "announced": announced, "effective": desk.lines[250]["business_date"]}
    )
    assert said(desk, notices=(notice,)) == ([] if silent else [f"fee_rate_step_change PROVEN {over}"])


def test_a_change_begins_with_a_sale_that_was_voided_and_costs_nothing_by_it(desk: Desk):
    """The first fee at the new rate tells it, though its void gave it back."""
    over = stepped(desk)
    first = desk.lines[250]
    desk.charge(
        first["amount_fen"], -first["fee_fen"], txn_type="VOID", orig_ref=first["acquirer_ref"],
        at=f"{first['business_date']} 21:00:00",
    )  # fmt: skip
    cost = first["fee_fen"] - rounded(first["amount_fen"], 6000, "half-up")
    shop = Shop("Asia/Shanghai", dt.time(23, 0), agreed=Agreements((contract(),)))
    days = dt.date(2020, 1, 1), dt.date(2030, 1, 1)
    [step] = judge(with_statement(desk, tills=(Till(),)), shop, *days, bench=PlainBench()).findings
    assert (step.rule, step.amount_at_risk_fen) == ("fee_rate_step_change", over - cost)
    assert (step.subjects[0].rrn, cost > 0) == (first["rrn"], True)


def test_another_mix_of_cards_is_no_change(desk: Desk):
    """Debit at first, credit later: the average rises and no rate does."""
    chance = random.Random(4)
    for nth in range(400):
        kind, rate = ("credit", 6000) if chance.random() < nth / 400 else ("debit", 5000)
        amount = chance.randrange(2000, 60_000)
        desk.charge(amount, rounded(amount, rate, "floor"), kind, at=f"2026-11-{1 + nth // 20:02d} 12:00:00")
    assert said(desk) == []


def test_fees_of_voids_and_refunds(desk: Desk):
    """A void gives the fee back; a refund does where the contract says so."""
    sale = desk.charge(100_000, 600, terminal_id="12345678", stan=1)
    void = desk.charge(100_000, 0, txn_type="VOID", orig_ref=sale["acquirer_ref"], terminal_id="12345678", stan=2)
    sold = desk.charge(100_000, 600)
    back = desk.charge(50_000, 0, txn_type="REFUND", orig_ref=sold["acquirer_ref"])
    for day in ("2026-11-22", "2026-11-23"):
        desk.file(day)
    assert said(desk, contract()) == ["fee_not_returned_on_void PROVEN 600"]
    assert said(desk, contract(refund_returns_fee=True)) == [
        "fee_not_returned_on_refund PROVEN 300", "fee_not_returned_on_void PROVEN 600",
    ]  # fmt: skip
    void["fee_fen"], back["fee_fen"] = -600, -300
    assert said(desk, contract(refund_returns_fee=True)) == []


def test_an_agents_share_is_fee_less_cost(desk: Desk):
    """Ten fen short."""
    profit = {
        "line_id": "p1", "statement_id": "s", "line_no": 2, "acquirer": "allinpay", "merchant_id": MERCHANT,
        "amount_fen": 100_000, "fee_fen": 600, "cost_fen": 500, "profit_fen": 90,
        "business_date": dt.date(2026, 11, 21),
    }  # fmt: skip
    desk.profits.append(profit)
    assert said(desk) == ["agent_profit_mismatch PROVEN 10"]
    profit["profit_fen"] = 100
    assert said(desk) == []


def test_a_rate_announced_in_time_takes_the_contract_s_place(desk: Desk):
    """After an announced change neither it nor the days that follow are told; beyond the new rate they are."""
    notices = (
        Notice.model_validate(
            {"acquirer": desk.name, "announced": dt.date(2026, 10, 1), "effective": dt.date(2026, 11, 22)}
        ),
    )
    chance = random.Random(5)
    for day, ppm in ((21, 6000), (22, 6600), (23, 6600)):
        for _ in range(60):
            amount = chance.randrange(2_000, 60_000)
            desk.charge(amount, rounded(amount, ppm, "half-up"), at=f"2026-11-{day} 10:00:00")
    for _ in range(4):
        amount = chance.randrange(2_000, 60_000)
        desk.charge(amount, rounded(amount, 6600, "half-up"), "debit", at="2026-11-23 10:00:00")
    assert said(desk, contract(), notices=notices) == []
    for _ in range(2):
        desk.charge(50_000, 555, at="2026-11-28 11:00:00")
    assert said(desk, contract(), notices=notices) == ["fee_rate_over_contract PROVEN 510"]
    assert said(desk, contract()) != []


def test_one_fee_that_comes_out_a_yuan_too_high_is_the_rate_s(desk: Desk):
    """Where the rate changed, 100 fen too much on 1000 yuan is the rate and no fixed sum; the first fee is found."""
    chance = random.Random(6)
    for day, ppm in ((21, 6000), (22, 7000)):
        amounts = (
            [100_000, *(chance.randrange(2_000, 60_000) for _ in range(40))]
            if day == 22
            else [chance.randrange(2_000, 60_000) for _ in range(40)]
        )
        for amount in amounts:
            desk.charge(amount, rounded(amount, ppm, "half-up"), at=f"2026-11-{day} 10:00:00")
    over = sum(line["fee_fen"] - rounded(line["amount_fen"], 6000, "half-up") for line in desk.lines)
    assert said(desk, contract()) == [f"fee_rate_step_change PROVEN {over}"]


def test_a_quiet_shop_s_one_fee_of_a_day_that_comes_out_a_yuan_too_high_is_the_rate_s(desk: Desk):
    """A day may have a single fee: those of the days about it tell what it has in common with them."""
    chance = random.Random(7)
    for _ in range(40):
        amount = chance.randrange(2_000, 60_000)
        desk.charge(amount, rounded(amount, 6000, "half-up"), at="2026-11-20 10:00:00")
    for day in (21, 22, 23, 24, 25):
        amount = 100_000 if day == 23 else chance.randrange(2_000, 60_000)
        desk.charge(amount, rounded(amount, 7000, "half-up"), at=f"2026-11-{day} 10:00:00")
    over = sum(line["fee_fen"] - rounded(line["amount_fen"], 6000, "half-up") for line in desk.lines)
    assert said(desk, contract()) == [f"fee_rate_step_change PROVEN {over}"]


@pytest.mark.parametrize("way", ["half-up", "floor", "ceil"])
def test_with_an_agreed_rate_sixty_fees_are_enough_for_the_first_transaction(way: Any):
    """However the acquirer rounds, and whatever the contract says of it: the first fee that differs is named."""
    chance = random.Random(f"agreed {way}")
    for _ in range(100):
        amounts = [chance.randrange(800, 9_000) for _ in range(260)]
        raised = [rounded(each, 6000 if n < 60 else 6300, way) for n, each in enumerate(amounts)]
        agreed = [rounded(each, 6000, way) for each in amounts]
        first = next(n for n in range(60, 260) if raised[n] != agreed[n])
        told = steps(list(zip(amounts, raised, strict=True)), agreed_ppm=6000)
        assert [(each.first, each.old_ppm, each.over_fen) for each in told] == [
            (first, 6000, sum(raised) - sum(agreed))
        ]
        assert steps(list(zip(amounts, agreed, strict=True)), agreed_ppm=6000) == []


def test_an_agreed_rate_that_was_never_charged_is_no_measure():
    """The fees have a rate of their own from the beginning: it does not change, whatever the contract says."""
    chance = random.Random("never")
    amounts = [chance.randrange(800, 9_000) for _ in range(400)]
    fees = [rounded(each, 5500, "floor") for each in amounts]
    assert steps(list(zip(amounts, fees, strict=True)), agreed_ppm=6000) == []

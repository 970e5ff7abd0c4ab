"""Contracts that fit, fit nothing, or leave fees out; foreign cards; announced changes; what else one may say."""

import datetime as dt
import random
from typing import Any

import pytest

from expectations import run
from expectations.agreements import Agreements
from expectations.fees.expected import rounded
from expectations.judging import Judged
from expectations.lifecycle import Shop
from expectations.run import judge
from ingest.agreements import Contract, Notice
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, Till
from tests.expectations.statementdays import with_statement
from tests.expectations.test_fees import Desk, contract, said

pytestmark = pytest.mark.thorough

FOR_ALL = [{"percent": "0.60"}]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def judged(desk: Desk, *contracts: Contract, codes: dict[str, str] | None = None, first: str = "2020-01-01") -> Judged:
    """Everything that comes of the acquirer's lines and these contracts."""
    shop = Shop("Asia/Shanghai", dt.time(23, 0), codes=codes or {}, agreed=Agreements(contracts))
    days = dt.date.fromisoformat(first), dt.date(2030, 1, 1)
    out = judge(with_statement(desk, tills=(Till(),)), shop, *days, bench=PlainBench())
    assert out.could_not_run == []
    return out


@pytest.mark.parametrize(
    ("told", "needs", "why"),
    [
        ({"acquirer": "allinpya"}, "contract", "contracts.0 is with 'allinpya'"),
        ({"until": dt.date(2026, 6, 30)}, "contract", "contracts.0 is of 2026-01-01 to 2026-06-30"),
        (
            {"rates": [{"percent": "0.50", "cards": ["debit"]}]},
            "rate",
            "contracts.0 has no rate that is for them; add one of cards = ['credit']",
        ),
    ],
)
def test_a_contract_that_fits_nothing_is_said_and_why(desk: Desk, told: dict[str, Any], needs: str, why: str):
    """0.93 % is charged and nobody accused: the acquirer misspelt, the contract ended, a class without a rate."""
    desk.charge(100_000, 930)
    out = judged(desk, contract(**told))
    assert [each.rule for each in out.findings] == []
    assert needs in {each.needs for each in out.blind if each.rule == "fee_rate_over_contract"}
    (misfit,) = out.misfits
    assert str(misfit) == (f"1 fee of class credit, merchant {MERCHANT} with allinpay, 2026-11-21, not judged: {why}")


def test_a_contract_that_fits_is_no_want(desk: Desk):
    """Nothing is missing; and what was said of earlier days stays said on days without such fees."""
    desk.charge(100_000, 600, at="2026-06-01 10:00:00")
    desk.charge(100_000, 600)
    assert {each.needs for each in judged(desk, contract()).blind} & {"contract", "rate"} == set()
    later = judged(desk, contract(since=dt.date(2026, 7, 1)), first="2026-11-01")
    assert [f"{each.first} {each.why}" for each in later.misfits] == ["2026-06-01 contracts.0 is of 2026-07-01 on"]
    assert {each.needs for each in later.blind} & {"contract", "rate"} == {"rate"}


def test_fees_without_a_rate_do_not_silence_those_with_one(desk: Desk):
    """A prepaid card has no rate in the contract; the credit card's fee is too high all the same."""
    desk.charge(100_000, 900, "prepaid")
    desk.charge(100_000, 630)
    assert said(desk, contract()) == ["fee_rate_over_contract PROVEN 30"]
    assert "rate" in {each.needs for each in judged(desk, contract()).blind}


@pytest.mark.slow
@pytest.mark.usefixtures("plain_bench")
def test_a_contract_that_does_not_fit_is_said_once(settings: Settings):
    """By the first check; the next says nothing of it."""
    desk = Desk()
    desk.charge(100_000, 930)
    till = Till()
    till.sale()
    for name, rows in with_statement(desk, tills=(till,)).items():
        if rows.num_rows:
            Lake(settings.lake.uri).append(name, rows.to_pylist(), app_id="test")
    told = settings.model_copy(update={"contracts": [contract(acquirer="allinpya")]})
    first = run.check(told)
    assert [each.acquirer for each in first.misfits] == ["allinpay"]
    assert run.check(told).misfits == ()


@pytest.mark.parametrize("kind", ["foreign", "instalment", "other"])
def test_a_rate_for_all_classes_is_not_a_foreign_card_s(desk: Desk, kind: str):
    """1 % of a foreign card is judged only by a rate that names its class."""
    desk.charge(100_000, 1000, kind)
    assert said(desk, contract(rates=FOR_ALL)) == []
    assert [each.kind for each in judged(desk, contract(rates=FOR_ALL)).misfits] == [kind]
    named = [{"percent": "0.95", "cards": [kind]}, *FOR_ALL]
    assert said(desk, contract(rates=named)) == ["fee_rate_over_contract PROVEN 50"]


def test_another_mix_of_foreign_cards_is_no_change_of_rate(desk: Desk):
    """Thirty of one scheme at 1.8 %, then thirty of another at 2.3 %; of credit cards that is a change."""
    chance = random.Random(11)
    for kind in ("foreign", "credit"):
        for nth in range(60):
            amount = chance.randrange(20_000, 60_000)
            desk.charge(amount, rounded(amount, 18_000 if nth < 30 else 23_000, "half-up"), kind)
    (found,) = said(desk)
    assert found.startswith("fee_rate_step_change PROVEN")


def test_a_foreign_number_without_a_class_is_not_judged_by_the_rate_for_all(desk: Desk):
    """Numbers of 62 are; those of 4 and 5 are not, where the file tells no class and hardly any are such."""
    for number in range(18):
        desk.charge(10_000 + number, 60, card_class=None, pan_masked=f"622424******{number:04d}")
    for pan in ("411111******1111", "555555******4444"):
        desk.charge(100_000, 1000, card_class=None, pan_masked=pan)
    assert said(desk, contract(rates=FOR_ALL)) == []
    desk.charge(100_000, 1000, card_class=None, pan_masked="622424******0099")
    assert said(desk, contract(rates=FOR_ALL)) == ["fee_rate_over_contract PROVEN 400"]


def test_where_many_numbers_look_foreign_they_tell_nothing(desk: Desk):
    """Every card of the file begins with 4: they are this shop's usual ones, and judged."""
    desk.charge(100_000, 1000, card_class=None, pan_masked="411111******1111")
    assert said(desk, contract(rates=FOR_ALL)) == ["fee_rate_over_contract PROVEN 400"]


def shut(desk: Desk, sold: list[tuple[int, int]]) -> Notice:
    """Thirty sales a day at the rate (millionths) of each day of November; a notice of the 11th, 71 days before."""
    chance = random.Random(9)
    for day, ppm in sold:
        for _ in range(30):
            amount = chance.randrange(20_000, 60_000)
            desk.charge(amount, rounded(amount, ppm, "half-up"), at=f"2026-11-{day:02d} 12:00:00")
    return Notice(acquirer=desk.name, announced=dt.date(2026, 9, 1), effective=dt.date(2026, 11, 11))


OLD = [(day, 6000) for day in range(1, 10)]


@pytest.mark.parametrize("first", [11, 13, 14, 15, 20])
def test_an_announced_change_shows_at_the_first_sale_however_long_the_shop_was_shut(desk: Desk, first: int):
    """Shut from the 10th on: the first sale since is on the 11th, the 15th or the 20th, and the new rate announced."""
    notice = shut(desk, [*OLD, (first, 6600), (first + 1, 6600)])
    assert said(desk, notices=(notice,)) == []
    assert said(desk, contract(), notices=(notice,)) == []


def test_a_change_after_sales_at_the_old_rate_is_not_the_one_announced(desk: Desk):
    """The notice's day was the 11th; on the 12th and the 13th the old rate still stood, and on the 14th it rose."""
    notice = shut(desk, [*OLD, (12, 6000), (13, 6000), (14, 6600), (15, 6600)])
    (found,) = said(desk, notices=(notice,))
    assert found.startswith("fee_rate_step_change PROVEN")


def profit(**told: Any) -> dict[str, Any]:
    """A line of an agent's file: 1000 yuan at 0.60 %, cost 0.50 %, and a share of 1 yuan."""
    return {
        "line_id": "p1", "statement_id": "s", "line_no": 2, "acquirer": "allinpay", "merchant_id": MERCHANT,
        "amount_fen": 100_000, "fee_fen": 600, "cost_fen": 500, "profit_fen": 100, "rate_ppm": 6000, "cost_ppm": 5000,
        "business_date": dt.date(2026, 11, 21), **told,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, []),
        ({"rate_ppm": 600_000, "cost_ppm": 500_000}, ["agent_profit_mismatch PROVEN 0"]),
        ({"rate_ppm": 60, "cost_ppm": 50}, ["agent_profit_mismatch PROVEN 0"]),
        ({"cost_ppm": 500_000}, ["agent_profit_mismatch PROVEN 0"]),
        ({"amount_fen": 40_000_000, "fee_fen": 2000, "cost_fen": 1900, "rate_ppm": 5000, "cost_ppm": 4500}, []),
        ({"rate_ppm": None, "cost_ppm": None}, []),
    ],
)
def test_a_profit_file_s_rates_a_hundredfold_off_are_told(desk: Desk, told: dict[str, Any], expected: list[str]):
    """60 and 50 of 1/10000 read as percent, sums consistent; a capped fee whose hundredth fits by chance is none."""
    desk.profits.append(profit(**told))
    assert said(desk) == expected


@pytest.mark.parametrize(
    ("agreed", "fee", "surcharge", "expected"),
    [
        (None, 1100, None, []),
        (None, 1110, None, ["fee_rate_over_contract PROVEN 510"]),
        (200, 800, None, []),
        (200, 600, 200, []),
        (200, 900, None, ["fee_fixed_surcharge PROVEN 100"]),
        (200, 600, 300, ["fee_fixed_surcharge PROVEN 100"]),
        (800, 1400, None, []),
        (0, 800, None, ["fee_fixed_surcharge PROVEN 200"]),
    ],
)
def test_a_contract_may_say_what_instant_payout_costs(
    desk: Desk, agreed: int | None, fee: int, surcharge: int | None, expected: list[str]
):
    """Up to 5.00 are let pass where it does not; what is above what it says is told, to the fen."""
    desk.charge(100_000, fee, settlement_cycle="D0", surcharge_fen=surcharge)
    assert said(desk, contract(instant_since=dt.date(2026, 1, 1), instant_fee_fen=agreed)) == expected


@pytest.mark.parametrize(("ppm", "told"), [(4800, True), (4825, False), (6000, False)])
@pytest.mark.parametrize("way", ["half-up", "floor", "ceil"])
def test_a_credit_rate_below_what_issuer_and_network_take(desk: Desk, ppm: int, told: bool, way: Any):
    """0.45 % and 0.0325 % are 0.4825 %: ten sales of 1234.00 at 0.48 % are told, at 0.4825 % not, however rounded."""
    for _ in range(10):
        desk.charge(123_400, rounded(123_400, ppm, way))
    assert said(desk) == (["fee_below_cost_floor POSSIBLE 0"] if told else [])


def test_a_low_credit_rate_is_not_told_of_few_sales_concessions_or_contracts(desk: Desk):
    """Nine sales are too few; a hospital (MCC 8062) has a concession; a contract may say 0.38 %."""
    for _ in range(9):
        desk.charge(123_400, 469)
    assert said(desk) == []
    desk.charge(123_400, 469)
    low = contract(rates=[{"percent": "0.38", "cards": ["credit"]}])
    assert "fee_below_cost_floor POSSIBLE 0" not in said(desk, low)
    assert [each.rule for each in judged(desk, codes={MERCHANT: "5812"}).findings] == ["fee_below_cost_floor"]
    assert judged(desk, codes={MERCHANT: "8062"}).findings == []

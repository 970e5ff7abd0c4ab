"""``dup_card_amount_window``: what is silent, or counts for less, as two purchases that only look like one."""

from dataclasses import replace

import pytest

from expectations.run import judge
from tests.expectations.conftest import SHOP, Findings
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, moment, tables
from tests.expectations.windowpairs import (
    ANOMALY,
    COMMON,
    CONSECUTIVE,
    TERMINAL_AND_OPERATOR,
    TIME_60,
    UNSIGNED,
    pair,
    score,
    sold_before,
)

pytestmark = pytest.mark.thorough


@pytest.fixture
def till() -> Till:
    """Signed in the day before, so that there is room for a history."""
    return Till(now=moment("2026-11-20 08:00:00"))


def test_two_identical_coffees(till: Till, findings: Findings):
    """20 s apart, another counter, a usual price: 45 - 18 = 27."""
    sold_before(till, {1500: 30, 1800: 20, 2200: 10, 900: 5})
    pair(till, 1800, first={"atc": 11}, atc=12)
    assert findings(till) == []


def test_the_fourth_price_is_no_usual_one(till: Till, findings: Findings):
    """Three most common price points, and no more."""
    sold_before(till, {1500: 30, 1800: 20, 2200: 10, 900: 5})
    pair(till, 900)
    assert score(findings(till)) == 45


def test_a_tap_at_a_usual_price(till: Till, findings: Findings):
    """38 + 71 + 3 + 4 - 18 = 98: a tap says no more than the price does."""
    sold_before(till, {1800: 30, 120000: 20})
    pair(till, 1800, first={"entry_mode": "072", "attempts": 2}, entry_mode="072")
    assert score(findings(till)) == 98


def test_a_card_that_has_done_so_before(till: Till, findings: Findings):
    """Twice on each of two days before, never paid back: 45 - 30 = 15."""
    for day in ("2026-11-12", "2026-11-16"):
        for time in ("12:00:00", "12:30:00"):
            till.sale(36840, at=f"{day} {time}")
        till.settle()
    till.at("2026-11-21 09:00:00")
    pair(till)
    assert findings(till) == []


def test_the_same_customer_once_a_week(till: Till, findings: Findings):
    """The same amount, days apart."""
    for day in ("2026-11-07", "2026-11-14", "2026-11-21"):
        till.sale(36840, at=f"{day} 12:00:00")
        till.settle()
    assert findings(till) == []


def test_five_gift_cards(till: Till, findings: Findings):
    """The grandmother case: five equal sales in a row, not a fault in any."""
    till.at("2026-11-21 09:00:00")
    for second in range(0, 300, 60):
        till.sale(20000, at=f"20:{second // 60:02d}:00")
    assert findings(till) == []


def test_three_alike_with_an_anomaly_are_judged(till: Till, findings: Findings):
    """A run with a fault in it is no run of purchases."""
    till.at("2026-11-21 09:00:00")
    till.sale(20000, at="20:00:00", attempts=2)
    till.sale(20000, at="20:00:30")
    till.sale(20000, at="20:01:00")
    assert {each.rule for each in findings(till)} == {"dup_card_amount_window"}


def test_a_bill_split_over_four_cards(till: Till, findings: Findings):
    """One amount, four cards."""
    till.at("2026-11-21 09:00:00")
    for number in range(4):
        till.sale(5000, card=number, at=f"20:00:{number * 10:02d}")
    assert findings(till) == []


def test_declined_then_approved(till: Till, findings: Findings):
    """Only one of them debited."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"code": "51"})
    assert findings(till) == []


@pytest.mark.parametrize(
    ("undo", "hints"), [("void", []), ("reverse", []), ("refund", ["refund_same_day_should_void"] * 2)]
)
def test_either_sale_undone(till: Till, findings: Findings, undo: str, hints: list[str]):
    """The first or the second: one debit is left; that a void was possible is no more than a hint."""
    till.at("2026-11-21 09:00:00")
    other = Till(terminal="87654321", stan=100, now=moment("2026-11-21 09:00:00"))
    first, _ = pair(till)
    getattr(till, undo)(first)
    _, second = pair(other, 777)
    getattr(other, undo)(second)
    assert [each.rule for each in findings(till, other)] == hints


def test_one_counter_outranks_the_score(till: Till, findings: Findings):
    """For a pair of sales only the strongest rule speaks."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"atc": 11, "aid": "A0", "attempts": 2}, atc=11, aid="A0")
    assert [each.rule for each in findings(till)] == ["dup_same_atc"]


def test_without_a_token_the_mask_identifies_the_card(till: Till, findings: Findings):
    """First six and last four within minutes are good enough, and said."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"card_token": None}, card_token=None)
    [found] = findings(till)
    assert found.evidence["duplicate_score"] == 45
    assert "card_token" in found.completeness["missing"]


def test_a_price_that_answers_taught_is_common(till: Till):
    """45 - 18 = 27: silent. Another amount, another merchant or currency: it stays for review."""
    till.at("2026-11-21 09:00:00")
    pair(till)
    day, at = till.now.date(), till.merchant
    for prices, silent in (
        ({(at, 36840, "156")}, True),
        ({(at, 36841, "156"), ("898320548160009", 36840, "156"), (at, 36840, "392")}, False),
    ):
        shop = replace(SHOP, prices=frozenset(prices))
        found = judge(tables(till), shop, day, day, bench=PlainBench()).findings
        assert (found == []) is silent


def test_a_taught_price_does_not_hide_a_fault(till: Till):
    """38 + 71 + 3 + 4 - 18 = 98: the first was sent twice, so it is told, and says that the price was taught."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"attempts": 2})
    day = till.now.date()
    shop = replace(SHOP, prices=frozenset({(till.merchant, 36840, "156")}))
    found = judge(tables(till), shop, day, day, bench=PlainBench()).findings
    assert score(found) == TIME_60 + ANOMALY + TERMINAL_AND_OPERATOR + CONSECUTIVE + COMMON == 98
    assert found[0].evidence["taught_price"] is True
    assert "common_price_point" not in found[0].ruled_out


def test_a_first_slip_without_its_signature_is_a_sign(till: Till, findings: Findings):
    """45 and 15: the second was signed, the first was not though of the same kind (rule 2.4: +15)."""
    till.at("2026-11-21 09:00:00")
    _, second = pair(till, first={"entry_mode": "052"}, entry_mode="052")
    till.sign(second)
    found = findings(till)
    assert score(found) == TIME_60 + TERMINAL_AND_OPERATOR + CONSECUTIVE + UNSIGNED
    assert found[0].certainty == "POSSIBLE"
    assert "signature" not in found[0].completeness["missing"]


def test_two_signatures_are_two_purchases(till: Till, findings: Findings):
    """45 less 25: two pictures, neither blank, neither the other's copy; a blank one signs nothing."""
    till.at("2026-11-21 09:00:00")
    first, second = pair(till)
    till.sign(first)
    till.sign(second)
    assert findings(till) == []
    till.signatures.clear()
    till.sign(first, ink_ratio=0.0)
    till.sign(second)
    found = [each for each in findings(till) if each.rule != "sig_blank"]
    assert score(found) == TIME_60 + TERMINAL_AND_OPERATOR + CONSECUTIVE + UNSIGNED


def test_prices_of_two_currencies_are_two_lists(till: Till, findings: Findings):
    """18.00 is common in yuan; two sales of 18.00 Hong Kong dollars to one card are not that, nor a pair with yuan."""
    sold_before(till, {1800: 30, 1500: 20})
    pair(till, 1800, first={"currency": "344"}, currency="344")
    found = [each for each in findings(till) if each.rule == "dup_card_amount_window"]
    assert score(found) == 45
    assert (found[0].evidence["merchant_sales_90_days"], found[0].evidence["sales_at_this_price"]) == (0, 0)
    till.attempts[-1]["currency"] = "156"
    assert [each for each in findings(till) if each.rule == "dup_card_amount_window"] == []

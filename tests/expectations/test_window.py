"""``dup_card_amount_window``: the score, part by part against numbers added by hand, and what is silent."""

import datetime as dt
from dataclasses import replace

import pytest

from expectations.findings import Finding
from expectations.run import judge
from tests.expectations.conftest import SHOP, Findings
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Row, Till, moment, tables

pytestmark = pytest.mark.thorough

TIME_60, TIME_300, TIME_3600 = 38, 28, 8
ANOMALY, TERMINAL_AND_OPERATOR, RARE, CONSECUTIVE = 71, 3, 32, 4
UNSIGNED = 15
COMMON, OTHER_ORDER, DONE_BEFORE, OTHER_TERMINAL = -18, -40, -30, -8
PLAIN = {1500: 100, 36840: 2}
"""A history in which 368.40 is neither rare nor usual."""


def score(found: list[Finding]) -> int:
    """The score of the one finding there is."""
    assert [each.rule for each in found] == ["dup_card_amount_window"]
    return int(found[0].evidence["duplicate_score"])


def pair(
    till: Till, amount: int = 36840, seconds: int = 20, first: dict[str, object] | None = None, **second: object
) -> tuple[Row, Row]:
    """Two sales of one card and amount."""
    one = till.sale(amount, at="20:00:00", **(first or {}))
    start = till.now
    return one, till.sale(amount, at=f"{start + dt.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}", **second)


def sold_before(till: Till, prices: dict[int, int], day: str = "2026-11-20 09:00:00") -> None:
    """So many sales at each price the day before, each to another card."""
    till.at(day)
    till.step = dt.timedelta(seconds=20)
    number = 10_000
    for fen, times in prices.items():
        for _ in range(times):
            number += 1
            till.sale(fen, card=number)
    till.settle()
    till.at("2026-11-21 09:00:00").event("SIGN_IN")
    till.step = dt.timedelta(minutes=1)


@pytest.fixture
def till() -> Till:
    """Signed in the day before, so that there is room for a history."""
    return Till(now=moment("2026-11-20 08:00:00"))


def test_same_terminal_operator_and_consecutive_receipts(till: Till, findings: Findings):
    """38 + 3 + 4 = 45: for review, and said as possible only."""
    till.at("2026-11-21 09:00:00")
    first, second = pair(till)
    found = findings(till)
    assert score(found) == TIME_60 + TERMINAL_AND_OPERATOR + CONSECUTIVE == 45
    [review] = found
    assert (review.severity, review.certainty, review.amount_at_risk_fen) == ("P4", "POSSIBLE", 36840)
    assert [each.transaction_id for each in review.subjects] == [second["transaction_id"], first["transaction_id"]]
    assert review.act_by == moment("2026-11-21 23:00:00")
    assert review.evidence["score_parts"] == {
        "time_apart": 38,
        "first_had_anomaly": 0,
        "same_terminal_and_operator": 3,
        "first_unsigned": 0,
        "rare_price": 0,
        "consecutive_receipts": 4,
        "common_price": 0,
        "different_orders": 0,
        "signed_apart": 0,
        "done_before": 0,
        "different_terminals": 0,
        "tap_at_common_price": 0,
    }
    assert review.evidence["seconds_apart"] == 20
    assert review.completeness["missing"] == ["acquirer_file", "signature", "slip", "order_ref", "price_history"]
    assert review.ruled_out == (
        "same_record_read_twice",
        "reversed",
        "voided",
        "refunded",
        "declined_first",
        "repeat_purchase_run",
    )


def test_a_price_hardly_ever_charged_counts_for_it(till: Till, findings: Findings):
    """45 + 32 = 77: of 200 sales one at this price, and it is no round sum."""
    sold_before(till, {1500: 120, 1800: 79, 36840: 1})
    pair(till)
    found = findings(till)
    assert score(found) == 45 + RARE == 77
    assert (found[0].severity, found[0].certainty) == ("P2", "PROBABLE")
    assert found[0].evidence["merchant_sales_90_days"] == 200
    assert found[0].evidence["sales_at_this_price"] == 1
    assert "common_price_point" in found[0].ruled_out
    assert "price_history" not in found[0].completeness["missing"]


@pytest.mark.parametrize(("sales", "rare"), [(1, True), (2, False)])
def test_rare_is_below_one_percent(till: Till, findings: Findings, sales: int, rare: bool):
    """1 of 101 is rare, 2 of 102 are not."""
    sold_before(till, {1500: 100, 36840: sales})
    pair(till)
    assert score(findings(till)) == 45 + (RARE if rare else 0)


def test_a_round_sum_is_not_rare(till: Till, findings: Findings):
    """People pay 300.00 for many things."""
    sold_before(till, {1500: 120})
    pair(till, 30000)
    assert score(findings(till)) == 45


def test_too_little_history_says_nothing_of_prices(till: Till, findings: Findings):
    """99 sales are not enough to call one of none rare: its points are left open, for review at most."""
    sold_before(till, {1500: 99})
    pair(till)
    [found] = findings(till)
    assert (score([found]), found.evidence["highest_score"], found.certainty) == (45, 45 + RARE, "POSSIBLE")


def test_a_first_attempt_with_an_anomaly(till: Till, findings: Findings):
    """Sent twice before it was answered: 38 + 71 + 3 + 4 = 116."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"attempts": 2})
    found = findings(till)
    assert score(found) == TIME_60 + ANOMALY + TERMINAL_AND_OPERATOR + CONSECUTIVE == 116
    assert (found[0].severity, found[0].certainty) == ("P2", "PROBABLE")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(60, 38 + 7 + 15), (61, 28 + 7 + 15), (300, 28 + 7 + 15), (301, 8 + 7 + 15)]
)
def test_time_counts_in_steps(till: Till, findings: Findings, seconds: int, expected: int):
    """Up to 60 s, up to 300 s, and within the hour, where the first was not signed and the second is."""
    sold_before(till, PLAIN)
    _, second = pair(till, seconds=seconds, first={"entry_mode": "052"}, entry_mode="052")
    till.sign(second)
    found = findings(till)
    if expected < 45:
        assert found == []
    else:
        assert score(found) == expected


def test_five_minutes_apart_without_any_sign_is_silent(till: Till, findings: Findings):
    """28 + 3 + 4 = 35, and beyond five minutes not even weighed."""
    sold_before(till, PLAIN)
    pair(till, seconds=61)
    till.sale(5000, at="20:30:00", card=9)
    till.sale(5000, at="20:35:01", card=9)
    assert findings(till) == []


@pytest.mark.parametrize(("seconds", "expected"), [(301, 8 + 71 + 3 + 4), (3600, 8 + 71 + 3 + 4), (3601, None)])
def test_beyond_five_minutes_only_with_an_anomaly(till: Till, findings: Findings, seconds: int, expected: int | None):
    """And within the hour."""
    till.at("2026-11-21 09:00:00")
    pair(till, seconds=seconds, first={"attempts": 2})
    found = findings(till)
    if expected is None:
        assert found == []
    else:
        assert score(found) == expected


def test_another_operator_is_no_match(till: Till, findings: Findings):
    """38 + 71 + 4 = 113."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"attempts": 2}, operator_no="02")
    assert score(findings(till)) == TIME_60 + ANOMALY + CONSECUTIVE == 113


def test_an_operator_nobody_named_counts_nothing_and_is_said_missing(till: Till, findings: Findings):
    """Absent is not equal."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"attempts": 2}, operator_no=None)
    [found] = findings(till)
    assert found.evidence["duplicate_score"] == 113
    assert "operator" in found.completeness["missing"]


def test_what_an_operator_would_have_told_is_left_open(till: Till, findings: Findings):
    """38 + 4 points, and 3 that the link cannot earn: 45 would be for review."""
    sold_before(till, PLAIN)
    for row in pair(till):
        row["operator_no"] = None
    [found] = findings(till)
    assert (found.certainty, found.evidence["duplicate_score"]) == ("UNVERIFIABLE", TIME_60 + CONSECUTIVE)
    assert found.completeness["missing"][-2:] == ["order_ref", "operator"]


def test_a_link_without_operator_and_trace_number_is_not_innocent_by_silence(till: Till, findings: Findings):
    """38 points, and 7 that the link cannot earn: not judged, and said so."""
    sold_before(till, PLAIN)
    for row in pair(till):
        row.update(stan=None, batch_no=None, operator_no=None)
    [open_question] = findings(till)
    assert (open_question.rule, open_question.certainty) == ("dup_card_amount_window", "UNVERIFIABLE")
    assert open_question.evidence["duplicate_score"] == TIME_60
    assert {"operator", "trace_numbers"} <= set(open_question.completeness["missing"])


def test_five_minutes_apart_and_nothing_told_is_silent(till: Till, findings: Findings):
    """Beyond five minutes there is no open question."""
    till.at("2026-11-21 09:00:00")
    for row in pair(till, seconds=301):
        row.update(stan=None, batch_no=None, operator_no=None)
    assert findings(till) == []


def test_another_terminal_counts_against_it(till: Till, findings: Findings):
    """38 - 8 = 30: silent; with an anomaly 101."""
    sold_before(till, PLAIN)
    other = Till(terminal="87654321", stan=100, now=moment("2026-11-21 09:00:00"))
    first = till.sale(36840, at="20:00:00")
    other.sale(36840, at="20:00:30")
    assert findings(till, other) == []
    first["attempts"] = 2
    assert score(findings(till, other)) == TIME_60 + ANOMALY + OTHER_TERMINAL == 101


def test_receipts_that_are_not_consecutive(till: Till, findings: Findings):
    """38 + 3 = 41: a clerk served somebody in between; for review as long as no history tells of the price."""
    till.at("2026-11-21 09:00:00")
    till.sale(36840, at="20:00:00")
    till.sale(900, at="20:00:10", card=1)
    till.sale(36840, at="20:00:30")
    assert score(findings(till)) == TIME_60 + TERMINAL_AND_OPERATOR == 41


def test_receipts_across_the_wrap_are_consecutive(findings: Findings):
    """After 999999 comes 1."""
    till = Till(stan=999997)
    pair(till)
    assert score(findings(till)) == 45


def test_another_order_is_another_purchase(till: Till, findings: Findings):
    """45 - 40 = 5."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"order_ref": "A1"}, order_ref="A2")
    assert findings(till) == []


def test_two_orders_are_never_an_alert(till: Till, findings: Findings):
    """Whatever happened to the first: 116 - 40 = 76, and no accusation."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"order_ref": "A1", "attempts": 2}, order_ref="A2")
    [found] = findings(till)
    assert (score([found]), found.severity, found.certainty) == (76, "P4", "POSSIBLE")


def test_one_order_twice_is_said_to_be_ruled_out(till: Till, findings: Findings):
    """Not two orders."""
    till.at("2026-11-21 09:00:00")
    pair(till, first={"order_ref": "A1"}, order_ref="A1")
    [found] = findings(till)
    assert "different_orders" in found.ruled_out
    assert "order_ref" not in found.completeness["missing"]


# --- silence


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

"""``dup_card_amount_window``: the score, part by part against numbers added by hand."""

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Till, moment
from tests.expectations.windowpairs import (
    ANOMALY,
    CONSECUTIVE,
    OTHER_TERMINAL,
    PLAIN,
    RARE,
    TERMINAL_AND_OPERATOR,
    TIME_60,
    pair,
    score,
    sold_before,
)

pytestmark = pytest.mark.thorough


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

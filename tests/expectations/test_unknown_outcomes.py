"""Attempts whose outcome nobody knows: a debit after one, and a reversal that was never confirmed."""

import datetime as dt

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Row, Till, moment
from tests.expectations.told import ids, only, rules

pytestmark = pytest.mark.thorough

# --- retry_after_unknown


def unknown_then_sale(till: Till, **second: object) -> tuple[Row, Row]:
    first = till.sale(36800, code=None, at="20:41:07")
    till.reverse(first, None)
    return first, till.sale(36800, **{"at": "20:43:52", **second})


def test_a_sale_after_an_attempt_without_an_outcome(till: Till, findings: Findings):
    """No answer, a reversal nobody confirmed, and the card again: the first attempt is accused."""
    first, second = unknown_then_sale(till)
    found = only(findings(till), "retry_after_unknown")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROBABLE", 36800)
    assert ids(found) == [first["transaction_id"], second["transaction_id"]]
    assert found.act_by == moment("2026-11-21 23:00:00")
    assert found.evidence == {
        "debits_after_unknown_outcome": 1,
        "first_outcome": "open",
        "first_response_code": None,
        "first_sendings": 1,
        "reversal_sendings": 1,
        "reversals_confirmed": 0,
        "seconds_apart": 165,
        "first_card_counter": None,
        "second_card_counter": None,
    }
    assert found.ruled_out == ("same_record_read_twice", "reversed", "voided", "refunded", "declined_first")
    assert found.completeness["missing"] == ["acquirer_file"]


@pytest.mark.parametrize("answer", ["00", "25", "12"])
def test_a_confirmed_reversal_settles_the_first_attempt(till: Till, findings: Findings, answer: str):
    """00 reversed, 25 the host never had it, 12 it was invalid: then the sale is the only one."""
    first = till.sale(36800, code=None, at="20:41:07")
    till.reverse(first, answer)
    till.sale(36800, at="20:43:52")
    assert findings(till) == []


def test_a_reversal_confirmed_after_the_sale_settles_it_too(till: Till, findings: Findings):
    """Late is not never."""
    first, _ = unknown_then_sale(till)
    till.reverse(first, "00", at="20:50:00")
    assert findings(till) == []


@pytest.mark.parametrize("code", ["05", "51", "55", "61"])
def test_declined_and_then_approved_is_how_it_should_be(till: Till, findings: Findings, code: str):
    """The issuer said no; nothing was debited."""
    till.sale(36800, code=code, at="20:41:07")
    till.sale(36800, at="20:41:50")
    assert findings(till) == []


@pytest.mark.parametrize("code", ["68", "98", "A0"])
def test_an_answer_that_says_timed_out_is_no_outcome(till: Till, findings: Findings, code: str):
    """Codes that leave open whether the card was debited."""
    till.sale(36800, code=code, at="20:41:07")
    till.sale(36800, at="20:43:52")
    assert rules(findings(till)) == ["retry_after_unknown"]


@pytest.mark.parametrize(("when", "expected"), [("20:56:07", ["retry_after_unknown"]), ("20:56:08", [])])
def test_the_retry_comes_within_fifteen_minutes(till: Till, findings: Findings, when: str, expected: list[str]):
    """900 s is within, 901 s is not."""
    unknown_then_sale(till, at=when)
    assert rules(findings(till)) == expected


@pytest.mark.parametrize("other", [{"card": 1111}, {"code": "51"}])
def test_another_card_or_a_declined_retry_is_no_retry(till: Till, findings: Findings, other: dict[str, object]):
    """Same card, same amount, approved: all three."""
    unknown_then_sale(till, **other)
    assert findings(till) == []


def test_another_amount_is_no_retry(till: Till, findings: Findings):
    """A partial approval and its second tender differ in amount."""
    till.sale(36800, code=None, at="20:41:07")
    till.sale(30000, at="20:43:52")
    assert findings(till) == []


@pytest.mark.parametrize(("undo", "hints"), [("void", []), ("refund", ["refund_same_day_should_void"])])
def test_a_retry_that_was_undone_leaves_one_debit(till: Till, findings: Findings, undo: str, hints: list[str]):
    """The shop has acted; that a void was possible in the refund's place is no more than a hint."""
    _, second = unknown_then_sale(till)
    getattr(till, undo)(second)
    assert rules(findings(till)) == hints


def test_the_retry_may_be_at_another_terminal_of_the_shop(till: Till, findings: Findings):
    """The customer goes to the next till."""
    other = Till(terminal="87654321", stan=100)
    till.sale(36800, code=None, at="20:41:07")
    other.sale(36800, at="20:43:52")
    assert rules(findings(till, other)) == ["retry_after_unknown"]


@pytest.mark.parametrize("minutes", [-7, 7])
def test_a_terminal_clock_seven_minutes_off_hides_nothing(till: Till, findings: Findings, minutes: int):
    """The attempt without an answer has only the terminal's clock; trace numbers and the day's offset set it right."""
    off = dt.timedelta(minutes=minutes)
    for _ in range(3):
        sale = till.sale(1200)
        sale["terminal_dt"] += off
    first = till.sale(36800, code=None, at="20:41:07")
    first["terminal_dt"] += off
    first["event_at"] = first["terminal_dt"]
    till.sale(36800, at="20:43:52")
    found = [each for each in findings(till) if each.rule == "retry_after_unknown"]
    assert [each.evidence["seconds_apart"] for each in found] == [165]


def test_a_clock_that_nothing_sets_right_does_not_turn_the_order_round(till: Till, findings: Findings):
    """Seven minutes fast, and no message shows both clocks: the trace numbers say which came first."""
    first = till.sale(36800, code=None, at="20:41:07")
    first["event_at"] = first["terminal_dt"] = first["terminal_dt"] + dt.timedelta(minutes=7)
    till.sale(36800, at="20:43:52", terminal_dt=None)
    found = only(findings(till), "retry_after_unknown")
    assert found.subjects[0].transaction_id == first["transaction_id"]


def test_a_failed_reversal_of_what_is_proven_twice_adds_nothing(till: Till, findings: Findings):
    """One counter on both: the pair is proven, and judged once."""
    first = till.sale(36800, at="20:41:07", atc=9, aid="A0")
    till.reverse(first, None, reason_code="A0")
    till.sale(36800, at="20:43:52", atc=9, aid="A0")
    assert rules(findings(till)) == ["dup_same_atc"]


def test_an_approved_sale_whose_reversal_failed_is_no_outcome_either(till: Till, findings: Findings):
    """The host said yes, the terminal did not believe it and could not take it back."""
    first = till.sale(36800, at="20:41:07")
    till.reverse(first, None, reason_code="A0")
    till.sale(36800, at="20:43:52")
    assert rules(findings(till)) == ["retry_after_unknown"]


# --- reversal_exhausted


def test_a_reversal_sent_three_times_without_an_answer(till: Till, findings: Findings):
    """The terminal has given up: the attempt it wanted to take back is accused."""
    first = till.sale(36800, code=None, at="20:41:07")
    reversal = till.reverse(first, None, attempts=3)
    found = only(findings(till), "reversal_exhausted")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 36800)
    assert ids(found) == [first["transaction_id"], reversal["transaction_id"]]
    assert found.act_by == moment("2026-11-21 23:00:00")
    assert found.evidence == {
        "unconfirmed_sendings": 3,
        "resend_times": 2,
        "reversal_sendings": 3,
        "reversal_answers": None,
        "reversal_reasons": ["98"],
        "first_reversal_at": "2026-11-21T12:42:07+00:00",
        "first_outcome": "open",
        "first_response_code": None,
    }
    assert found.ruled_out == ("reversed", "voided", "refunded", "declined_first")
    assert found.completeness["missing"] == ["acquirer_file"]


def test_sendings_add_up_over_rows(till: Till, findings: Findings):
    """Two rows of 1 and 2 sendings are three."""
    first = till.sale(36800, code=None)
    till.reverse(first, "98")
    till.reverse(first, None, attempts=2)
    assert only(findings(till), "reversal_exhausted").evidence["reversal_answers"] == ["98"]


def test_two_sendings_are_not_exhausted(till: Till, findings: Findings):
    """The third is still to come."""
    till.reverse(till.sale(36800, code=None), None, attempts=2)
    assert findings(till) == []


@pytest.mark.parametrize("answer", ["00", "25", "12"])
def test_a_reversal_confirmed_at_last_is_no_finding(till: Till, findings: Findings, answer: str):
    """However many sendings it took."""
    first = till.sale(36800, code=None)
    till.reverse(first, None, attempts=3)
    till.reverse(first, answer)
    assert findings(till) == []


def test_an_original_that_was_not_collected_leaves_its_reversal_accused(till: Till, findings: Findings):
    """Collection began between the sale and its reversal."""
    lost = Till(signed_in=False, stan=till.stan).sale(36800, code=None)
    till.stan += 1
    reversal = till.reverse(lost, None, attempts=3)
    found = only(findings(till), "reversal_exhausted")
    assert found.certainty == "PROBABLE"
    assert ids(found) == [reversal["transaction_id"]]
    assert found.completeness["missing"] == ["acquirer_file", "original_not_collected"]


def test_a_void_that_could_not_be_taken_back_but_was_made_again_is_no_finding(till: Till, findings: Findings):
    """A host voids a sale once (rules.md 2.5): its second approval says that the first was not in force (2.11, 6)."""
    sale = till.sale(36800)
    lost = till.void(sale, code=None)
    till.reverse(lost, None, attempts=3)
    till.void(sale)
    assert findings(till) == []


@pytest.mark.parametrize("code", ["51", None])
def test_a_void_that_could_not_be_taken_back_nor_made_again_is_accused(
    till: Till, findings: Findings, code: str | None
):
    """Refused or unanswered, the second void proves nothing of the first."""
    sale = till.sale(36800)
    lost = till.void(sale, code=None)
    till.reverse(lost, None, attempts=3)
    till.void(sale, code=code)
    found = only(findings(till), "reversal_exhausted")
    assert (found.certainty, found.subjects[0].transaction_id) == ("PROVEN", lost["transaction_id"])


def test_an_approved_sale_that_was_voided_instead_is_no_finding(till: Till, findings: Findings):
    """The void did what the reversal could not."""
    first = till.sale(36800)
    till.reverse(first, None, attempts=3)
    till.void(first)
    assert findings(till) == []

"""Debits taken twice: positive cases with their exact content, and what looks like one and is none."""

import datetime as dt

import pytest

from expectations.findings import Finding
from expectations.rules import RULES
from tests.expectations.conftest import Findings
from tests.expectations.shopdays import OTHER_MERCHANT, Row, Till, moment

pytestmark = pytest.mark.thorough


def only(found: list[Finding], rule: str) -> Finding:
    """The one finding there is, of this rule."""
    assert [each.rule for each in found] == [rule]
    return found[0]


def ids(found: Finding) -> list[str | None]:
    return [each.transaction_id for each in found.subjects]


def rules(found: list[Finding]) -> list[str]:
    return sorted(each.rule for each in found)


def resend(till: Till, first: Row, **told: object) -> Row:
    """The same trace number approved once more, under another reference."""
    return till.sale(first["amount_fen"], stan=first["stan"], rrn="999900000001", **told)


# --- dup_stan_resent


def test_one_trace_number_debited_twice_is_proven(till: Till, findings: Findings):
    """Two approvals of one trace number under two references: the later one is accused, to the cut-off."""
    first = till.sale(36800, at="20:41:07", atc=77, auth_code="111111")
    second = resend(till, first, at="20:41:40", atc=77, auth_code="222222")
    found = only(findings(till), "dup_stan_resent")
    assert (found.severity, found.certainty) == ("P1", "PROVEN")
    assert found.amount_at_risk_fen == 36800
    assert ids(found) == [second["transaction_id"], first["transaction_id"]]
    assert found.act_by == moment("2026-11-21 23:00:00")
    assert found.business_date == dt.date(2026, 11, 21)
    assert found.evidence == {
        "debits_of_this_trace": 2,
        "reference_numbers": ["999900000001", first["rrn"]],
        "authorisation_codes": ["222222", "111111"],
        "seconds_apart": 33,
        "card_counter": 77,
    }
    assert found.ruled_out == ("same_record_read_twice", "reversed", "voided", "refunded", "other_batch")
    assert found.completeness["missing"] == ["acquirer_file"]
    assert found.completeness["terminal_day"] == {
        "records": 3,
        "trace_numbers_seen": 2,
        "trace_numbers_missing": 0,
        "missing_runs": [],
    }
    assert found.subjects[0].pan_masked == "622424******5817"
    assert found.subjects[0].txn_type == "SALE"


def test_three_debits_of_one_trace_number_accuse_the_second_and_the_third(till: Till, findings: Findings):
    """Each debit too many is a finding of its own."""
    first = till.sale(36800)
    second = till.sale(36800, stan=first["stan"], rrn="999900000001")
    third = till.sale(36800, stan=first["stan"], rrn="999900000002")
    found = findings(till)
    assert rules(found) == ["dup_stan_resent", "dup_stan_resent"]
    accused = {each.subjects[0].transaction_id for each in found}
    assert accused == {second["transaction_id"], third["transaction_id"]}


def test_the_same_answer_read_twice_is_one_debit(till: Till, findings: Findings):
    """Equal reference and authorisation: one answer that was seen twice."""
    first = till.sale(36800, auth_code="111111")
    till.sale(36800, stan=first["stan"], rrn=first["rrn"], auth_code="111111")
    assert findings(till) == []


def test_the_same_row_read_twice_is_one_row(till: Till, findings: Findings):
    """A dump read twice gives equal ids; they are judged once."""
    till.sale(36800, at="20:41:07", atc=9)
    till.attempts.append(dict(till.attempts[0], seen_date=dt.date(2026, 11, 22)))
    assert findings(till) == []


@pytest.mark.parametrize("undo", ["reverse", "void", "refund"])
def test_a_second_debit_that_was_undone_is_no_finding(till: Till, findings: Findings, undo: str):
    """Reversed, voided or paid back in full: the customer paid once."""
    first = till.sale(36800)
    second = resend(till, first)
    getattr(till, undo)(second)
    assert findings(till) == []


def test_a_part_refund_does_not_undo_a_second_debit(till: Till, findings: Findings):
    """What is still owed is still a finding."""
    first = till.sale(36800)
    till.refund(resend(till, first), 10000)
    assert rules(findings(till)) == ["dup_stan_resent"]


def test_a_trace_number_comes_again_in_the_next_batch(till: Till, findings: Findings):
    """After 999999 comes 1: the same number in another batch is another sale."""
    first = till.sale(36800)
    till.settle()
    till.sale(36800, stan=first["stan"], at="2026-11-22 09:00:00")
    assert "dup_stan_resent" not in rules(findings(till))


def test_a_batch_number_that_returns_after_a_year_is_another_batch(till: Till, findings: Findings):
    """A terminal set up anew counts from the same numbers; that is no second debit."""
    first = till.sale(36800)
    till.settle()
    again = Till(batch=first["batch_no"], stan=first["stan"] - 2, now=moment("2027-10-21 09:00:00"))
    assert again.sale(36800, rrn="999900000001")["stan"] == first["stan"]
    assert findings(till, again) == []


def test_a_gap_after_the_first_debit_lowers_what_is_proven(till: Till, findings: Findings):
    """The void may stand among the missing numbers: PROVEN becomes PROBABLE, and the finding says why."""
    first = till.sale(36800)
    resend(till, first)
    till.stan += 1
    till.sale(1200)
    found = {each.rule: each for each in findings(till)}
    assert set(found) == {"dup_stan_resent", "stan_gap"}
    assert found["dup_stan_resent"].certainty == "PROBABLE"
    assert found["dup_stan_resent"].completeness["missing"] == ["acquirer_file", "stan_gap"]


def test_a_gap_before_the_first_debit_changes_nothing(till: Till, findings: Findings):
    """What was lost before a sale cannot have undone it."""
    till.sale(1200)
    till.stan += 1
    first = till.sale(36800)
    resend(till, first)
    found = {each.rule: each for each in findings(till)}
    assert found["dup_stan_resent"].certainty == "PROVEN"


def test_a_settled_batch_leaves_no_deadline(till: Till, findings: Findings):
    """What is settled can no longer be voided on the terminal."""
    first = till.sale(36800)
    resend(till, first)
    till.settle(**till.totals())
    assert only(findings(till), "dup_stan_resent").act_by is None


def test_the_deadline_of_a_sale_after_the_cut_off_is_the_next_day(till: Till, findings: Findings):
    """23:00 and later clears next day."""
    first = till.sale(36800, at="23:00:00")
    resend(till, first)
    assert only(findings(till), "dup_stan_resent").act_by == moment("2026-11-22 23:00:00")


# --- dup_same_atc


def test_one_card_counter_debited_twice_is_proven(till: Till, findings: Findings):
    """The chip counted one purchase, the shop took two; the stronger rule silences the weaker one."""
    first = till.sale(8800, at="12:00:00", atc=301, aid="A000000333010101")
    second = till.sale(8800, at="12:00:30", atc=301, aid="A000000333010101")
    found = only(findings(till), "dup_same_atc")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P1", "PROVEN", 8800)
    assert ids(found) == [second["transaction_id"], first["transaction_id"]]
    assert found.evidence == {
        "debits_of_this_counter": 2,
        "card_counter": 301,
        "application_id": "A000000333010101",
        "seconds_apart": 30,
    }
    assert found.ruled_out == (*RULES["dup_same_atc"].ruled_out,)
    assert found.act_by == moment("2026-11-21 23:00:00")


def test_a_counter_is_compared_within_one_application(till: Till, findings: Findings):
    """Two applications of one card count each for itself."""
    till.sale(8800, at="12:00:00", atc=301, aid="A000000333010101")
    till.sale(9900, at="12:10:00", atc=301, aid="A000000333010102")
    assert findings(till) == []


def test_without_the_application_a_counter_is_only_probable(till: Till, findings: Findings):
    """What identifies is missing: the finding says so."""
    till.sale(8800, at="12:00:00", atc=301)
    till.sale(8800, at="12:10:00", atc=301)
    found = only(findings(till), "dup_same_atc")
    assert found.certainty == "PROBABLE"
    assert found.completeness["missing"] == ["acquirer_file", "application_id"]


def test_an_offline_sale_and_its_upload_are_one_debit(till: Till, findings: Findings):
    """Stored today, uploaded tomorrow in the next batch under its own trace number."""
    first = till.attempt("OFFLINE_SALE", 5000, atc=12, aid="A0")
    till.settle()
    till.attempt("OFFLINE_SALE", 5000, atc=12, aid="A0", stan=first["stan"], at="2026-11-22 09:00:00")
    assert findings(till) == []


def test_a_debit_is_accused_by_the_strongest_rule_alone(till: Till, findings: Findings):
    """One counter on two trace numbers, one of them sent again: two debits too many, two findings."""
    first = till.sale(8800, at="12:00:00", atc=301, aid="A0")
    second = till.sale(8800, at="12:00:30", atc=301, aid="A0")
    third = resend(till, first, at="12:01:00", atc=301, aid="A0")
    accused = {each.subjects[0].transaction_id: each.rule for each in findings(till)}
    assert accused == {second["transaction_id"]: "dup_same_atc", third["transaction_id"]: "dup_stan_resent"}
    assert len(findings(till)) == 2


def test_different_counters_are_different_purchases(till: Till, findings: Findings):
    """The card was presented twice."""
    till.sale(8800, at="12:00:00", atc=301, aid="A0")
    till.sale(8800, at="14:00:00", atc=302, aid="A0")
    assert findings(till) == []


def test_a_counter_at_another_merchant_is_not_ours_to_judge(till: Till, findings: Findings):
    """Every rule is local to a merchant."""
    other = Till(terminal="87654321", merchant=OTHER_MERCHANT)
    till.sale(8800, at="12:00:00", atc=301, aid="A0")
    other.sale(8800, at="12:00:30", atc=301, aid="A0")
    assert findings(till, other) == []


@pytest.mark.parametrize("undo", ["reverse", "void", "refund"])
def test_a_counter_whose_second_debit_was_undone_is_no_finding(till: Till, findings: Findings, undo: str):
    """Only live debits count."""
    till.sale(8800, at="12:00:00", atc=301, aid="A0")
    second = till.sale(8800, at="12:00:30", atc=301, aid="A0")
    getattr(till, undo)(second)
    assert findings(till) == []


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


@pytest.mark.parametrize("undo", ["void", "refund"])
def test_a_retry_that_was_undone_leaves_one_debit(till: Till, findings: Findings, undo: str):
    """The shop has acted."""
    _, second = unknown_then_sale(till)
    getattr(till, undo)(second)
    assert findings(till) == []


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


def test_an_approved_sale_that_was_voided_instead_is_no_finding(till: Till, findings: Findings):
    """The void did what the reversal could not."""
    first = till.sale(36800)
    till.reverse(first, None, attempts=3)
    till.void(first)
    assert findings(till) == []

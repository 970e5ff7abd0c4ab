"""One trace number or one card counter debited twice: positive cases with their exact content, and what is none."""

import datetime as dt

import pytest

from expectations.rules import RULES
from tests.expectations.conftest import Findings
from tests.expectations.shopdays import OTHER_MERCHANT, Row, Till, moment
from tests.expectations.told import ids, only, rules

pytestmark = pytest.mark.thorough


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
        "clock_ahead_s": None,
    }
    assert found.subjects[0].pan_masked == "622424******5817"
    assert found.subjects[0].txn_type == "SALE"


def test_a_finding_says_how_wrong_its_terminal_s_clock_was_that_day(till: Till, findings: Findings):
    """The median of four answers of the host: 3 s, 3 s, 3 s and 40 s slow; nothing of two answers."""
    for number, slow in enumerate((3, 3, 40)):
        host = moment(f"2026-11-21 10:0{number}:00")
        till.sale(4000 + number, card=number, at=f"10:0{number}:00", host_dt=host,
                  terminal_dt=host - dt.timedelta(seconds=slow))  # fmt: skip
    host = moment("2026-11-21 20:41:07")
    clocks = {"host_dt": host, "terminal_dt": host - dt.timedelta(seconds=3)}
    first = till.sale(36800, at="20:41:07", **clocks)
    resend(till, first, at="20:41:40")
    assert only(findings(till), "dup_stan_resent").completeness["terminal_day"]["clock_ahead_s"] == -3


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


@pytest.mark.parametrize(
    ("undo", "hints"), [("reverse", []), ("void", []), ("refund", ["refund_same_day_should_void"])]
)
def test_a_second_debit_that_was_undone_is_no_finding(till: Till, findings: Findings, undo: str, hints: list[str]):
    """Reversed, voided or paid back in full: the customer paid once; that a void was possible is only a hint."""
    first = till.sale(36800)
    second = resend(till, first)
    getattr(till, undo)(second)
    assert rules(findings(till)) == hints


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


@pytest.mark.parametrize(
    ("undo", "hints"), [("reverse", []), ("void", []), ("refund", ["refund_same_day_should_void"])]
)
def test_a_counter_whose_second_debit_was_undone_is_no_finding(
    till: Till, findings: Findings, undo: str, hints: list[str]
):
    """Only live debits count; that a void was possible is no more than a hint."""
    till.sale(8800, at="12:00:00", atc=301, aid="A0")
    second = till.sale(8800, at="12:00:30", atc=301, aid="A0")
    getattr(till, undo)(second)
    assert rules(findings(till)) == hints

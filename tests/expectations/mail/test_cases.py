"""What belongs together, what it costs, and what comes first."""

import dataclasses
import datetime as dt

from expectations.mail.cases import group
from tests.expectations.mail.conftest import (
    CUTOFF,
    FIRST_TRY,
    NOW,
    REFUND,
    SALE_BEFORE,
    finding,
    gap,
    lost_reversal,
    refund_too_high,
    retry,
    subject,
    two_coffees,
)


def test_a_retry_and_its_lost_reversal_are_one_case_and_cost_once():
    """Two findings about one unknown sale are one case; its money is counted once; the retry leads."""
    (case,) = group([lost_reversal(), retry()], NOW)
    assert [each.rule for each in case.findings] == ["retry_after_unknown", "reversal_exhausted"]
    assert case.amount_fen == 36800


def test_a_refund_twice_and_to_another_card_is_one_case():
    """Findings that accuse the same refund cost the larger of the two."""
    again = subject("REFUND", 4520, "18:25:00", 19900)
    first = subject("REFUND", 4515, "18:20:00", 19900)
    twice = finding("dup_refund", again, first, SALE_BEFORE)
    other_card = finding("refund_other_card", again, SALE_BEFORE)
    over = finding("refund_cumulative_over", again, first, SALE_BEFORE, amount_at_risk_fen=100)
    (case,) = group([over, other_card, twice], NOW)
    assert case.lead.rule == "dup_refund"
    assert case.amount_fen == 19900


def test_three_debits_cost_two():
    """Each accused debit counts: the second and the third of three."""
    sales = [subject("SALE", 1, f"10:00:0{n}", 500, rrn=f"00000000000{n}") for n in range(3)]
    second = finding("dup_stan_resent", sales[1], sales[0], amount_at_risk_fen=500)
    third = finding("dup_stan_resent", sales[2], sales[0], sales[1], amount_at_risk_fen=500)
    (case,) = group([second, third], NOW)
    assert case.amount_fen == 1000


def test_findings_about_one_deposit_are_one_case_and_cost_once():
    """They name no transaction; another deposit, signed on another day or of another amount, is another case."""
    terms = {"signed_on": "2026-01-05"}
    late = finding("deposit_due_not_returned", amount_at_risk_fen=29900, evidence=terms | {"days_late": 3})
    changed = finding("deposit_terms_changed", amount_at_risk_fen=29900, evidence=terms)
    other = finding("deposit_double_charged", amount_at_risk_fen=29900, evidence={"signed_on": "2026-03-01"})
    cases = group([late, changed, other], NOW)
    assert sorted((len(case.findings), case.amount_fen) for case in cases) == [(1, 29900), (2, 29900)]


def test_a_gap_does_not_glue_cases_together():
    """A gap names its neighbours; it does not become one case with them."""
    beside = gap().subjects[1]
    duplicate = finding("dup_same_atc", beside, subject("SALE", 4509, "18:29:50", 4500))
    assert len(group([gap(), duplicate], NOW)) == 2


def test_counts_and_amounts_of_one_settlement_are_one_case():
    """Both totals of a settlement are told together, and the settlement joins nothing else."""
    settlement = subject("SETTLEMENT", 4600, "22:10:00", None, pan_masked=None)
    counts = finding("batch_total_count_mismatch", settlement, severity="P2", amount_at_risk_fen=0)
    amounts = finding("batch_total_amount_mismatch", settlement, severity="P2", amount_at_risk_fen=700)
    (case,) = group([counts, amounts], NOW)
    assert case.lead.rule == "batch_total_amount_mismatch"
    assert case.amount_fen == 700


def test_the_nearest_deadline_comes_first_then_severity_certainty_yuan():
    """Deadline, severity, certainty, yuan; a deadline that has passed is none."""
    later = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), act_by=CUTOFF + dt.timedelta(days=1))
    soon = finding("dup_same_atc", subject("SALE", 2, "10:00:00", 100), act_by=CUTOFF, severity="P2")
    gone = finding("dup_same_atc", subject("SALE", 3, "10:00:00", 100), act_by=NOW - dt.timedelta(minutes=1))
    likely = finding("refund_over_original", subject("REFUND", 4, "10:00:00", 9900), certainty="PROBABLE")
    small = finding("refund_over_original", subject("REFUND", 5, "10:00:00", 50))
    low = finding("void_cross_day", subject("VOID", 6, "10:00:00", 99900), severity="P2")
    cases = group([low, small, likely, gone, later, soon], NOW)
    assert [case.lead.subjects[0].stan for case in cases] == [2, 1, 3, 5, 4, 6]
    assert [case.is_open for case in cases] == [True, True, False, False, False, False]


def test_a_deadline_at_this_very_moment_has_passed():
    """At the cut-off it is too late to be told to act before it."""
    assert not group([retry()], CUTOFF)[0].is_open


def test_possible_unverifiable_and_p4_do_not_stand_alone():
    """They are told beside others or not at all."""
    assert not group([two_coffees()], NOW)[0].stands_alone
    p4 = finding("void_no_original", subject("VOID", 9, "10:00:00", 100), severity="P4", certainty="UNVERIFIABLE")
    assert not group([p4], NOW)[0].stands_alone


def test_a_doubtful_finding_joins_a_case_but_does_not_lead_it():
    """Within a case the sure finding gives the title, whatever the severities."""
    doubtful = finding("refund_other_card", REFUND, SALE_BEFORE, certainty="POSSIBLE")
    sure = dataclasses.replace(refund_too_high(), severity="P2")
    (case,) = group([doubtful, sure], NOW)
    assert case.lead.rule == "refund_over_original"


def test_the_case_is_the_same_whatever_the_order():
    """Grouping is a function of the findings, not of their order; a finding given twice counts once."""
    findings = [retry(), lost_reversal(), refund_too_high(), gap(), two_coffees()]
    assert group(findings, NOW) == group([*reversed(findings), retry()], NOW)


def test_subjects_stand_in_the_order_of_time_and_an_unseen_one_where_its_number_would():
    """The timeline is oldest first; a missing number stands between its neighbours."""
    assert [each.stan for each in group([gap()], NOW)[0].subjects] == [4510, 4511, 4513]
    assert group([retry(), lost_reversal()], NOW)[0].subjects[0] == FIRST_TRY

"""What terminals leave in doubt, and the acquirer's files prove, or clear."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Row, Till
from tests.expectations.statementdays import RECONCILED, Acquirer, busy, with_statement

pytestmark = pytest.mark.thorough

RULES = RECONCILED


def keyed_as_a_sale(till: Till) -> Row:
    """A refund was refused, and keyed as a sale; a later number of the batch is missing."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.refund(sale, code="96", at="12:00:00")
    again = till.sale(5000, card=6, at="12:02:00")
    till.stan += 1
    till.sale(5100, card=7)
    return again


def stay_charged_twice(till: Till) -> Row:
    """A stay completed, and charged once more as a sale; a later number of the batch is missing."""
    busy(till)
    hold = till.attempt("PREAUTH", 5000, card=6, auth_code="A1B2C3")
    named = {"orig_auth_code": "A1B2C3", "orig_date": hold["business_date"]}
    till.attempt("COMPLETION", 5000, card=6, at="12:00:00", **named)
    again = till.sale(5000, card=6, at="12:20:00")
    till.stan += 1
    till.sale(5100, card=7)
    return again


def void_that_failed(till: Till) -> Row:
    """A void was refused, and the day ended; a later number of the batch is missing."""
    busy(till)
    sale = till.sale(5000, card=6)
    till.void(sale, code="96")
    till.stan += 1
    till.sale(5100, card=7)
    return sale


@pytest.mark.parametrize(
    ("play", "found"),
    [
        (keyed_as_a_sale, "refund_became_debit P1"),
        (stay_charged_twice, "completion_plus_sale P2"),
        (void_that_failed, "void_failed_unresolved P2"),
    ],
)
def test_a_gap_hides_nothing_that_the_acquirer_s_files_would_tell(
    till: Till, acquirer: Acquirer, findings: Findings, play: Callable[[Till], Row], found: str
):
    """What a void or a refund among the missing numbers had undone, its files would have as taken back, or refunded.

    Without them, while the second one is still to come, or with a refund that no terminal made, it stays for review.
    """

    def judged() -> list[str]:
        both = findings(till, given=with_statement(acquirer, tills=(till,)))
        told = [f"{each.rule} {each.severity} {each.certainty}" for each in both]
        return [each.removeprefix(f"{found} ") for each in told if each.startswith(found)]

    debit = play(till)
    till.at("2026-11-22 10:00:00").settle()
    assert judged() == ["POSSIBLE"]
    acquirer.week(till, days=1)
    assert judged() == ["POSSIBLE"]
    acquirer.lines.clear()
    acquirer.week(till)
    assert judged() == ["PROBABLE"]
    acquirer.post(debit, txn_type="REFUND", stan=debit["stan"] + 1, rrn="112129999999")
    assert judged() == ["POSSIBLE"]


def test_the_file_proves_a_retry_after_an_unknown_outcome(till: Till, acquirer: Acquirer, said: Any):
    """Both attempts are posted: what was probable is proven."""
    busy(till)
    lost = till.sale(5000, card=6, code=None)
    till.sale(5000, card=6)
    assert "retry_after_unknown P1 PROBABLE" in said()
    acquirer.week(till)
    acquirer.post(lost, rrn="112109777777")
    assert said(acquirer) == ["retry_after_unknown P1 PROVEN"]


def test_a_retry_before_a_dropped_record_is_not_proven(till: Till, acquirer: Acquirer, said: Any):
    """A trace number is missing after the two: what undid one of them may have had it."""
    busy(till)
    lost = till.sale(5000, card=6, code=None)
    till.sale(5000, card=6)
    till.stan += 1
    till.sale(6000, card=7)
    acquirer.week(till)
    acquirer.post(lost, rrn="112109777777")
    assert said(acquirer) == ["retry_after_unknown P1 PROBABLE"]


def test_a_posted_failure_before_a_dropped_record_is_not_proven(till: Till, acquirer: Acquirer, said: Any):
    """A trace number is missing after it: what undid it may have had it."""
    lost = till.sale(5000, card=6, code=None)
    till.stan += 1
    busy(till)
    till.at("2026-11-22 10:00:00").sale(5100)
    acquirer.week(till)
    acquirer.post(lost, rrn="112109777777")
    assert said(acquirer) == ["host_approved_terminal_failed P1 PROBABLE"]


def test_a_sale_that_no_file_has_before_a_dropped_record_is_not_proven(till: Till, acquirer: Acquirer, said: Any):
    """A trace number is missing after it: its void may have had it."""
    busy(till)
    lost = till.sale(5000, card=6)
    till.stan += 1
    till.sale(6000, card=7)
    acquirer.week(till, lost)
    assert said(acquirer) == ["missing_in_acquirer P1 PROBABLE"]


def test_a_line_twice_is_no_upload_posted_twice(till: Till, acquirer: Acquirer, said: Any):
    """The batch was uploaded twice after 不平; one line stands twice under one reference: that is told once."""
    busy(till)
    sale, batch = till.sale(7000, card=6), till.batch
    till.settle(rmb_flag="2")
    till.event("BATCH_UPLOAD_END", batch_no=batch)
    till.event("BATCH_UPLOAD_END", batch_no=batch)
    acquirer.week(till)
    acquirer.post(sale)
    assert said(acquirer) == ["dup_rrn_twice P1 PROVEN"]


def test_the_file_acquits_a_retry_after_an_unknown_outcome(till: Till, acquirer: Acquirer, said: Any):
    """The host never had the first attempt: nobody was debited twice."""
    busy(till)
    till.sale(5000, card=6, code=None)
    till.sale(5000, card=6)
    acquirer.week(till)
    assert said(acquirer) == []


def test_the_file_proves_that_the_host_approved_what_failed(till: Till, acquirer: Acquirer, said: Any):
    """No answer at the terminal, no reversal, and the statement has it; or it has not."""
    lost = till.sale(5000, card=6, code=None)
    busy(till)
    till.at("2026-11-22 10:00:00").sale(5100)
    acquirer.week(till)
    assert said(acquirer) == []
    acquirer.post(lost, rrn="112109777777")
    assert said(acquirer) == ["host_approved_terminal_failed P1 PROVEN"]


def test_one_reference_posted_twice(till: Till, acquirer: Acquirer, said: Any):
    """Two lines of one reference and one sale at the terminal; on another day the number is another one's."""
    busy(till)
    sale = till.sale(5000, card=6)
    acquirer.week(till)
    acquirer.post(sale, "2026-11-22", terminal_id=None, stan=None, batch_no=None)
    assert said(acquirer) == []
    acquirer.post(sale, stan=9100)
    assert said(acquirer) == ["dup_rrn_twice P1 PROVEN"]


def test_a_trace_number_posted_under_two_references(till: Till, acquirer: Acquirer, said: Any):
    """The host booked one approval twice: the terminal has one, its files two with different reference numbers."""
    busy(till)
    sale = till.sale(7000, card=6)
    acquirer.week(till)
    assert said(acquirer) == []
    acquirer.post(sale, rrn="990000000001")
    assert said(acquirer) == ["dup_stan_resent P1 PROVEN"]


def test_a_batch_uploaded_and_posted_twice(till: Till, acquirer: Acquirer, said: Any):
    """After 不平 a second upload is none, unless the files then have a trace number twice."""
    busy(till)
    sale, batch = till.sale(7000, card=6), till.batch
    till.settle(rmb_flag="2")
    till.event("BATCH_UPLOAD_END", batch_no=batch)
    till.event("BATCH_UPLOAD_END", batch_no=batch)
    acquirer.week(till)
    assert said(acquirer) == []
    acquirer.post(sale, rrn="990000000001")
    assert said(acquirer) == ["dup_batch_upload P1 PROVEN", "dup_stan_resent P1 PROVEN"]


def test_a_reversal_given_up_of_what_no_file_has_debited_nobody(till: Till, acquirer: Acquirer, findings: Findings):
    """Three sendings without an answer accuse, unless its day's file and two more came and none knows the sale."""
    busy(till)
    lost = till.sale(5000, card=6, code=None)
    till.reverse(lost, None, attempts=3)
    busy(till)
    rules = {each.rule for each in findings(till) if each.subjects[0].stan == lost["stan"]}
    assert rules == {"reversal_exhausted"}
    acquirer.week(till)
    assert not findings(till, given=with_statement(acquirer, tills=(till,)))
    acquirer.post(lost, rrn="112109888888")
    found = findings(till, given=with_statement(acquirer, tills=(till,)))
    assert [(each.rule, each.certainty) for each in found] == [("reversal_exhausted", "PROVEN")]


def test_a_void_given_up_and_made_again_is_accused_where_the_first_was_posted(
    till: Till, acquirer: Acquirer, findings: Findings
):
    """A later void clears the first one, unless the acquirer's file has that as well."""
    busy(till)
    sale = till.sale(5000, card=6)
    lost = till.void(sale, code=None)
    till.reverse(lost, None, attempts=3)
    again = till.void(sale)
    busy(till)
    acquirer.week(till)
    accused = {each.rule for each in findings(till, given=with_statement(acquirer, tills=(till,)))}
    assert "reversal_exhausted" not in accused
    acquirer.post(lost, rrn="112109888888")
    found = findings(till, given=with_statement(acquirer, tills=(till,)))
    assert again["outcome"] == "approved"
    assert lost["transaction_id"] in {
        each.subjects[0].transaction_id for each in found if each.rule == "reversal_exhausted"
    }


def test_a_reversal_left_waiting_is_proven_a_debit_by_the_statement(till: Till, acquirer: Acquirer, findings: Findings):
    """The terminal was switched off with its reversal; the acquirer posted the sale: what waits is a debit."""
    busy(till)
    lost = till.sale(5000, card=6, code=None)
    acquirer.week(till)
    acquirer.post(lost, rrn="112109888888")
    lane = Till(terminal="12345679", stan=80, line="lane-2").at("2026-11-23 09:00:00")
    lane.sale(3100, card=9)
    found = findings(till, lane, given=with_statement(acquirer, tills=(till, lane)))
    told = {(each.rule, each.severity, each.certainty) for each in found if each.subjects[0].stan == lost["stan"]}
    assert ("host_approved_terminal_failed", "P1", "PROVEN") in told

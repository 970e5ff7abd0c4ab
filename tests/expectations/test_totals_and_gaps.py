"""What a batch adds up to, and the numbers nobody saw."""

import datetime as dt

import pytest

from tests.expectations.conftest import Findings
from tests.expectations.shopdays import Till
from tests.expectations.told import only, rules

pytestmark = pytest.mark.thorough


@pytest.fixture
def till() -> Till:
    """A terminal that has settled a batch: the next one is seen from its start."""
    till = Till(batch=230, stan=4499)
    till.settle()
    return till


def busy(till: Till) -> Till:
    """A batch with one of everything, settled truly by a terminal that counts as it should."""
    wrong = till.sale(36800)
    till.void(wrong)
    till.sale(5000)
    till.sale(7000, code="51")
    till.attempt("BALANCE", None)
    till.attempt("PREAUTH", 90000)
    till.attempt("PREAUTH_VOID", 90000, orig_stan=till.stan, orig_batch_no=till.batch)
    lost = till.sale(8000, code=None)
    till.reverse(lost)
    taken_back = till.sale(8100)
    till.reverse(taken_back)
    completion = till.attempt("COMPLETION", 12000)
    till.void(completion, kind="COMPLETION_VOID")
    till.attempt("OFFLINE_SALE", 300)
    till.attempt("QR_SALE", 400, card_token=None, pan_masked=None)
    till.sale(2700, card_org="VIS", card=4000)
    till.sale(2800, card_org="CUP")
    return till


def test_a_batch_settled_truly(till: Till, findings: Findings):
    """Voided pairs on both sides, declined, reversed, reserved and scanned nowhere, foreign cards apart."""
    busy(till)
    assert till.totals() == {
        "rmb_debit_amount_fen": 36800 + 5000 + 12000 + 300 + 2800,
        "rmb_debit_count": 5,
        "rmb_credit_amount_fen": 36800 + 12000,
        "rmb_credit_count": 2,
        "foreign_debit_amount_fen": 2700,
        "foreign_debit_count": 1,
        "foreign_credit_amount_fen": 0,
        "foreign_credit_count": 0,
    }
    till.settle()
    assert findings(till) == []


def test_a_wrong_amount(till: Till, findings: Findings):
    """The difference is at stake; counts agree, so the count rule is silent."""
    busy(till)
    settled = till.settle(rmb_debit_amount_fen=56900 + 100)
    found = only(findings(till), "batch_total_amount_mismatch")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P2", "PROVEN", 100)
    [accused] = found.subjects
    assert (accused.txn_type, accused.batch_no, accused.stan) == ("SETTLEMENT", 231, settled["stan"])
    assert accused.transaction_id == settled["settlement_id"]
    assert found.evidence["reported_fen"]["rmb_debit"] == 57000
    assert found.evidence["counted_fen"]["rmb_debit"] == 56900
    assert found.ruled_out == ("declined_or_reserved", "reversed", "tip_adjusted")
    assert found.completeness["missing"] == []
    assert found.act_by is None


def test_a_wrong_count(till: Till, findings: Findings):
    """Counts are not money: nothing is at stake but the count itself."""
    busy(till)
    till.settle(foreign_credit_count=1)
    found = only(findings(till), "batch_total_count_mismatch")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P2", "PROVEN", 0)
    assert found.evidence["reported_counts"]["foreign_credit"] == 1
    assert found.evidence["counted_counts"]["foreign_credit"] == 0


@pytest.mark.parametrize(
    ("count", "fen", "certainty"),
    [(1, 5000, "PROBABLE"), (-1, -5000, "PROBABLE"), (1, 5001, "PROVEN"), (2, 10000, "PROVEN"), (1, -5000, "PROVEN")],
)
def test_one_record_more_or_less_of_an_amount_that_was_seen(
    till: Till, findings: Findings, count: int, fen: int, certainty: str
):
    """A sale that was sent again, or a reversal, bears a number that was seen: lost, it would leave no gap."""
    till.sale(5000)
    till.sale(6000, card=2)
    till.settle(rmb_debit_count=2 + count, rmb_debit_amount_fen=11000 + fen)
    found = {each.rule: each for each in findings(till)}
    assert set(found) == {"batch_total_amount_mismatch", "batch_total_count_mismatch"}
    assert {each.certainty for each in found.values()} == {certainty}
    missing = ["repeated_numbers"] if certainty == "PROBABLE" else []
    assert all(each.completeness["missing"] == missing for each in found.values())


@pytest.mark.parametrize("code", ["00", "51"])
def test_one_record_more_of_an_amount_that_does_not_stand(till: Till, findings: Findings, code: str):
    """A sale that was reversed or declined, and sent once more: the record that counts bears the same number."""
    sale = till.sale(5000, code=code)
    if code == "00":
        till.reverse(sale)
    till.sale(6000, card=2)
    till.settle(rmb_debit_count=2, rmb_debit_amount_fen=11000)
    found = [each for each in findings(till) if each.rule.startswith("batch_total")]
    assert {each.rule: each.certainty for each in found} == {
        "batch_total_amount_mismatch": "PROBABLE",
        "batch_total_count_mismatch": "PROBABLE",
    }


def test_a_foreign_sale_counted_as_domestic(till: Till, findings: Findings):
    """The two areas are compared apart: equal sums do not help."""
    till.sale(2700, card_org="VIS")
    totals = till.totals()
    till.settle(
        rmb_debit_amount_fen=2700,
        rmb_debit_count=1,
        foreign_debit_amount_fen=0,
        foreign_debit_count=0,
    )
    assert totals["foreign_debit_count"] == 1
    assert rules(findings(till)) == ["batch_total_amount_mismatch", "batch_total_count_mismatch"]


def test_an_adjusted_sale_counts_with_its_tip(till: Till, findings: Findings):
    """The adjusted original is excluded, the adjustment counts."""
    sale = till.sale(36800)
    till.attempt("ADJUST", 38800, orig_batch_no=till.batch, orig_stan=sale["stan"])
    till.settle(rmb_debit_amount_fen=38800)
    assert findings(till) == []


def test_a_gap_in_the_batch_proves_nothing(till: Till, findings: Findings):
    """What is missing may be what differs."""
    till.sale(5000)
    till.stan += 1
    till.sale(6000)
    till.settle(rmb_debit_count=3, rmb_debit_amount_fen=13000)
    found = {each.rule: each for each in findings(till)}
    assert set(found) == {"batch_total_amount_mismatch", "batch_total_count_mismatch", "stan_gap"}
    for rule in ("batch_total_amount_mismatch", "batch_total_count_mismatch"):
        assert (found[rule].severity, found[rule].certainty) == ("P4", "UNVERIFIABLE")
        assert found[rule].completeness["missing"] == ["stan_gap"]


def test_a_batch_that_began_before_collection_proves_nothing(findings: Findings):
    """The terminal had sold before the collector was plugged in."""
    till = Till(signed_in=False)
    till.sale(5000)
    till.settle(rmb_debit_count=9, rmb_debit_amount_fen=90000)
    found = findings(till)
    assert {each.certainty for each in found} == {"UNVERIFIABLE"}
    assert found[0].completeness["missing"] == ["batch_start"]


def test_a_batch_that_began_with_a_sign_in_leaves_a_doubt(findings: Findings):
    """Terminals sign in every morning, with a batch open over night as well."""
    till = Till()
    till.sale(5000)
    till.settle(rmb_debit_amount_fen=5001)
    found = only(findings(till), "batch_total_amount_mismatch")
    assert (found.severity, found.certainty) == ("P2", "PROBABLE")
    assert found.completeness["missing"] == ["batch_start"]


def test_numbers_lost_between_two_batches_leave_its_start_unseen(till: Till, findings: Findings):
    """They may have been the batch's first sales."""
    till.stan += 1
    till.sale(5000)
    till.settle(rmb_debit_amount_fen=9000, rmb_debit_count=2)
    assert {each.certainty for each in findings(till)} == {"UNVERIFIABLE"}


def test_numbers_spent_between_two_batches_do_not_hide_its_start(till: Till, findings: Findings):
    """Echo and sign-in without a batch number."""
    till.event("ECHO", batch_no=None)
    till.event("SIGN_IN", batch_no=0)
    till.sale(5000)
    till.settle(rmb_debit_amount_fen=5001)
    assert only(findings(till), "batch_total_amount_mismatch").certainty == "PROVEN"


def test_a_batch_that_follows_one_that_was_seen_was_seen_from_its_start(findings: Findings):
    """The number before its first one was the last batch's settlement."""
    till = Till(signed_in=False)
    till.sale(5000)
    till.settle()
    till.sale(6000)
    till.settle(rmb_debit_amount_fen=6001)
    assert only(findings(till), "batch_total_amount_mismatch").certainty == "PROVEN"


def test_an_attempt_without_an_outcome_leaves_a_doubt(till: Till, findings: Findings):
    """The terminal may have had the answer that was not seen."""
    till.sale(5000, code=None)
    till.settle(rmb_debit_count=1, rmb_debit_amount_fen=5000)
    found = findings(till)
    assert {each.certainty for each in found} == {"PROBABLE"}
    assert found[0].completeness["missing"] == ["unknown_outcomes"]


def test_only_the_last_settlement_request_of_a_batch_is_judged(till: Till, findings: Findings):
    """The first had no answer and was sent again after one more sale."""
    till.sale(5000)
    till.settle(outcome="unknown", response_code=None)
    till.batch -= 1
    till.sale(6000)
    till.settle()
    assert findings(till) == []


def test_a_settlement_without_totals_is_not_judged(till: Till, findings: Findings):
    """Only its answer was seen."""
    till.sale(5000)
    till.settle(**dict.fromkeys(till.totals()))
    assert findings(till) == []


def test_domestic_and_foreign_totals_in_one_batch_are_one_settlement(till: Till, findings: Findings):
    """Two currencies' worth of cards, one request."""
    till.sale(5000)
    till.sale(2700, card_org="MCC")
    till.settle()
    assert findings(till) == []


# --- stan_gap


def test_missing_numbers_inside_a_batch(till: Till, findings: Findings):
    """The first missing number is accused, its neighbours stand beside it."""
    before = till.sale(1200, at="10:00:00")
    till.stan += 3
    after = till.sale(1300, at="10:30:00")
    found = only(findings(till), "stan_gap")
    assert (found.severity, found.certainty, found.amount_at_risk_fen) == ("P3", "PROVEN", 0)
    accused, *around = found.subjects
    assert (accused.stan, accused.batch_no, accused.terminal_id) == (before["stan"] + 1, 231, till.terminal)
    assert (accused.txn_type, accused.transaction_id) == (None, None)
    assert [each.transaction_id for each in around] == [before["transaction_id"], after["transaction_id"]]
    assert found.evidence == {
        "numbers_missing": 3,
        "batch_no": 231,
        "first_stan": before["stan"] + 1,
        "last_stan": before["stan"] + 3,
        "opens_at": "2026-11-21T02:00:00+00:00",
        "closes_at": "2026-11-21T02:30:00+00:00",
    }
    assert found.completeness["terminal_day"]["trace_numbers_missing"] == 3
    assert found.completeness["terminal_day"]["missing_runs"] == [
        {"batch_no": 231, "first_stan": before["stan"] + 1, "last_stan": before["stan"] + 3}
    ]


def test_two_gaps_are_two_findings(till: Till, findings: Findings):
    """Each run of missing numbers is one."""
    till.sale(1200)
    till.stan += 1
    till.sale(1300)
    till.stan += 2
    till.sale(1400)
    assert [each.evidence["numbers_missing"] for each in findings(till)] in ([1, 2], [2, 1])


def test_numbers_spent_on_other_messages_are_not_missing(till: Till, findings: Findings):
    """Sign-in, balance inquiry, echo, a declined sale, a settlement: all spend numbers, with or without a batch."""
    till.sale(1200)
    till.event("ECHO", batch_no=None)
    till.event("SIGN_IN", batch_no=0)
    till.attempt("BALANCE")
    till.sale(1300, code="51")
    till.event("SIGNATURE", batch_no=999)
    till.sale(1400)
    till.settle()
    assert findings(till) == []


def test_numbers_run_past_999999_and_start_again(findings: Findings):
    """A wrap is no gap."""
    till = Till(stan=999996)
    for fen in range(100, 700, 100):
        till.sale(fen)
    assert till.stan == 4
    assert findings(till) == []


@pytest.mark.parametrize(
    ("used", "first", "last"),
    [((999997, 999998, 2, 3), 999999, 1), ((999998, 999999, 2, 3), 1, 1), ((999997, 999999, 1), 999998, 999998)],
)
def test_a_gap_across_the_wrap(findings: Findings, used: tuple[int, ...], first: int, last: int):
    """Counted around."""
    till = Till(signed_in=False)
    for stan in used:
        till.sale(stan, stan=stan, card=stan)
    found = only(findings(till), "stan_gap")
    assert (found.evidence["first_stan"], found.evidence["last_stan"]) == (first, last)


def test_a_batch_number_that_jumps_is_no_gap(till: Till, findings: Findings):
    """The host gives the batch another number after keys were loaded."""
    till.sale(1200)
    till.batch += 40
    till.event("KEY_DOWNLOAD")
    till.sale(1300)
    assert findings(till) == []


def test_what_lies_between_two_batches_is_no_gap(till: Till, findings: Findings):
    """Numbers are measured within a batch."""
    till.sale(1200)
    till.settle()
    till.stan += 5
    till.sale(1300)
    assert findings(till) == []


def test_rows_out_of_order_leave_no_gap(till: Till, findings: Findings):
    """A number is seen or it is not; when does not matter."""
    for fen in (100, 200, 300):
        till.sale(fen)
    till.attempts[1]["event_at"] += dt.timedelta(hours=1)
    assert findings(till) == []


def test_a_number_known_only_from_its_reversal_was_seen(till: Till, findings: Findings):
    """The sale was lost, its reversal was not."""
    till.sale(1200)
    lost = till.sale(36800, code=None)
    till.reverse(lost)
    till.attempts.remove(lost)
    till.sale(1300)
    assert findings(till) == []


def test_a_replaced_terminal_that_counts_from_one_again_has_no_gap(till: Till, findings: Findings):
    """Numbers below those of some minutes before are a counter set anew, not thousands of messages lost."""
    till.sale(1234)
    till.sale(2345)
    till.stan = 0
    till.at("09:10:00")
    till.sale(3456)
    till.sale(4567)

    assert [each.rule for each in findings(till) if each.rule == "stan_gap"] == []


@pytest.mark.parametrize(("signs_in", "missing"), [(True, []), (False, [338])])
def test_a_new_device_near_the_end_of_the_numbers(till: Till, findings: Findings, signs_in: bool, missing: list[int]):
    """999661, then 1: a sign-in is a new device's first message; a sale is the same device's, and 338 are missing."""
    till.stan = 999_660
    till.sale(1234)
    till.stan = 0
    till.at("09:30:00")
    if signs_in:
        till.event("SIGN_IN")
    till.sale(3456)

    found = [each.evidence["numbers_missing"] for each in findings(till) if each.rule == "stan_gap"]
    assert found == missing

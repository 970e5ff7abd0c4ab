"""Terminal against statement: every difference is found, and nothing that only looks like one."""

from typing import Any

import pytest

from tests.expectations.shopdays import Till, moment
from tests.expectations.statementdays import RECONCILED, Acquirer, busy

pytestmark = pytest.mark.thorough

RULES = RECONCILED


def test_a_day_that_agrees_is_silent(till: Till, acquirer: Acquirer, said: Any):
    """Sales, a void, a refund, a reversal and a decline, each as the files say."""
    busy(till)
    till.void(till.sale(5000, card=6))
    till.refund(till.sale(5100, card=7), 2000)
    till.reverse(till.sale(5200, card=8, code=None))
    till.sale(5300, card=9, code="51")
    acquirer.week(till)
    assert said(acquirer) == []


def test_without_a_statement_nobody_is_accused(till: Till, said: Any):
    """No file: no finding."""
    busy(till)
    assert said() == []


def test_a_sale_that_no_file_has(till: Till, acquirer: Acquirer, said: Any):
    """Live at the terminal, its day's file and two more came, no line."""
    busy(till)
    lost = till.sale(5000, card=6)
    acquirer.week(till, lost)
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]


@pytest.mark.parametrize("days", [1, 2])
def test_what_has_no_counterpart_waits_for_the_next_two_files(till: Till, acquirer: Acquirer, said: Any, days: int):
    """After its own day's file, or one more, nothing is missing yet; the same file twice is one."""
    busy(till)
    lost = till.sale(5000, card=6)
    acquirer.week(till, lost, days=days)
    acquirer.lines += [row | {"statement_id": f"again {row['statement_id']}"} for row in acquirer.lines]
    assert said(acquirer) == []
    acquirer.file(f"2026-11-{21 + days}")
    acquirer.file("2026-11-23")
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]


@pytest.mark.parametrize(("dated", "told"), [("2062-11-2", []), ("2026-12-2", ["missing_in_acquirer P1 PROVEN"])])
def test_a_misdated_file_has_come_for_no_day(till: Till, acquirer: Acquirer, said: Any, dated: str, told: list[str]):
    """Files that follow are of 2062, more than 31 days past all that terminals did; or, as they may, of December."""
    busy(till)
    lost = till.sale(5000, card=6)
    acquirer.week(till, lost, days=1)
    acquirer.file(f"{dated}1")
    acquirer.file(f"{dated}2")
    assert said(acquirer) == told


def test_a_day_without_its_own_file_is_not_judged(till: Till, acquirer: Acquirer, said: Any):
    """The files of two later days say nothing of a day whose file never came."""
    busy(till)
    till.at("2026-11-22 10:00:00")
    busy(till)
    for row in till.attempts[5:]:
        acquirer.post(row, "2026-11-22")
    acquirer.file("2026-11-22")
    acquirer.file("2026-11-23")
    assert said(acquirer) == []


def test_a_sale_after_the_cutoff_stands_in_the_next_file(till: Till, acquirer: Acquirer, said: Any):
    """22:59:50 at the terminal, next clearing day at the acquirer."""
    busy(till)
    late = till.sale(5000, card=6, at="22:59:50")
    acquirer.week(till, late)
    acquirer.post(late, "2026-11-22")
    assert said(acquirer) == []


def test_a_sale_that_was_reversed_voided_or_refunded_is_not_missed(till: Till, acquirer: Acquirer, said: Any):
    """What no longer stands needs no line."""
    busy(till)
    reversed_, voided = till.sale(5000, card=6), till.sale(5001, card=7)
    till.reverse(reversed_)
    void = till.void(voided)
    acquirer.week(till, reversed_, voided, void)
    assert said(acquirer) == []


def test_a_line_that_no_record_has(till: Till, acquirer: Acquirer, said: Any):
    """The acquirer debits what the terminal never did, within a day that was seen whole."""
    busy(till)
    ghost = dict(till.attempts[2], stan=9000, rrn="112109999999", amount_fen=77700)
    acquirer.week(till)
    acquirer.post(ghost)
    assert said(acquirer) == ["missing_in_terminal P1 PROVEN"]


def test_a_line_whose_number_is_missing_at_the_terminal_is_a_lost_record(till: Till, acquirer: Acquirer, said: Any):
    """The trace number lies in a gap: the log was lost, nobody was debited by a ghost."""
    busy(till)
    lost = till.sale(5000, card=6)
    till.sale(5001, card=7)
    acquirer.week(till)
    till.attempts.remove(lost)
    assert said(acquirer) == ["missing_in_terminal P3 PROBABLE"]


def test_codes_and_orders_without_a_terminal_are_other_channels(till: Till, acquirer: Acquirer, said: Any):
    """A static code, an order made online, a line of a terminal that is not connected."""
    busy(till)
    ghost = dict(till.attempts[2], stan=9000, rrn="112109999999", amount_fen=77700)
    acquirer.week(till)
    acquirer.post(ghost, txn_type="QR_SALE")
    acquirer.post(ghost, terminal_id=None, stan=None, batch_no=None, rrn="112109999998")
    acquirer.post(ghost, terminal_id="55555555")
    acquirer.post(ghost, status="failed")
    assert said(acquirer) == []


def test_a_line_before_collection_began_is_not_a_ghost(till: Till, acquirer: Acquirer, said: Any):
    """The terminal's records must reach past the line's moment on both sides."""
    busy(till)
    ghost = dict(till.attempts[2], stan=4000, rrn="112109999999", event_at=moment("2026-11-21 08:00:00"))
    acquirer.week(till)
    acquirer.post(ghost)
    assert said(acquirer) == []


@pytest.mark.parametrize("posted", [5002, 4998])
def test_an_amount_that_differs(till: Till, acquirer: Acquirer, said: Any, posted: int):
    """Two fen more, or less, on the same numbers."""
    busy(till)
    sale = till.sale(5000, card=6)
    acquirer.week(till, sale)
    acquirer.post(sale, amount_fen=posted)
    assert said(acquirer) == ["amount_differs P1 PROVEN"]


def test_a_discount_a_tip_and_a_part_are_no_difference(till: Till, acquirer: Acquirer, said: Any):
    """The file shows the discount; the tip was adjusted, posted with it or without; a part was approved."""
    busy(till)
    discounted, tipped, plain, part = (till.sale(5000 + n, card=10 + n) for n in range(4))
    part["response_code"] = "10"
    for sale in (tipped, plain):
        till.attempt("ADJUST", sale["amount_fen"] + 500, orig_batch_no=sale["batch_no"], orig_stan=sale["stan"])
    acquirer.week(till, discounted, tipped, plain, part)
    acquirer.post(discounted, amount_fen=4500, discount_fen=500)
    acquirer.post(tipped, amount_fen=tipped["amount_fen"] + 500)
    acquirer.post(plain)
    acquirer.post(part, amount_fen=3000)
    assert said(acquirer) == []


def test_a_decline_that_was_settled(till: Till, acquirer: Acquirer, said: Any):
    """Refused at the terminal, debited all the same."""
    busy(till)
    refused = till.sale(5000, card=6, code="51")
    acquirer.week(till)
    acquirer.post(refused, rrn=refused["rrn"])
    assert said(acquirer) == ["settled_but_declined P1 PROVEN"]


def test_a_decline_that_was_forced_through_later(till: Till, acquirer: Acquirer, said: Any):
    """The line under the decline's numbers is the later approval's."""
    busy(till)
    refused = till.sale(5000, card=6, code="51")
    forced = till.sale(5000, card=6, at="11:00:00")
    acquirer.week(till, forced)
    acquirer.post(refused)
    assert said(acquirer) == []


def test_a_void_that_the_acquirer_never_made(till: Till, acquirer: Acquirer, said: Any):
    """Approved at the terminal; the sale is settled and no void stands in its day's file and the next two."""
    busy(till)
    void = till.void(till.sale(5000, card=6))
    acquirer.week(till, void)
    assert said(acquirer) == ["void_not_effective P1 PROVEN"]


def test_a_void_in_the_next_file(till: Till, acquirer: Acquirer, said: Any):
    """It came a day later, by itself or by naming its sale."""
    busy(till)
    void = till.void(till.sale(5000, card=6))
    other = till.sale(5001, card=7)
    named = till.void(other)
    acquirer.week(till, void, named)
    acquirer.post(void, "2026-11-22")
    acquirer.say("2026-11-22", merchant_id=till.merchant, terminal_id=till.terminal, txn_type="VOID",
                 amount_fen=5001, orig_ref=other["rrn"], occurred_at=named["event_at"])  # fmt: skip
    assert said(acquirer) == []


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("2026-12-01", []),
        ("2026-12-02", ["refund_not_completed P2 PROVEN"]),
        ("2026-12-06", ["refund_not_completed P1 PROVEN"]),
    ],
)
def test_a_refund_that_does_not_arrive(till: Till, acquirer: Acquirer, said: Any, last: str, expected: list[str]):
    """Ten days for a card; after fifteen the cardholder may dispute it."""
    busy(till)
    refund = till.refund(till.sale(5000, card=6))
    acquirer.week(till, refund)
    acquirer.file(last)
    assert said(acquirer) == expected


def test_a_refund_of_a_code_has_three_working_days(till: Till, acquirer: Acquirer, said: Any):
    """From Saturday the 21st: Monday to Wednesday are its term, Thursday is past it."""
    busy(till)
    refund = till.refund(till.sale(5000, card=6), kind="QR_REFUND")
    acquirer.week(till, refund)
    acquirer.file("2026-11-25")
    assert said(acquirer) == []
    acquirer.file("2026-11-26")
    assert said(acquirer) == ["refund_not_completed P2 PROVEN"]


def test_a_reference_with_more_digits_and_no_slip_number(till: Till, acquirer: Acquirer, said: Any):
    """The file has a long reference and no numbers of the slip; or nothing but card, amount and time."""
    busy(till)
    long, bare = till.sale(5000, card=6), till.sale(5001, card=7)
    acquirer.week(till, long, bare)
    acquirer.post(long, stan=None, batch_no=None, rrn=f"20261121{long['rrn']}")
    acquirer.post(bare, stan=None, batch_no=None, rrn=None, pan_masked=bare["pan_masked"].replace("******", "****"))
    assert said(acquirer) == []


def test_each_line_serves_once(till: Till, acquirer: Acquirer, said: Any):
    """Two sales of one card and amount, one line: one of them is missing."""
    busy(till)
    first, second = till.sale(5000, card=6), till.sale(5000, card=6, at="09:40:00")
    acquirer.week(till, first, second)
    acquirer.post(first, stan=None, batch_no=None, rrn=None)
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]


def test_a_sale_refunded_in_part_is_missed_all_the_same(till: Till, acquirer: Acquirer, said: Any):
    """No file has the sale: what was not paid back is still missing."""
    busy(till)
    lost = till.sale(5000, card=6)
    refund = till.refund(lost, 1000)
    acquirer.week(till, lost, refund)
    assert said(acquirer) == ["missing_in_acquirer P1 PROVEN"]

"""What was undone, and then done again: numbers that are used anew, holds that grew or died, payments that went back.

Sentences of the catalogue: 2.2 points 2, 3 and 5, groups A and D, hard negatives 3, 6, 15, 17 and 36.
"""

from typing import Any

import pytest

from tests.expectations.shopdays import Row, Till
from tests.expectations.stage import Scene, Stage

pytestmark = pytest.mark.thorough

stage = Stage("7780")


REGISTERED = "mcc_mismatch P2 POSSIBLE"
"""These merchants' numbers say 5411, their settings a hotel."""


def hold(till: Till, fen: int, **told: Any) -> Row:
    """A pre-authorisation, with an authorisation code of its own."""
    return till.attempt("PREAUTH", fen, auth_code=f"A{till.stan:05d}", **told)


def more(till: Till, held: Row, fen: int) -> Row:
    """A further one, which quotes the first one's authorisation code."""
    return hold(till, fen, orig_auth_code=held["auth_code"])


def complete(till: Till, held: Row, fen: int, **told: Any) -> Row:
    """A completion that names its hold by authorisation code and day."""
    return till.attempt("COMPLETION", fen, orig_auth_code=held["auth_code"], orig_date=held["business_date"], **told)


def adjust(till: Till, sale: Row, fen: int, **told: Any) -> Row:
    """A tip: the new total."""
    return till.attempt("ADJUST", fen, orig_stan=sale["stan"], orig_batch_no=sale["batch_no"], **told)


@stage.scene()
def reversed_and_paid_under_the_same_number(till: Till) -> None:
    lost = till.sale(5000, code=None)
    till.reverse(lost)
    till.sale(5000, stan=lost["stan"], rrn=f"R1{till.stan}")
    till.settle(rmb_debit_amount_fen=5000, rmb_debit_count=1)


@stage.scene()
def reversed_and_the_number_used_by_another_customer(till: Till) -> None:
    lost = till.sale(5000, code=None)
    till.reverse(lost, code="25")
    till.sale(7000, stan=lost["stan"], rrn=f"R1{till.stan}", card=9)


@stage.scene("dup_same_atc P1 PROVEN")
def a_sale_under_a_number_used_anew_is_debited_twice(till: Till) -> None:
    lost = till.sale(5000, code=None)
    till.reverse(lost)
    till.sale(5000, stan=lost["stan"], rrn=f"R1{till.stan}", atc=301, aid="A0")
    till.sale(5000, rrn=f"R2{till.stan}", atc=301, aid="A0")


@stage.scene()
def a_void_reversed_and_made_again_under_its_number(till: Till) -> None:
    sale = till.sale(5000)
    void = till.void(sale, code=None)
    till.reverse(void)
    till.void(sale, stan=void["stan"], rrn=f"R5{till.stan}")


@stage.scene()
def of_two_approvals_of_one_number_one_was_reversed(till: Till) -> None:
    first = till.sale(5000, rrn=f"R3{till.stan}")
    second = till.sale(5000, stan=first["stan"], rrn=f"R4{till.stan}")
    till.reverse(second)
    till.settle(rmb_debit_amount_fen=5000, rmb_debit_count=1)


@stage.scene("dup_stan_resent P1 PROVEN")
def two_approvals_of_one_number_after_a_reversal_of_it(till: Till) -> None:
    lost = till.sale(5000, code=None)
    till.reverse(lost)
    for rrn in (f"R1{till.stan}", f"R2{till.stan}"):
        till.sale(5000, stan=lost["stan"], rrn=rrn)


@stage.scene()
def a_tip_that_was_reversed_is_none(till: Till) -> None:
    sale = till.sale(10000)
    till.reverse(adjust(till, sale, 12000))
    till.void(sale)


@stage.scene()
def a_tip_that_was_reversed_is_not_settled(till: Till) -> None:
    sale = till.sale(10000)
    till.reverse(adjust(till, sale, 12000))
    till.settle(rmb_debit_amount_fen=10000, rmb_debit_count=1)


@stage.scene("refund_over_original P1 PROVEN")
def a_tip_that_was_reversed_cannot_be_refunded(till: Till) -> None:
    sale = till.sale(10000)
    till.reverse(adjust(till, sale, 12000))
    till.settle(rmb_debit_amount_fen=10000, rmb_debit_count=1)
    till.refund(sale, 12000, at="2026-11-22 10:00:00")


@stage.scene()
def a_tip_on_what_was_voided_before(till: Till) -> None:
    sale = till.sale(10000)
    till.void(sale)
    adjust(till, sale, 12000)


@stage.scene("void_amount_mismatch P1 PROVEN")
def a_void_that_forgets_the_tip(till: Till) -> None:
    sale = till.sale(10000)
    adjust(till, sale, 12000)
    till.void(sale, 10000)


@stage.scene("completion_over_115 P1 PROVEN", REGISTERED, mcc="7011")
def a_voided_addition_adds_nothing(till: Till) -> None:
    """115 % of 1,000.00 are 1,150.00."""
    held = hold(till, 100_000)
    added = more(till, held, 50_000)
    till.void(added, kind="PREAUTH_VOID", orig_auth_code=added["auth_code"])
    complete(till, held, 160_000)


@stage.scene(REGISTERED, mcc="7011")
def completed_within_the_sum_of_hold_and_addition(till: Till) -> None:
    held = hold(till, 100_000)
    more(till, held, 50_000)
    complete(till, held, 172_500)


@stage.scene(REGISTERED, mcc="7011")
def completed_by_the_addition_s_own_code(till: Till) -> None:
    complete(till, more(till, hold(till, 10_000), 5_000), 15_000)


@stage.scene("completion_over_115 P1 PROVEN", REGISTERED, mcc="7011")
def completed_by_the_addition_s_own_code_over_115_of_the_sum(till: Till) -> None:
    complete(till, more(till, hold(till, 10_000), 5_000), 17_251)


@stage.scene("completion_no_preauth P2 PROBABLE", REGISTERED, mcc="7011")
def a_hold_that_was_voided_is_completed(till: Till) -> None:
    held = hold(till, 10_000)
    till.void(held, kind="PREAUTH_VOID", orig_auth_code=held["auth_code"])
    complete(till, held, 10_000)


@stage.scene("completion_no_preauth P2 PROBABLE", REGISTERED, mcc="7011")
def a_hold_that_was_reversed_is_completed(till: Till) -> None:
    held = hold(till, 10_000)
    till.reverse(held)
    complete(till, held, 10_000)


@stage.scene("completion_over_115 P1 PROVEN", REGISTERED, mcc="7011")
def a_hotel_s_one_yuan_is_no_pump_s(till: Till) -> None:
    complete(till, hold(till, 100), 500_000)


@stage.scene()
def a_code_s_payment_was_refunded_and_paid_by_card(till: Till) -> None:
    paid = till.attempt("QR_SALE", 5000, code=None, order_ref="O1", rrn=None)
    till.refund(paid, kind="QR_REFUND", order_ref="O1", orig_rrn=None)
    till.sale(5000, order_ref="O1", card=44)


@stage.scene()
def a_code_s_payment_was_voided_and_paid_by_card(till: Till) -> None:
    paid = till.attempt("QR_SALE", 5000, code=None, order_ref="O1", rrn=None)
    till.void(paid, orig_rrn=None)
    till.sale(5000, order_ref="O1", card=44)


@stage.scene("reversal_pending_idle P2 PROVEN", rules={"reversal_exhausted": {"resend_times": 5}})
def a_terminal_that_sends_a_reversal_six_times_still_holds_it(till: Till) -> None:
    lost = till.sale(5000, code=None)
    till.reverse(lost, code=None, attempts=3)


@stage.scene()
def a_refund_names_reference_and_card_and_the_day_before(till: Till) -> None:
    sale = till.sale(10000)
    till.settle()
    till.refund(sale, at="2026-11-23 10:00:00", orig_date=sale["business_date"].replace(day=20))


@pytest.mark.parametrize("scene", stage.scenes, ids=lambda scene: scene.name)
def test_a_scene_has_its_findings_and_no_others(scene: Scene):
    """What was undone is gone, what was done again counts."""
    ours: Any = stage.said(scene)
    assert ours == scene.expected

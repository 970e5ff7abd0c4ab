"""Sentences of the catalogue that no other scene plays: second limbs, weaker grades, and what clears."""

from typing import Any

import pytest

from tests.expectations.shopdays import Till
from tests.expectations.stage import Scene, Stage
from tests.expectations.test_scenes_holds_batches import complete, hold
from tests.expectations.test_scenes_shops import many_sales

stage = Stage("2907")


@stage.scene("dup_card_amount_window P2 PROBABLE")
def the_first_answer_came_after_the_terminal_had_given_up(till: Till) -> None:
    first = till.sale(12345)
    first["responded_at"] = first["requested_at"].replace(microsecond=0) + (till.step * 70) / 60
    till.sale(12345, at="09:03:30")


@stage.scene("dup_card_amount_window P4 POSSIBLE")
def the_first_answer_came_within_the_terminals_patience(till: Till) -> None:
    till.sale(12345)
    till.sale(12345, at="09:01:50")


@stage.scene("dup_card_amount_window P4 POSSIBLE")
def four_minutes_apart_and_only_the_second_signed(till: Till) -> None:
    till.sale(12345)
    till.sign(till.sale(12345, at="09:05:30"))


@stage.scene("dup_card_amount_window P2 PROBABLE")
def a_tap_by_magnetic_stripe_mode_at_a_common_price(till: Till) -> None:
    for number in range(12):
        till.sale(1800, card=100 + number, entry_mode="912")
    till.sale(1800, card=7, entry_mode="912", attempts=2, at="10:00:00")
    till.sale(1800, card=7, entry_mode="912", at="10:02:00")


@stage.scene("reversal_pending_idle P2 PROBABLE")
def a_hold_whose_answer_was_lost_and_the_terminal_switched_off(till: Till) -> None:
    till.attempt("PREAUTH", 50000, code=None)


@stage.scene("retry_after_unknown P1 PROBABLE")
def swiped_again_on_a_terminal_that_states_no_numbers(till: Till) -> None:
    till.sale(36800, code=None, stan=None, batch_no=None)
    till.sale(36800, stan=None, batch_no=None)


@stage.scene("void_cross_day P4 PROVEN")
def a_void_refused_because_the_clearing_day_was_over(till: Till) -> None:
    sale = till.sale(5000, at="22:58:00")
    till.void(sale, code="12", at="23:05:00")
    till.settle(at="23:30:00")
    till.refund(sale, at="2026-11-22 10:00:00")


@stage.scene("void_failed_unresolved P2 PROBABLE")
def a_void_taken_back_and_not_made_again(till: Till) -> None:
    void = till.void(till.sale(5000))
    till.reverse(void)


@stage.scene()
def a_void_taken_back_and_made_again(till: Till) -> None:
    sale = till.sale(5000)
    till.reverse(till.void(sale))
    till.void(sale)


@stage.scene("void_no_original P1 PROVEN")
def a_void_that_names_a_batch_which_is_known_whole(till: Till) -> None:
    till.sale(5000)
    till.settle()
    sale = till.sale(5100, card=2)
    till.settle()
    till.void(sale, orig_stan=till.stan + 500, orig_rrn=None)


@stage.scene("void_operator_outlier P3 POSSIBLE")
def one_of_two_operators_voids_and_voids(till: Till) -> None:
    for number in range(60):
        till.sale(3000 + number, card=200 + number, operator_no="01")
    for number in range(12):
        till.void(till.sale(5000 + number, card=300 + number, operator_no="02"), operator_no="02")


@stage.scene()
def two_equal_things_returned_under_two_numbers(till: Till) -> None:
    sale = till.sale(9000)
    till.settle()
    till.refund(sale, 3000, order_ref="R1", at="2026-11-22 10:00:00")
    till.refund(sale, 3000, order_ref="R2", at="2026-11-22 10:05:00")


@stage.scene()
def a_hundredth_paid_back(till: Till) -> None:
    sale = till.sale(90000)
    till.settle()
    till.refund(sale, 900, at="2026-11-22 10:00:00")


@stage.scene("refund_same_day_should_void P4 PROVEN")
def refunded_in_full_before_the_settlement(till: Till) -> None:
    till.refund(till.sale(5000))


@stage.scene("refund_other_card P1 PROVEN")
def refunded_in_full_to_another_card(till: Till) -> None:
    """What weighs more is said, and no hint beside it."""
    till.refund(till.sale(5000), card_token="k1:other", pan_masked="621700******9999")


@stage.scene()
def refunded_to_the_plastic_beside_the_phone(till: Till) -> None:
    """The card that paid, the phone's, was not there: no void would have taken the other (2.11, number 25)."""
    sale = till.sale(5000, entry_mode="072")
    till.refund(sale, card_token="k1:plastic", pan_masked=f"621700******{sale['pan_masked'][-4:]}", entry_mode="052")


@stage.scene()
def refunded_without_the_card(till: Till) -> None:
    """The number was keyed in (entry mode 01): what the terminal voids asks for the card."""
    till.refund(till.sale(5000), entry_mode="012")


@stage.scene()
def a_large_sale_refunded_the_next_day(till: Till) -> None:
    many_sales(till)
    sale = till.sale(37000, at="12:00:00")
    till.settle(at="22:00:00")
    till.refund(sale, at="2026-11-22 12:00:00")


def sales(till: Till, count: int, holds: int = 0) -> None:
    """So many sales, the first of them holds instead."""
    for number in range(count):
        kind = "PREAUTH" if number < holds else "SALE"
        till.attempt(kind, 3000 + 7 * number, card=400 + till.stan, auth_code=f"{till.stan:06d}")


@stage.scene("preauth_mislabelled P2 PROBABLE")
def holds_in_place_of_sales_since_new_parameters(till: Till) -> None:
    sales(till, 120)
    till.event("PARAMETERS")
    sales(till, 20, holds=3)


@stage.scene()
def one_hold_among_many_sales_since_new_parameters(till: Till) -> None:
    sales(till, 120)
    till.event("PARAMETERS")
    sales(till, 40, holds=1)


@stage.scene()
def holds_before_new_parameters_and_after(till: Till) -> None:
    sales(till, 120, holds=9)
    till.event("PARAMETERS")
    sales(till, 20, holds=3)


@stage.scene("mcc_mismatch P2 POSSIBLE", mcc="5541")
def a_pump_holds_one_yuan_and_completes_what_was_filled(till: Till) -> None:
    for number, fen in enumerate((30000, 25050, 41999)):
        held = hold(till, 100, card=500 + number, auth_code=f"F0000{number}")
        complete(till, held, fen, card=500 + number)


@stage.scene("late_settlement P3 PROVEN")
def an_offline_sale_that_was_never_sent(till: Till) -> None:
    till.attempt("OFFLINE_SALE", 3300, code=None)
    till.event("ECHO", batch_no=None, at="2026-11-22 09:00:00")


@stage.scene()
def an_offline_sale_sent_the_next_day(till: Till) -> None:
    sold = till.attempt("OFFLINE_SALE", 3300, code=None, at="21:00:00")
    till.attempt("OFFLINE_SALE", 3300, stan=sold["stan"], at="2026-11-22 09:30:00")


@stage.scene("mid_hopping P2 PROBABLE")
def two_merchant_numbers_by_turns_from_day_to_day(till: Till) -> list[Till]:
    till.sale(5000)
    till.settle()
    other = Till(terminal=till.terminal, merchant="898290754119999", stan=7900, line=till.line, signed_in=False)
    other.sale(5100, card=2, at="2026-11-22 10:00:00")
    other.settle()
    till.sale(5200, card=3, at="2026-11-23 10:00:00")
    till.settle()
    return [other]


@stage.scene()
def registered_anew_under_another_merchant_number(till: Till) -> list[Till]:
    till.sale(5000)
    till.settle()
    other = Till(terminal=till.terminal, merchant="898290754119998", stan=7900, line=till.line, signed_in=False)
    other.sale(5100, card=2, at="2026-11-22 10:00:00")
    other.sale(5200, card=3, at="2026-11-23 10:00:00")
    other.settle()
    return [other]


@stage.scene("deposit_charged P3 POSSIBLE")
def a_deposit_among_a_terminals_first_sales(till: Till) -> list[Till]:
    new = Till(terminal="29079999", merchant=till.merchant, stan=0, batch=12, line="lane-9")
    new.sale(29900)
    return [new]


@pytest.mark.parametrize("scene", stage.scenes, ids=lambda scene: scene.name)
def test_a_scene_has_its_findings_and_no_others(scene: Scene):
    """What is wrong is said, with its weight, by its rule alone; what only looks wrong is not."""
    ours: Any = stage.said(scene)
    assert ours == scene.expected

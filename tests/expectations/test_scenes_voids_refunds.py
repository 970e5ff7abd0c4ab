"""Groups B and C beyond the classics: other terminals and cards, failures, terms, slips of the finger, habits."""

import pytest

from tests.expectations.shopdays import Till, moment
from tests.expectations.stage import Scene, Stage

stage = Stage("2902")
OTHER = {"card_token": "k1:other", "pan_masked": "621700******9999"}


@stage.scene("void_other_terminal P2 PROVEN")
def voided_at_the_next_lane(till: Till) -> list[Till]:
    sale = till.sale(5000)
    lane = Till(terminal="29029901", merchant=till.merchant, stan=7000, line="lane-9", signed_in=False)
    lane.void(sale, at="09:30:00")
    till.sale(5100, card=2, at="10:00:00")
    return [lane]


@stage.scene("void_other_terminal P2 POSSIBLE")
def voided_after_the_terminal_was_replaced(till: Till) -> list[Till]:
    sale = till.sale(5000)
    lane = Till(terminal="29029902", merchant=till.merchant, stan=7100, line="lane-9", signed_in=False)
    lane.void(sale, at="09:30:00")
    return [lane]


@stage.scene("void_card_mismatch P1 PROVEN")
def voided_to_another_card(till: Till) -> None:
    till.void(till.sale(5000), None, **OTHER)


@stage.scene()
def voided_to_the_plastic_of_a_phone(till: Till) -> None:
    till.void(till.sale(5000, entry_mode="072"), card_token="k1:phone", pan_masked="625999******5817")


@stage.scene("void_failed_unresolved P2 PROBABLE")
def a_void_declined_and_nothing_since(till: Till) -> None:
    till.void(till.sale(5000), code="96")


@stage.scene()
def a_void_declined_and_made_again(till: Till) -> None:
    sale = till.sale(5000)
    till.void(sale, code="96")
    till.void(sale)


@stage.scene()
def a_void_declined_and_refunded_instead(till: Till) -> None:
    sale = till.sale(5000)
    till.void(sale, code="96")
    till.settle(at="22:00:00")
    till.refund(sale, at="2026-11-22 10:00:00")


@stage.scene("void_operator_outlier P3 POSSIBLE")
def an_operator_who_voids_and_voids(till: Till) -> None:
    for number in range(12):
        till.void(till.sale(5000 + number, card=number, operator_no="07"), operator_no="07")
        till.sale(6000 + number, card=100 + number, operator_no="02")
        till.sale(7000 + number, card=200 + number, operator_no="03")


@stage.scene()
def test_sales_of_one_fen_voided_all_day(till: Till) -> None:
    for number in range(12):
        till.void(till.sale(1, card=number))


# --- refunds


@stage.scene("refund_of_reversed P1 PROVEN")
def refunded_after_a_reversal(till: Till) -> None:
    sale = till.sale(5000)
    till.reverse(sale)
    till.refund(sale)


@stage.scene("refund_after_window P3 PROVEN", "refund_no_original P4 UNVERIFIABLE")
def refunded_after_eleven_months(till: Till) -> None:
    till.refund(
        {**till.sale(100, card=9), "rrn": "x"}, 5000, orig_date=moment("2025-12-01 00:00:00").date(), orig_stan=None
    )


@stage.scene("refund_became_debit P1 PROBABLE")
def a_refund_that_was_keyed_as_a_sale(till: Till) -> None:
    sale = till.sale(5000)
    till.refund(sale, code="96", at="12:00:00")
    till.sale(5000, at="12:02:00")


@stage.scene("refund_same_day_should_void P4 PROVEN")
def goods_exchanged_for_dearer_ones(till: Till) -> None:
    sale = till.sale(5000)
    till.refund(sale, at="12:00:00")
    till.sale(6900, at="12:02:00")


@stage.scene("refund_same_day_should_void P4 PROVEN")
def goods_exchanged_with_a_new_order(till: Till) -> None:
    sale = till.sale(5000, order_ref="C-1")
    till.refund(sale, at="12:00:00")
    till.sale(5000, order_ref="C-2", at="12:02:00")


@stage.scene("refund_amount_typo P2 PROBABLE", "refund_over_original P1 PROVEN")
def refunded_ten_times_too_much(till: Till) -> None:
    till.refund(till.sale(5000), 50000)


@stage.scene("refund_amount_typo P2 POSSIBLE")
def refunded_with_two_digits_exchanged(till: Till) -> None:
    till.refund(till.sale(52100), 25100)


@stage.scene()
def a_genuine_part_refund(till: Till) -> None:
    till.refund(till.sale(52100), 20000)


@stage.scene("refund_unlinked_or_repeat_card P2 POSSIBLE", *["refund_no_original P2 PROBABLE"] * 3)
def three_refunds_to_a_card_that_never_paid(till: Till) -> None:
    for number in range(3):
        till.refund(till.sale(100, card=50 + number), 5000 + number, orig_rrn=f"99990000000{number}", **OTHER)


@stage.scene()
def three_part_refunds_of_one_purchase(till: Till) -> None:
    sale = till.sale(9000)
    for fen in (2000, 3000, 4000):
        till.refund(sale, fen)


@stage.scene("refund_supervisor_missing P3 PROBABLE", rules={"refund_supervisor_missing": {"required": True}})
def refunded_without_a_supervisor(till: Till) -> None:
    till.refund(till.sale(5000), 900, operator_no="07")
    till.refund(till.sale(5100, card=2), 900, operator_no="00")


@stage.scene()
def no_supervisor_is_required_here(till: Till) -> None:
    till.refund(till.sale(5000), 900, operator_no="07")


@stage.scene("refund_count_over_provider_cap P4 PROVEN", rules={"refund_count_over_provider_cap": {"most": 2}})
def a_code_refunded_three_times(till: Till) -> None:
    paid = till.attempt("QR_SALE", 9000, card_token=None, pan_masked=None)
    for fen in (1000, 1100, 1200):
        till.attempt("QR_REFUND", fen, orig_rrn=paid["rrn"], card_token=None, pan_masked=None)


@stage.scene("refund_exceeds_takings P3 POSSIBLE", rules={"refund_exceeds_takings": {"from_takings": True}})
def a_refund_before_the_first_sale_of_the_day(till: Till) -> None:
    sale = till.sale(5000)
    till.settle(at="22:00:00")
    till.at("2026-11-22 09:00:00").event("SIGN_IN")
    till.refund(sale)


@stage.scene()
def a_refund_where_takings_do_not_matter(till: Till) -> None:
    sale = till.sale(5000)
    till.settle(at="22:00:00")
    till.at("2026-11-22 09:00:00").event("SIGN_IN")
    till.refund(sale)


@stage.scene(shop="898290254119999")
def refunded_under_the_shops_other_number(till: Till) -> list[Till]:
    other = Till(terminal="29029999", merchant="898290254119999", stan=7900, line="lane-8", signed_in=False)
    other.refund(till.sale(5000, card=777), 900, at="12:00:00")
    return [other]


@pytest.mark.parametrize("scene", stage.scenes, ids=lambda scene: scene.name)
def test_a_scene_has_its_findings_and_no_others(scene: Scene):
    """What is wrong is said, with its weight, by its rule alone; what only looks wrong is not."""
    assert stage.said(scene) == scene.expected


def test_what_is_at_risk_is_what_went_wrong():
    """A reversed sale's refund is at risk whole, a mistyped one by the difference."""
    at_risk = {scene.name: [each.amount_at_risk_fen for each in stage.found(scene)] for scene in stage}
    assert at_risk["refunded_after_a_reversal"] == [5000]
    assert at_risk["refunded_with_two_digits_exchanged"] == [27000]

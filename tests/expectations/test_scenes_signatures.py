"""Group I: signatures that are missing, blank, used again, refused, or another sale's."""

import pytest

from tests.expectations.shopdays import Row, Till
from tests.expectations.stage import Scene, Stage

stage = Stage("2905")


def signed_sales(till: Till, number: int = 6, **told: object) -> list[Row]:
    """Sales that were all signed: this terminal asks for signatures."""
    sales = [till.sale(4000 + count, card=600 + count, **told) for count in range(number)]
    for sale in sales:
        till.sign(sale)
    return sales


@stage.scene("sig_missing P3 PROBABLE")
def a_signature_is_missing(till: Till) -> None:
    signed_sales(till)
    till.sale(5000)
    till.settle()


@stage.scene("sig_missing P2 PROBABLE")
def a_large_sales_signature_is_missing(till: Till) -> None:
    for sale in [till.sale(200000 + count, card=700 + count) for count in range(6)]:
        till.sign(sale)
    till.sale(250000)
    till.settle()


@stage.scene()
def small_contactless_sales_are_not_signed(till: Till) -> None:
    signed_sales(till)
    till.sale(5000, entry_mode="072")
    till.settle()


@stage.scene()
def a_terminal_that_seldom_asks_for_signatures(till: Till) -> None:
    sales = signed_sales(till, 2)
    for count in range(6):
        till.sale(5000 + count, card=count)
    assert sales
    till.settle()


@stage.scene("sig_blank P3 PROVEN")
def a_blank_signature(till: Till) -> None:
    till.sign(till.sale(4000), ink_ratio=0.0)


@stage.scene("sig_blank P3 POSSIBLE")
def little_ink_and_no_word_of_strokes(till: Till) -> None:
    till.sign(till.sale(4000), ink_ratio=0.0015)


@stage.scene()
def a_very_short_name(till: Till) -> None:
    """Less than 0.2 % of ink, but two strokes over 5 % of the picture."""
    till.sign(till.sale(4000), ink_ratio=0.0015, strokes=2, box_ratio=0.05)


@stage.scene("sig_blank P3 POSSIBLE")
def a_line_across(till: Till) -> None:
    till.sign(till.sale(4000), ink_ratio=0.01, strokes=1, box_ratio=0.04)


@stage.scene("sig_blank P3 POSSIBLE")
def a_scribble_in_a_corner(till: Till) -> None:
    till.sign(till.sale(4000), ink_ratio=0.01, strokes=2, box_ratio=0.029)


@stage.scene()
def a_signature_over_three_hundredths(till: Till) -> None:
    till.sign(till.sale(4000), ink_ratio=0.01, strokes=2, box_ratio=0.03)


@stage.scene("sig_reused_exact P1 PROVEN")
def one_picture_for_two_sales(till: Till) -> None:
    till.sign(till.sale(4000), "one")
    till.sign(till.sale(5000, card=2), "one")


@stage.scene(*["sig_blank P3 PROVEN"] * 2)
def two_blank_pictures(till: Till) -> None:
    till.sign(till.sale(4000), "blank", ink_ratio=0.0)
    till.sign(till.sale(5000, card=2), "blank", ink_ratio=0.0)


@stage.scene()
def one_picture_sent_twice_for_one_sale(till: Till) -> None:
    sale = till.sale(4000)
    till.sign(sale, "twice")
    till.sign(sale, "twice", signature_id="again")


@stage.scene("sig_reused_near P3 POSSIBLE")
def two_cards_with_nearly_one_signature(till: Till) -> None:
    till.sign(till.sale(4000), phash="f0f0f0f0f0f0f0f0")
    till.sign(till.sale(5000, card=2), phash="f0f0f0f0f0f0f0f3")


INK = "fffe" * 10 + "0000" * 5
"""Ten of fifteen rows of cells inked: 150 cells."""


@stage.scene("sig_reused_near P3 POSSIBLE")
def two_cards_with_nearly_the_same_ink(till: Till) -> None:
    """146 of 150 cells are inked by both: 97.3 in 100."""
    till.sign(till.sale(4000), phash="c3c3c3c3c3c3c3c3", cells=INK)
    till.sign(till.sale(5000, card=2), phash="c3c3c3c3c3c3c3c0", cells="0ffe" + INK[4:])


@stage.scene()
def two_cards_whose_ink_lies_elsewhere(till: Till) -> None:
    """Hashes one bit apart; 145 of 150 cells are inked by both: 96.7 in 100."""
    till.sign(till.sale(4000), phash="3c3c3c3c3c3c3c3c", cells=INK)
    till.sign(till.sale(5000, card=2), phash="3c3c3c3c3c3c3c3d", cells="07fe" + INK[4:])


@stage.scene()
def one_customer_signs_alike(till: Till) -> None:
    till.sign(till.sale(4000), phash="0f0f0f0f0f0f0f0f")
    till.sign(till.sale(5000), phash="0f0f0f0f0f0f0f0e")


@stage.scene("sig_upload_failed P2 PROVEN")
def a_signature_refused(till: Till) -> None:
    till.sign(till.sale(4000), upload_state="refused", response_code="96")
    till.settle()


@stage.scene()
def a_signature_refused_and_taken_later(till: Till) -> None:
    sale = till.sale(4000)
    till.sign(sale, upload_state="refused", response_code="96")
    till.sign(sale, signature_id="later")
    till.settle()


@stage.scene("sig_code_mismatch P2 PROVEN")
def a_signature_of_another_sale(till: Till) -> None:
    till.sign(till.sale(4000), feature_code="0A1B2C3D", transaction_feature_code="0A1B2C3E")


@stage.scene()
def a_signature_of_its_sale(till: Till) -> None:
    till.sign(till.sale(4000), feature_code="0A1B2C3D", transaction_feature_code="0A1B2C3D")


@stage.scene("large_txn_no_slip P2 PROBABLE")
def a_large_sale_without_pin_and_signature(till: Till) -> None:
    till.sign(till.sale(4000))
    till.sale(600000, card=2, entry_mode="052")
    till.settle()


@stage.scene()
def a_large_sale_with_its_pin(till: Till) -> None:
    till.sign(till.sale(4000))
    till.sale(600000, card=2, entry_mode="051")
    till.settle()


@pytest.mark.parametrize("scene", stage.scenes, ids=lambda scene: scene.name)
def test_a_scene_has_its_findings_and_no_others(scene: Scene):
    """What is wrong is said, with its weight, by its rule alone; what only looks wrong is not."""
    assert stage.said(scene) == scene.expected

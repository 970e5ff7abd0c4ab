"""Group A beyond the classics: references, waiting reversals, codes and cards, holds, identities."""

import pytest

from tests.expectations.shopdays import Till
from tests.expectations.stage import Scene, Stage

stage = Stage("2901")


# --- dup_rrn_twice


@stage.scene("dup_rrn_twice P1 PROVEN")
def one_reference_on_two_slips(till: Till) -> None:
    till.sale(36840, rrn="112109000001")
    till.sale(36840, rrn="112109000001", at="10:30:00")


@stage.scene()
def a_reference_used_again_next_day(till: Till) -> None:
    till.sale(36840, rrn="112109000002")
    till.settle(at="22:00:00")
    till.sale(36840, rrn="112109000002", at="2026-11-22 10:30:00")


@stage.scene("dup_rrn_twice P1 POSSIBLE")
def one_reference_on_two_cards(till: Till) -> None:
    till.sale(36840, rrn="112109000003")
    till.sale(36840, rrn="112109000003", card=2, at="10:30:00")


@stage.scene()
def one_reference_and_the_first_was_reversed(till: Till) -> None:
    till.reverse(till.sale(36840, rrn="112109000004"))
    till.sale(36840, rrn="112109000004", at="10:30:00")


# --- offline_online_double_post


@stage.scene("offline_online_double_post P1 PROVEN")
def offline_and_online_with_one_counter(till: Till) -> None:
    till.attempt("OFFLINE_SALE", 5210, atc=7, aid="A0")
    till.sale(5210, atc=7, aid="A0", at="12:00:00")


@stage.scene("offline_online_double_post P2 PROBABLE")
def offline_and_online_with_one_order(till: Till) -> None:
    till.attempt("OFFLINE_SALE", 5210, atc=7, order_ref="A-17")
    till.sale(5210, atc=8, order_ref="A-17", at="12:00:00")


@stage.scene()
def two_visits_one_of_them_offline(till: Till) -> None:
    till.attempt("OFFLINE_SALE", 5210, atc=7)
    till.sale(5210, atc=8, at="12:00:00")


@stage.scene()
def an_offline_sale_and_its_own_upload(till: Till) -> None:
    sold = till.attempt("OFFLINE_SALE", 5210, atc=7)
    till.sale(5210, atc=7, stan=sold["stan"], rrn=sold["rrn"], at="12:00:00")


# --- reversal_pending_idle and host_approved_terminal_failed; every scene's day is long over


@stage.scene("reversal_pending_idle P2 PROBABLE")
def no_answer_and_silence(till: Till) -> None:
    till.sale(8800)
    till.sale(8801, code=None, card=2)


@stage.scene("reversal_pending_idle P2 PROVEN")
def a_reversal_without_an_answer_and_silence(till: Till) -> None:
    till.reverse(till.sale(8801, code=None, card=2), None)


@stage.scene("reversal_pending_idle P2 PROBABLE", "stan_gap P3 PROVEN")
def a_reversal_without_an_answer_and_a_dropped_record(till: Till) -> None:
    till.reverse(till.sale(8801, code=None, card=2, at="10:30:00"), None, at="10:30:10")
    till.stan += 1
    till.event("ECHO", at="10:30:20")


@stage.scene("dup_rrn_twice P1 PROVEN")
def one_reference_for_two_trace_numbers_is_told_once(till: Till) -> None:
    first = till.sale(7310, card=3)
    till.sale(7310, card=3, rrn=first["rrn"])


@stage.scene()
def a_waiting_reversal_confirmed_an_hour_later(till: Till) -> None:
    lost = till.sale(8801, code=None, card=2)
    till.reverse(lost, at="10:30:00")


@stage.scene("host_approved_terminal_failed P4 UNVERIFIABLE")
def no_answer_and_the_shop_goes_on(till: Till) -> None:
    till.sale(8801, code=None, card=2)
    till.sale(7310, at="10:30:00")


@stage.scene("host_approved_terminal_failed P2 PROBABLE")
def approved_taken_back_and_the_reversal_refused(till: Till) -> None:
    till.reverse(till.sale(8801, card=2), "96")
    till.sale(7310, at="10:30:00")


@stage.scene()
def no_answer_and_refunded_since(till: Till) -> None:
    lost = till.sale(8801, code=None, card=2)
    till.refund(lost, at="10:30:00")


# --- dup_batch_upload


@stage.scene("dup_batch_upload P4 POSSIBLE")
def uploaded_twice(till: Till) -> None:
    till.event("BATCH_UPLOAD_END")
    till.event("BATCH_UPLOAD_END")


@stage.scene()
def uploaded_again_after_unbalanced(till: Till) -> None:
    till.sale(100)
    till.settle(rmb_flag="2")
    till.batch -= 1
    till.event("BATCH_UPLOAD_END")
    till.event("BATCH_UPLOAD_END")


# --- qr_card_double_pay


@stage.scene("qr_card_double_pay P2 PROBABLE")
def one_order_by_code_and_by_card(till: Till) -> None:
    till.attempt("QR_SALE", 4260, order_ref="B-1", card_token=None, pan_masked=None)
    till.sale(4260, order_ref="B-1")


@stage.scene("qr_card_double_pay P2 POSSIBLE", "host_approved_terminal_failed P4 UNVERIFIABLE")
def a_code_without_a_result_then_a_card(till: Till) -> None:
    till.attempt("QR_SALE", 4260, code=None, card_token=None, pan_masked=None)
    till.sale(4260, at="09:05:00")


@stage.scene()
def two_customers_and_one_price(till: Till) -> None:
    till.attempt("QR_SALE", 4260, card_token=None, pan_masked=None)
    till.sale(4260)


@stage.scene()
def two_orders_by_code_and_by_card(till: Till) -> None:
    till.attempt("QR_SALE", 4260, order_ref="B-1", card_token=None, pan_masked=None)
    till.sale(4260, order_ref="B-2")


@stage.scene()
def a_code_that_was_closed_then_a_card(till: Till) -> None:
    till.attempt("QR_SALE", 4260, order_ref="B-1", code="54", card_token=None, pan_masked=None)
    till.sale(4260, order_ref="B-1")


@stage.scene()
def a_code_that_was_refunded_and_a_card(till: Till) -> None:
    paid = till.attempt("QR_SALE", 4260, order_ref="B-1", card_token=None, pan_masked=None)
    till.refund(paid, kind="QR_REFUND")
    till.sale(4260, order_ref="B-1")


# --- dup_completion and completion_plus_sale


def hold(till: Till, fen: int = 50000, **told: object) -> dict[str, object]:
    """A pre-authorisation with its code."""
    return till.attempt("PREAUTH", fen, auth_code="A1B2C3", **told)


def complete(till: Till, held: dict[str, object], fen: int, **told: object) -> dict[str, object]:
    """A completion that names its hold."""
    named = {"orig_auth_code": held["auth_code"], "orig_date": held["business_date"]}
    return till.attempt("COMPLETION", fen, **named, **told)


@stage.scene("dup_completion P1 PROVEN")
def completed_twice_above_115_percent(till: Till) -> None:
    held = hold(till)
    complete(till, held, 45000)
    complete(till, held, 40000)


@stage.scene("dup_completion P2 POSSIBLE")
def two_equal_parts_within_115_percent(till: Till) -> None:
    held = hold(till)
    complete(till, held, 20000)
    complete(till, held, 20000)


@stage.scene()
def two_unequal_parts_within_115_percent(till: Till) -> None:
    held = hold(till)
    complete(till, held, 30000)
    complete(till, held, 27500)


@stage.scene()
def the_first_completion_was_voided(till: Till) -> None:
    held = hold(till)
    till.void(complete(till, held, 45000), kind="COMPLETION_VOID")
    complete(till, held, 45000)


@stage.scene("completion_plus_sale P2 PROBABLE")
def completion_and_sale_of_one_stay(till: Till) -> None:
    complete(till, hold(till), 45000)
    till.sale(45000, at="16:00:00")


@stage.scene()
def a_sale_with_its_own_order(till: Till) -> None:
    complete(till, hold(till), 45000, order_ref="room")
    till.sale(45000, order_ref="bar", at="16:00:00")


# --- dq_duplicate_record


@stage.scene("dq_duplicate_record P4 PROVEN", rules={"dq_duplicate_record": {"enabled": True}})
def one_record_read_twice(till: Till) -> None:
    till.attempts.append(dict(till.sale(1001)))


# --- duplicate_terminal_identity


@stage.scene("duplicate_terminal_identity P2 PROBABLE")
def one_terminal_on_two_lines_by_turns(till: Till) -> None:
    till.sale(1001)
    till.sale(1002, line="copy", card=2)
    till.sale(1003, card=3)


@stage.scene("duplicate_terminal_identity P2 PROBABLE")
def batches_of_two_devices_are_no_sequence(till: Till) -> None:
    """The copy's batch is another one's: the first goes on with its own, and has skipped none."""
    till.sale(1001, at="10:00:00")
    till.batch += 700
    till.stan += 100_000
    till.sale(1002, line="copy", card=2, at="11:00:00")
    till.batch -= 700
    till.stan -= 100_001
    till.sale(1003, card=3, at="12:00:00")
    till.settle(at="21:00:00")
    till.sale(1004, card=4, at="2026-11-22 10:00:00")


@stage.scene("duplicate_terminal_identity P2 PROBABLE")
def one_terminal_on_two_lines_over_two_days(till: Till) -> None:
    """One line in the morning, another in the evening, and next morning the first again: the lines' days overlap."""
    till.sale(1001, at="2026-11-21 10:00:00")
    till.sale(1002, line="copy", card=2, at="2026-11-21 18:00:00")
    till.sale(1003, card=3, at="2026-11-22 09:00:00")


@stage.scene()
def a_spare_device_while_one_was_mended(till: Till) -> None:
    """The first line is heard again three days after its last message."""
    till.sale(1001, at="2026-11-21 10:00:00")
    till.settle()
    till.sale(1002, line="spare", card=2, at="2026-11-21 18:00:00")
    till.settle()
    till.sale(1003, line="spare", card=3, at="2026-11-23 18:00:00")
    till.settle()
    till.sale(1004, card=4, at="2026-11-24 12:00:00")


@stage.scene()
def a_terminal_moved_to_another_line(till: Till) -> None:
    till.sale(1001)
    till.sale(1002, line="new", card=2)
    till.sale(1003, line="new", card=3)


@pytest.mark.parametrize("scene", stage.scenes, ids=lambda scene: scene.name)
def test_a_scene_has_its_findings_and_no_others(scene: Scene):
    """What is wrong is said, with its weight, by its rule alone; what only looks wrong is not."""
    assert stage.said(scene) == scene.expected


def test_each_finding_names_what_it_accuses_first():
    """The later entry, the unanswered attempt, the second payment."""
    accused = {scene.name: [each.subjects[0].txn_type for each in stage.found(scene)] for scene in stage}
    assert accused["offline_and_online_with_one_order"] == ["SALE"]
    assert accused["one_order_by_code_and_by_card"] == ["SALE"]
    assert accused["completed_twice_above_115_percent"] == ["COMPLETION"]
    assert accused["no_answer_and_silence"] == ["SALE"]

"""The catalogue's sentences, acted by an outsider's terminals over a New Year, and landed in more than one way."""

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.expectations.outsider import QR, ZONE, Till, capture, card, order
from tests.expectations.outsiderstage import Plays, judged, landed, run

pytestmark = pytest.mark.slow

DAY = dt.datetime(2025, 12, 31, 9, tzinfo=ZONE)
NOON = DAY + dt.timedelta(hours=3)
BOB = card(910_002)
plays = Plays("898310058121", "3200", DAY)


def after(minutes: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


def alice(till: Till) -> str:
    """A card that nobody else's shop sees."""
    return card(920_000 + int(till.terminal))


# --- one purchase debited twice


@plays.finds(("dup_card_amount_window", "PROBABLE", 36840))
def sent_twice_and_taken_again(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till), answered=40, again=(20,))
    till.go(after(1.5), "SALE", 36840, alice(till))


@plays.finds(("dup_card_amount_window", "PROBABLE", 36840))
def sent_twice_and_taken_again_at_the_next_till(till: Till) -> list[Till]:
    other = plays.second(till)
    till.go(NOON, "SALE", 36840, alice(till), answered=40, again=(20,))
    other.go(after(2), "SALE", 36840, alice(till))
    return [other]


@plays.finds(("dup_card_amount_window", "PROBABLE", 36840))
def answered_after_the_terminal_had_given_up(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till), answered=70)
    till.go(after(2.5), "SALE", 36840, alice(till))


@plays.finds(("dup_card_amount_window", "PROBABLE", 36840))
def taken_again_in_the_new_year(till: Till) -> None:
    late = DAY.replace(hour=23, minute=59, second=40)
    till.go(late, "SALE", 36840, alice(till), answered=30, again=(12,))
    till.go(late + dt.timedelta(seconds=60), "SALE", 36840, alice(till))


@plays.finds(("dup_card_amount_window", "PROBABLE", 36840))
def sent_twice_by_a_clock_seven_minutes_fast(till: Till) -> None:
    fast = {12: "120700", 13: "1231"}
    till.go(NOON, "SALE", 36840, alice(till), answered=40, again=(20,), asks=fast)
    till.go(after(1.5), "SALE", 36840, alice(till), asks={12: "120830", 13: "1231"})


@plays.finds(("dup_card_amount_window", "POSSIBLE", 36840))
def taken_twice_in_four_minutes_without_any_sign(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(4), "SALE", 36840, alice(till))


@plays.finds()
def two_orders_of_one_card(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till), asks=order("O-1001"))
    till.go(after(0.6), "SALE", 36840, alice(till), asks=order("O-1002"))


@plays.finds(("retry_after_unknown", "PROBABLE", 36840))
def host_timed_out_and_taken_again(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till), code="68")
    till.go(after(2.5), "SALE", 36840, alice(till))


@plays.finds(("retry_after_unknown", "PROBABLE", 36840))
def no_answer_and_taken_again_at_the_next_till(till: Till) -> list[Till]:
    other = plays.second(till)
    till.go(NOON, "SALE", 36840, alice(till), answered=None)
    other.go(after(4), "SALE", 36840, alice(till))
    till.go(after(30), "SALE", 5500, BOB)
    return [other]


@plays.finds()
def wrong_pin_three_times(till: Till) -> None:
    for minute in range(3):
        till.go(after(minute), "SALE", 36840, alice(till), code="55")
    till.go(after(4), "SALE", 36840, alice(till))


@plays.finds(("dup_stan_resent", "PROVEN", 36840))
def one_trace_number_approved_as_vip_twice(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till), code="11")
    till.go(after(1), "SALE", 36840, alice(till), code="11", stan=first.stan)


@plays.finds(("dup_stan_resent", "PROVEN", 36840))
def one_trace_number_twice_and_the_second_without_authorisation_code(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(1), "SALE", 36840, alice(till), stan=first.stan, tells={38: None})


@plays.finds(("dup_stan_resent", "PROVEN", 36840))
def one_trace_number_twice_and_no_references(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till), tells={37: None})
    till.go(after(1), "SALE", 36840, alice(till), stan=first.stan, tells={37: None, 38: "777777"})


@plays.finds(("dup_rrn_twice", "PROVEN", 36840))
def one_reference_for_two_trace_numbers(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(20), "SALE", 36840, alice(till), tells={37: first.rrn})


@plays.finds(("dup_same_atc", "PROVEN", 36840))
def one_counter_at_two_tills(till: Till) -> list[Till]:
    other = plays.second(till)
    till.go(NOON, "SALE", 36840, alice(till), atc=500)
    other.go(after(4), "SALE", 36840, alice(till), atc=500)
    return [other]


@plays.finds()
def one_counter_of_two_cards(till: Till) -> None:
    till.go(NOON, "SALE", 36840, alice(till), atc=9)
    till.go(after(1), "SALE", 36840, BOB, atc=9)


@plays.finds(("offline_online_double_post", "PROVEN", 36840))
def offline_and_online(till: Till) -> None:
    till.go(NOON, "OFFLINE_SALE", 36840, alice(till), atc=55, asks={38: "111111"})
    till.go(after(50), "SALE", 36840, alice(till), atc=55)


@plays.finds()
def offline_and_sent_again(till: Till) -> None:
    first = till.go(NOON, "OFFLINE_SALE", 36840, alice(till), atc=55, answered=None, asks={38: "111111"})
    till.go(after(30), "OFFLINE_SALE", 36840, alice(till), atc=55, stan=first.stan, asks={38: "111111"})


@plays.finds(("qr_card_double_pay", "PROBABLE", 36840))
def one_order_by_code_and_by_card(till: Till) -> None:
    till.go(NOON, "SALE", 36840, "", entry=QR, asks=order("2025123100001"))
    till.go(after(2), "SALE", 36840, alice(till), asks=order("2025123100001"))


@plays.finds(("qr_card_double_pay", "POSSIBLE", 36840), ("host_approved_terminal_failed", "UNVERIFIABLE", 36840))
def a_code_without_an_answer_then_a_card(till: Till) -> None:
    till.go(NOON, "SALE", 36840, "", entry=QR, asks=order("2025123100002"), answered=None)
    till.go(after(2), "SALE", 36840, alice(till))


@plays.finds()
def a_code_taken_back_then_a_card(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, "", entry=QR, asks=order("2025123100003"), answered=None)
    till.reverse(after(1), first)
    till.go(after(2), "SALE", 36840, alice(till))


@plays.finds()
def one_price_by_code_and_by_card(till: Till) -> None:
    till.go(NOON, "SALE", 36840, "", entry=QR, asks=order("2025123100004"))
    till.go(after(2), "SALE", 36840, alice(till))


# --- reversals


@plays.finds(("reversal_exhausted", "PROVEN", 36840))
def reversals_answered_06(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till), answered=None)
    for minute in (1, 2, 3):
        till.reverse(after(minute), first, "06")
    till.go(after(30), "SALE", 5500, BOB)


@plays.finds()
def the_host_calls_the_original_invalid(till: Till) -> None:
    first = till.go(NOON, "SALE", 36840, alice(till), answered=None)
    till.reverse(after(1), first, "12")
    till.go(after(2), "SALE", 36840, alice(till))


@plays.finds()
def reversed_the_next_morning(till: Till) -> None:
    first = till.go(DAY.replace(hour=21), "SALE", 36840, alice(till), answered=None)
    till.reverse(DAY + dt.timedelta(days=1), first, "25")
    till.go(DAY + dt.timedelta(days=1, minutes=2), "SALE", 5500, BOB)


# --- voids


@plays.finds()
def voids_that_name_their_sale_in_other_ways(till: Till) -> None:
    for minute, asks in enumerate(({61: None}, {37: None, 38: None}, {})):
        sale = till.go(after(10 * minute), "SALE", 36840 + minute, alice(till))
        dated = {61: sale.batch + sale.stan + sale.day} if not asks else {}
        till.go(after(10 * minute + 3), "VOID", 36840 + minute, alice(till), of=sale, asks=asks | dated)


@plays.finds(("void_amount_mismatch", "PROVEN", 6840))
def voided_by_reference_for_less(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(3), "VOID", 30000, alice(till), of=sale, asks={61: None})


@plays.finds(("void_after_settlement", "PROVEN", 36840))
def voided_after_the_settlement(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.settle(after(10), (36840, 1))
    till.go(after(20), "VOID", 36840, alice(till), of=sale)


@plays.finds(("void_cross_day", "PROVEN", 36840))
def sold_before_and_voided_after_the_cut(till: Till) -> None:
    sale = till.go(DAY.replace(hour=22, minute=58), "SALE", 36840, alice(till))
    till.go(DAY.replace(hour=23, minute=5), "VOID", 36840, alice(till), of=sale, tells={15: "0101"})


@plays.finds()
def voided_after_midnight_on_the_same_clearing_day(till: Till) -> None:
    sale = till.go(DAY.replace(hour=23, minute=30), "SALE", 36840, alice(till), tells={15: "0101"})
    till.go(DAY + dt.timedelta(hours=15, minutes=10), "VOID", 36840, alice(till), of=sale)


@plays.finds(("void_other_terminal", "PROVEN", 36840))
def voided_at_the_next_till(till: Till) -> list[Till]:
    other = plays.second(till)
    sale = till.go(NOON, "SALE", 36840, alice(till))
    other.go(after(4), "VOID", 36840, alice(till), of=sale)
    till.go(after(400), "SALE", 4321, BOB)
    return [other]


@plays.finds()
def a_tip_and_then_voided(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(5), "ADJUST", 40000, alice(till), of=sale)
    till.go(after(9), "VOID", 40000, alice(till), of=sale)


@plays.finds()
def a_code_voided(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, "", entry=QR, asks=order("2025123100005"))
    till.go(after(30), "VOID", 30000, "", of=sale, entry=QR, asks=order("2025123100005"))


# --- refunds


@plays.finds()
def three_parts_and_one_refused_in_between(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, alice(till))
    for minute, code in ((30, "00"), (50, "96"), (52, "00"), (90, "00")):
        till.go(after(minute), "REFUND", 10000, alice(till), of=sale, code=code)


@plays.finds(("refund_cumulative_over", "PROVEN", 1), ("refund_unlinked_or_repeat_card", "POSSIBLE", 1))
def three_parts_and_a_fen_too_much(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, alice(till))
    for minute, amount in ((30, 10000), (60, 15000), (90, 5001)):
        till.go(after(minute), "REFUND", amount, alice(till), of=sale)


@plays.finds()
def refunded_in_the_new_year(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, alice(till))
    till.go(after(22 * 60), "REFUND", 30000, alice(till), of=sale)


@plays.finds(("refund_over_original", "PROVEN", 27000), ("refund_amount_typo", "PROBABLE", 27000))
def refunded_ten_times(till: Till) -> None:
    sale = till.go(NOON, "SALE", 3000, alice(till))
    till.go(after(60), "REFUND", 30000, alice(till), of=sale)


@plays.finds(("refund_over_original", "PROVEN", 360), ("refund_amount_typo", "PROBABLE", 360))
def refunded_with_two_digits_exchanged(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36480, alice(till))
    till.go(after(60), "REFUND", 36840, alice(till), of=sale)


@plays.finds(("refund_same_day_should_void", "PROVEN", 0))
def refunded_before_the_settlement(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(60), "REFUND", 36840, alice(till), of=sale)


@plays.finds()
def refunded_as_the_void_was_refused(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(5), "VOID", 36840, alice(till), of=sale, code="12")
    till.go(after(60), "REFUND", 36840, alice(till), of=sale)


@plays.finds()
def refunded_after_the_void_was_taken_back(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    void = till.go(after(5), "VOID", 36840, alice(till), of=sale)
    till.reverse(after(6), void)
    till.go(after(200), "REFUND", 36840, alice(till), of=sale)


@plays.finds(("refund_same_day_should_void", "PROVEN", 0), ("refund_became_debit", "PROBABLE", 36840))
def refunded_and_debited_again(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(60), "REFUND", 36840, alice(till), of=sale)
    till.go(after(70), "SALE", 36840, alice(till))


@plays.finds(("dup_refund", "POSSIBLE", 10000))
def equal_parts_within_ten_minutes(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(100), "REFUND", 10000, alice(till), of=sale)
    till.go(after(105), "REFUND", 10000, alice(till), of=sale)


@plays.finds()
def equal_parts_eleven_minutes_apart(till: Till) -> None:
    sale = till.go(NOON, "SALE", 36840, alice(till))
    till.go(after(100), "REFUND", 10000, alice(till), of=sale)
    till.go(after(111.5), "REFUND", 10000, alice(till), of=sale)


@plays.finds()
def a_code_refunded_in_three_parts(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, "", entry=QR, asks=order("2025123100006"))
    for minute in (30, 60, 90):
        till.go(after(minute), "REFUND", 10000, "", of=sale, entry=QR, asks=order("2025123100006"))


@plays.finds(("refund_over_original", "PROVEN", 2000))
def a_code_refunded_too_much(till: Till) -> None:
    sale = till.go(NOON, "SALE", 30000, "", entry=QR, asks=order("2025123100007"))
    till.go(after(30), "REFUND", 32000, "", of=sale, entry=QR, asks=order("2025123100007"))


# --- holds


@plays.finds(("dup_completion", "PROVEN", 50000))
def completed_online_and_by_advice(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(104), "COMPLETION_ADVICE", 50000, alice(till), of=hold)


@plays.finds()
def completed_again_after_a_void(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    first = till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(102), "COMPLETION_VOID", 50000, alice(till), of=first)
    till.go(after(104), "COMPLETION", 50000, alice(till), of=hold)


@plays.finds(("completion_plus_sale", "PROBABLE", 50000))
def completed_and_sold(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(140), "SALE", 50000, alice(till))


@plays.finds()
def a_hold_that_was_added_to(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(60), "PREAUTH", 30000, alice(till), asks={38: hold.auth})
    till.go(after(600), "COMPLETION", 85000, alice(till), of=hold)


@plays.finds()
def a_hold_voided_at_the_next_till(till: Till) -> list[Till]:
    other = plays.second(till)
    hold = till.go(NOON, "PREAUTH", 36840, alice(till))
    other.go(after(4), "PREAUTH_VOID", 36840, alice(till), of=hold)
    return [other]


@plays.finds(("preauth_void_after_completion", "PROVEN", 50000))
def a_hold_voided_after_its_completion(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(160), "PREAUTH_VOID", 50000, alice(till), of=hold)


@plays.finds(("completion_void_amount", "PROVEN", 10000))
def a_completion_voided_for_less(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    done = till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(120), "COMPLETION_VOID", 40000, alice(till), of=done)


@plays.finds(("preauth_mislabelled", "PROBABLE", 50000))
def held_and_sold(till: Till) -> None:
    till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(10), "SALE", 50000, alice(till))


# --- numbers and clocks


@plays.finds()
def trace_numbers_that_wrap(till: Till) -> None:
    till.stan = 999_997
    for number in range(6):
        till.go(after(10 * number), "SALE", 5000 + 7 * number, card(930_000 + number))


@plays.finds(("batch_gap", "PROBABLE", 0))
def three_batches_that_nobody_saw(till: Till) -> None:
    till.go(NOON, "SALE", 30000, alice(till))
    till.settle(after(90), (30000, 1))
    till.batch += 3
    till.go(after(200), "SALE", 5500, BOB)


@plays.finds(("clock_skew", "PROVEN", 0))
def a_clock_five_hours_fast(till: Till) -> None:
    for number in range(8):
        told = after(10 * number) + dt.timedelta(hours=5)
        asks = {12: f"{told:%H%M%S}", 13: f"{told:%m%d}"}
        till.go(after(10 * number), "SALE", 5000 + 7 * number, card(940_000 + number), asks=asks)


def shop(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A folder with keys."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    run("doctor", "--create-keys")


def test_the_catalogue_is_judged_by_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At each merchant what is wrong is found, and nothing else anywhere; in whatever parts the captures land."""
    shop(monkeypatch, tmp_path)
    lines = list(capture(plays.tills()))
    landed([lines])

    whole = judged()

    assert plays.wrong(whole) == {}
    shop(monkeypatch, tmp_path / "in parts")
    days = [[each for each in lines if json.loads(each)["t"][:10] == day] for day in ("2025-12-30", "2026-01-01")]
    noon = [each for each in lines if json.loads(each)["t"][:10] == "2025-12-31"]
    middle = len(noon) // 2  # in the middle of an exchange or not: the same
    landed([noon[middle:], days[1], noon[:middle]])
    judged()
    landed([days[0], noon])  # a day late, and half of another once more

    assert judged() == whole

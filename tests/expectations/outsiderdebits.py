"""The catalogue's sentences of purchases debited twice and of reversals, acted by an outsider's tills."""

import datetime as dt

from tests.expectations.outsider import QR, Till, order
from tests.expectations.outsidernewyear import BOB, DAY, NOON, after, alice, stage

plays = stage()


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

"""The catalogue's sentences of voids and refunds, acted by an outsider's tills."""

import datetime as dt

from tests.expectations.outsider import QR, Till, order
from tests.expectations.outsidernewyear import BOB, DAY, NOON, after, alice, stage

plays = stage()


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

"""The judge before messages that our own builder did not make: an outsider's terminals, through the command line."""

import datetime as dt
from pathlib import Path

import pytest

from tests.expectations.outsider import ZONE, Till, capture, card
from tests.expectations.outsiderstage import Plays, judged, landed, run

pytestmark = pytest.mark.slow

DAY = dt.datetime(2026, 11, 26, 9, tzinfo=ZONE)
NOON = DAY + dt.timedelta(hours=3)
ALICE, BOB = card(900_001), card(900_002)
plays = Plays("898310058120", "3100", DAY)


def after(minutes: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minutes)


@plays.finds(("dup_stan_resent", "PROVEN", 36800))
def one_trace_number_approved_twice(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(1), "SALE", 36800, ALICE, stan=first.stan)


@plays.finds(("dup_same_atc", "PROVEN", 36800))
def one_cryptogram_counter_for_two_sales(till: Till) -> None:
    till.go(NOON, "SALE", 36800, ALICE, atc=777)
    till.go(after(30), "SALE", 36800, ALICE, atc=777)


@plays.finds(("retry_after_unknown", "PROBABLE", 36800), ("reversal_exhausted", "PROVEN", 36800))
def no_answer_no_reversal_and_swiped_again(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE, answered=None)
    for minute in (1, 1.5, 2, 2.5):
        till.reverse(after(minute), first, None)
    till.go(after(4), "SALE", 36800, ALICE)


@plays.finds(("reversal_exhausted", "PROVEN", 36800))
def reversals_that_the_host_refuses(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE, answered=None)
    for minute, code in ((1, None), (1.5, "96"), (2, "96"), (2.5, "96")):
        till.reverse(after(minute), first, code)
    till.go(after(9), "SALE", 5500, BOB)


@plays.finds()
def no_answer_but_reversed(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE, answered=None)
    till.reverse(after(1), first, "00")
    till.go(after(2), "SALE", 36800, ALICE)


@plays.finds()
def no_answer_and_the_host_never_had_it(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE, answered=None)
    till.reverse(after(1), first, "25")
    till.go(after(2), "SALE", 36800, ALICE)


@plays.finds()
def an_answer_that_came_after_the_reversal(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE, answered=75)
    till.reverse(after(62 / 60), first, "00")
    till.go(after(3), "SALE", 36800, ALICE)


@plays.finds()
def declined_then_approved(till: Till) -> None:
    till.go(NOON, "SALE", 36800, ALICE, code="51")
    till.go(after(1), "SALE", 36800, ALICE)


@plays.finds()
def two_coffees(till: Till) -> None:
    for minute in range(30):
        till.go(after(minute), "SALE", 1800, card(700_000 + minute), entry="072")
    till.go(after(40), "SALE", 1800, ALICE, entry="072")
    till.go(after(40.5), "SALE", 1800, ALICE, entry="072")


@plays.finds()
def four_friends_split_a_bill(till: Till) -> None:
    for number in range(4):
        till.go(after(number), "SALE", 12125, card(600_000 + number))


@plays.finds()
def voided_and_sold_again(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(1), "VOID", 36800, ALICE, of=first)
    till.go(after(2), "SALE", 63800, ALICE)


@plays.finds(("void_no_original", "PROVEN", 36800))
def a_void_of_nothing(till: Till) -> None:
    lost = till.go(NOON, "SALE", 36800, ALICE)
    till.heard = till.heard[:-2]
    till.stan -= 1
    till.go(after(5), "VOID", 36800, ALICE, of=type(lost)(**{**lost.__dict__, "stan": "000999"}))


@plays.finds(("void_amount_mismatch", "PROVEN", 800))
def a_void_of_less(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(5), "VOID", 36000, ALICE, of=first)


@plays.finds(("void_card_mismatch", "PROVEN", 36800))
def a_void_to_another_card(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(5), "VOID", 36800, BOB, of=first)


@plays.finds(("double_void", "PROVEN", 36800))
def voided_twice(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(5), "VOID", 36800, ALICE, of=first)
    till.go(after(6), "VOID", 36800, ALICE, of=first)


@plays.finds()
def a_void_reversed_and_made_again(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    void = till.go(after(5), "VOID", 36800, ALICE, of=first, answered=None)
    till.reverse(after(6), void, "00")
    till.go(after(7), "VOID", 36800, ALICE, of=first)


@plays.finds(("void_failed_unresolved", "PROBABLE", 36800))
def a_void_reversed_and_forgotten(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    void = till.go(after(5), "VOID", 36800, ALICE, of=first, answered=None)
    till.reverse(after(6), void, "00")


@plays.finds(("void_failed_unresolved", "PROBABLE", 36800))
def a_void_declined_and_forgotten(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(5), "VOID", 36800, ALICE, of=first, code="91")


@plays.finds()
def a_void_declined_and_made_again(till: Till) -> None:
    first = till.go(NOON, "SALE", 36800, ALICE)
    till.go(after(5), "VOID", 36800, ALICE, of=first, code="91")
    till.go(after(7), "VOID", 36800, ALICE, of=first)


@plays.finds(("refund_over_original", "PROVEN", 2000))
def paid_back_too_much(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.go(after(300), "REFUND", 21900, ALICE, of=first)


@plays.finds(("refund_over_original", "PROVEN", 12000))
def paid_back_what_was_approved_only_in_part(till: Till) -> None:
    first = till.go(NOON, "SALE", 30000, ALICE, code="10", approved=18000)
    till.go(after(300), "REFUND", 30000, ALICE, of=first)


@plays.finds()
def approved_in_part_and_the_rest_by_another_card(till: Till) -> None:
    till.go(NOON, "SALE", 30000, ALICE, code="10", approved=18000)
    till.go(after(1), "SALE", 12000, BOB)


@plays.finds(("refund_cumulative_over", "PROVEN", 1100))
def paid_back_twice_in_part_and_too_much(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.go(after(200), "REFUND", 10000, ALICE, of=first)
    till.go(after(300), "REFUND", 11000, ALICE, of=first)


@plays.finds()
def paid_back_in_three_parts(till: Till) -> None:
    first = till.go(NOON, "SALE", 30000, ALICE)
    for number, amount in enumerate((12000, 9500, 8500)):
        till.go(after(60 + 60 * number), "REFUND", amount, ALICE, of=first)


@plays.finds(("dup_refund", "PROVEN", 19900))
def paid_back_twice(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.go(after(200), "REFUND", 19900, ALICE, of=first)
    till.go(after(202), "REFUND", 19900, ALICE, of=first)


@plays.finds(("refund_other_card", "PROVEN", 19900))
def paid_back_to_another_card(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.go(after(200), "REFUND", 19900, BOB, of=first)


@plays.finds(("refund_of_voided", "PROVEN", 19900))
def voided_and_paid_back(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.go(after(9), "VOID", 19900, ALICE, of=first)
    till.go(after(200), "REFUND", 19900, ALICE, of=first)


@plays.finds(("refund_of_reversed", "PROVEN", 19900))
def reversed_and_paid_back(till: Till) -> None:
    first = till.go(NOON, "SALE", 19900, ALICE)
    till.reverse(after(1), first, "00")
    till.go(after(200), "REFUND", 19900, ALICE, of=first)


@plays.finds(("refund_became_debit", "PROBABLE", 27731))
def a_refund_that_was_typed_as_a_sale(till: Till) -> None:
    first = till.go(NOON, "SALE", 27731, ALICE)
    till.go(after(200), "REFUND", 27731, ALICE, of=first, code="96")
    till.go(after(204), "SALE", 27731, ALICE)


@plays.finds()
def paid_back_after_midnight(till: Till) -> None:
    first = till.go(after(9 * 60), "SALE", 19900, ALICE)
    till.go(after(12 * 60 + 10), "REFUND", 19900, ALICE, of=first)


@plays.finds(("dup_completion", "PROVEN", 50000))
def a_hold_completed_twice(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, ALICE)
    till.go(after(200), "COMPLETION", 50000, ALICE, of=hold)
    till.go(after(204), "COMPLETION", 50000, ALICE, of=hold)


@plays.finds(("completion_over_115", "PROVEN", 1))
def a_fen_over_the_hold_and_fifteen_percent(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 10000, ALICE)
    till.go(after(600), "COMPLETION", 11501, ALICE, of=hold)


@plays.finds()
def the_hold_and_fifteen_percent(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 10000, ALICE)
    till.go(after(600), "COMPLETION", 11500, ALICE, of=hold)


@plays.finds(("stan_gap", "PROVEN", 0))
def three_numbers_that_nobody_saw(till: Till) -> None:
    till.go(NOON, "SALE", 30000, ALICE)
    till.stan += 3
    till.go(after(9), "SALE", 5500, BOB)


@plays.finds(("batch_total_amount_mismatch", "PROVEN", 5000))
def a_terminal_that_adds_up_wrong(till: Till) -> None:
    till.go(NOON, "SALE", 30000, ALICE)
    till.settle(after(400), (35000, 1))


@plays.finds(("batch_total_count_mismatch", "PROVEN", 0))
def a_terminal_that_counts_wrong(till: Till) -> None:
    till.go(NOON, "SALE", 30000, ALICE)
    till.settle(after(400), (30000, 2))


@plays.finds()
def voids_stand_on_the_credit_side(till: Till) -> None:
    first = till.go(NOON, "SALE", 30000, ALICE)
    till.go(after(3), "VOID", 30000, ALICE, of=first)
    till.go(after(9), "SALE", 8800, BOB)
    till.settle(after(400), (38800, 2), (30000, 1))


@plays.finds(("card_testing", "PROBABLE", 0))
def many_cards_declined_for_small_amounts(till: Till) -> None:
    for number in range(12):
        till.go(after(number * 0.7), "SALE", 100 + number, card(500_000 + number), code="05")


@plays.finds()
def an_issuer_that_is_down(till: Till) -> None:
    for number in range(12):
        till.go(after(number * 0.7), "SALE", 4100 + 10 * number, card(500_000 + number), code="91")


@plays.finds()
def a_sale_of_a_fen_to_try_the_terminal(till: Till) -> None:
    first = till.go(NOON, "SALE", 1, ALICE)
    till.go(after(1), "VOID", 1, ALICE, of=first)


def test_an_outsiders_terminals_are_judged_by_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Through doctor, replay, land and check: at each merchant what is wrong is found, and nothing else anywhere."""
    monkeypatch.chdir(tmp_path)
    run("doctor", "--create-keys")
    landed([capture(plays.tills())])

    assert plays.wrong(judged()) == {}

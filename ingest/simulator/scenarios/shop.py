"""The shop day: two merchants, four terminals, three days of trade (the demo).

`shop_day` holds a fault for each rule among good business; `quiet_day` is the same
days with the faults left out. Seats 0 and 1 are the café's, 2 and 3 the department
store's; further seats trade and nothing else. D is the day given, D-1 and D-2 the
days before it.
"""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.errors import UsageError
from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet
from ingest.simulator.scenario import Order, Scenario, Seat, Step
from ingest.simulator.scenarios import faults, harmless
from ingest.simulator.scenarios.trade import CAFE_TRADE, STORE_TRADE, Trade, trade
from ingest.simulator.till import Till

SEATS = 4
_WRAPPING_STAN = 999_975


@dataclass(frozen=True, slots=True)
class Days:
    """D-2, D-1 and D."""

    before: dt.date
    yesterday: dt.date
    today: dt.date


def shop_day(seats: Sequence[Seat], day: dt.date, seed: int) -> Scenario:
    """Three days with a fault for each rule, and a hard negative beside each."""
    return _write("shop-day", seats, day, seed, faulty=True)


def quiet_day(seats: Sequence[Seat], day: dt.date, seed: int) -> Scenario:
    """Three days of good business, hard negatives included: nothing to find."""
    return _write("quiet-day", seats, day, seed, faulty=False)


def _write(name: str, seats: Sequence[Seat], day: dt.date, seed: int, *, faulty: bool) -> Scenario:
    if len(seats) < SEATS:
        raise UsageError(
            f"{name} needs {SEATS} terminals, {len(seats)} given", hint=f"leave out --lines or give {SEATS}"
        )
    seats = [*seats[:3], replace(seats[3], stan=_WRAPPING_STAN), *seats[4:]]
    rng = random.Random(f"{name}/{seed}")  # noqa: S311 - a seeded scenario, not a secret
    wallet = Wallet(rng)
    amounts: set[int] = set()
    tills = [Till(seat, rng, wallet, amounts) for seat in seats]
    days = Days(day - dt.timedelta(days=2), day - dt.timedelta(days=1), day)
    sold = _first_till(tills[0], days, faulty=faulty)
    _second_till(tills[1], tills[0], sold, days, faulty=faulty)
    _third_till(tills[2], days, faulty=faulty)
    _fourth_till(tills[3], tills[0], sold, days, faulty=faulty)
    for till in tills[SEATS:]:
        _further_till(till, days, CAFE_TRADE if till.seat.merchant_id == seats[0].merchant_id else STORE_TRADE)
    written: dict[str, list[Step]] = {till.seat.line: till.steps for till in tills}

    def steps(seat: Seat) -> Iterator[Step]:
        return iter(written[seat.line])

    return Scenario(
        name=name,
        seats=tuple(seats),
        steps=steps,
        claims=tuple(claim for till in tills for claim in till.claims),
        total=sum(map(len, written.values())),
    )


def _open(till: Till, day: dt.date, time: str = "07:30:00") -> str:
    till.at(day, time)
    till.do("echo")
    return till.do("sign_in")


def _trade_day(till: Till, prices: Trade, day: dt.date, customers: int) -> None:
    """A day of trade, settled and signed off in the evening."""
    _open(till, day)
    trade(till, prices, day, "21:00:00", customers)
    till.settle()
    till.do("sign_off")


def _further_till(till: Till, days: Days, prices: Trade) -> None:
    for day in (days.before, days.yesterday, days.today):
        _trade_day(till, prices, day, 10)


def _first_till(till: Till, days: Days, *, faulty: bool) -> dict[str, str]:
    """The café's counter; gives the sales that other tills refund."""
    prices = CAFE_TRADE
    _open(till, days.before)
    trade(till, prices, days.before, "14:00:00", 6)
    card, price = till.card(), till.odd_amount(6_000, 9_000)
    both = till.sale(card, price * 2)
    trade(till, prices, days.before, "21:00:00", 6)
    till.settle()

    _open(till, days.yesterday)
    trade(till, prices, days.yesterday, "10:00:00", 3)
    harmless.refund_of_day(till, both, price, "the first")
    harmless.request_read_twice(till)
    trade(till, prices, days.yesterday, "15:00:00", 4)
    if faulty:
        faults.stan_resent(till)
    harmless.two_coffees(till, prices)
    trade(till, prices, days.yesterday, "21:00:00", 5)
    if faulty:
        faults.false_amount(till)
    else:
        till.settle()

    _open(till, days.today)
    trade(till, prices, days.today, "09:00:00", 2)
    sold = {"elsewhere": till.sale(till.card(), till.odd_amount()), "sister": till.sale(till.card(), till.odd_amount())}
    harmless.refund_of_day(till, both, price, "the second")
    harmless.two_coffees(till, prices)
    trade(till, prices, days.today, "11:00:00", 3)
    if faulty:
        faults.charged_again(till)
    harmless.split_bill(till)
    harmless.declined_then_approved(till)
    trade(till, prices, days.today, "13:00:00", 3)
    harmless.reversed_then_paid(till)
    till.wait(300)
    harmless.never_arrived_then_paid(till)
    till.wait(300)
    if faulty:
        faults.retried_after_lost_reversal(till)
    trade(till, prices, days.today, "16:00:00", 3)
    harmless.bad_mac(till)
    harmless.void_reversed_and_repeated(till)
    if faulty:
        faults.voided_twice(till)
    _foreign_and_domestic(till)
    trade(till, prices, days.today, "21:00:00", 3)
    label = till.settle(quirk="upload_twice")
    till.harmless("batch_total_count_mismatch", label, "RMB and foreign totals in one batch; declines stay out")
    if faulty:
        till.harmless("batch_total_amount_mismatch", label, "the host says unbalanced, the batch is uploaded twice")
    return sold


def _foreign_and_domestic(till: Till) -> None:
    """Foreign and domestic cards in one batch, one of each voided."""
    for org in (FOREIGN, DOMESTIC):
        card = till.card(org)
        sale = till.sale(card, till.odd_amount())
        till.wait(40)
        till.void(sale, card)
        till.wait(40)
        till.sale(till.card(org), till.odd_amount())
        till.wait(40)


def _second_till(till: Till, sister: Till, sold: dict[str, str], days: Days, *, faulty: bool) -> None:
    """The café's terrace: settles at noon on D, its second batch is still open in the evening; the host moves its
    batch number on in the morning.
    """
    prices = CAFE_TRADE
    _trade_day(till, prices, days.before, 9)

    _open(till, days.yesterday)
    trade(till, prices, days.yesterday, "12:00:00", 4)
    harmless.acknowledgement_lost(till)
    harmless.reprinted(till)
    harmless.test_sale(till)
    trade(till, prices, days.yesterday, "21:00:00", 5)
    if faulty:
        faults.false_count(till)
    else:
        till.settle()

    till.at(days.today, "07:20:00")
    till.do("sign_in", orders=[Order("0800", "jump", "37")])
    trade(till, prices, days.today, "09:30:00", 3)
    harmless.two_coffees(till, prices)
    harmless.same_counter_on_two_cards(till)
    if faulty:
        faults.same_atc(till)
    harmless.numbers_used_up(till)
    late = till.sale(till.card(), till.odd_amount())
    trade(till, prices, days.today, "12:00:00", 3)
    harmless.voided_before_settlement(till)
    label = till.settle()
    till.harmless("batch_total_count_mismatch", label, "the host moved the batch number on at sign-in")
    till.harmless("late_settlement", label, "settled at noon; the next batch is open for hours only")
    if faulty:
        till.wait(600)
        faults.void_after_settlement(till, late)
    trade(till, prices, days.today, "14:00:00", 2)
    if faulty:
        faults.reversal_given_up(till)
    till.wait(600)
    harmless.third_reversal_answered(till)
    till.wait(300)
    harmless.refund_at_sister_terminal(till, sister, sold["sister"])
    harmless.partly_approved(till)
    trade(till, prices, days.today, "21:00:00", 4)
    till.do("echo")


def _third_till(till: Till, days: Days, *, faulty: bool) -> None:
    """The store's ground floor; where there are faults, it leaves its batch open over the night before D."""
    prices = STORE_TRADE
    _open(till, days.before)
    trade(till, prices, days.before, "12:00:00", 5)
    _foreign_and_domestic(till)
    trade(till, prices, days.before, "21:00:00", 5)
    label = till.settle(orders=[Order("0500", "drop")])
    till.harmless("batch_total_amount_mismatch", label, "settled again after the host's answer was lost: same totals")

    _open(till, days.yesterday)
    opening = till.sale(till.card(), till.odd_amount())
    trade(till, prices, days.yesterday, "12:00:00", 5)
    harmless.gift_cards(till, prices)
    harmless.preauthorised(till)
    trade(till, prices, days.yesterday, "18:00:00", 4)
    evening = till.sale(till.card(), till.odd_amount())
    if not faulty:
        till.settle()

    _open(till, days.today)
    trade(till, prices, days.today, "09:00:00", 2)
    if faulty:
        faults.void_next_day(till, evening)
        faults.refund_too_large(till)
        faults.refunds_too_many(till)
        faults.refunded_twice(till)
        faults.refund_to_other_card(till)
    trade(till, prices, days.today, "13:00:00", 3)
    harmless.refunded_in_three(till)
    harmless.two_items_returned(till)
    harmless.refund_declined_then_done(till)
    harmless.voided_and_sold_again(till)
    trade(till, prices, days.today, "21:00:00", 5)
    label = till.settle()
    till.harmless("batch_total_count_mismatch", label, "holds are not in the totals, nor is the day of any interest")
    if faulty:
        till.fault("late_settlement", opening, "the batch was left open from one morning to the next evening")


def _fourth_till(till: Till, stranger: Till, sold: dict[str, str], days: Days, *, faulty: bool) -> None:
    """The store's first floor: its trace numbers wrap, it is open past midnight before D, and not yet settled on D."""
    prices = STORE_TRADE
    _open(till, days.before)
    trade(till, prices, days.before, "14:00:00", 4)
    if faulty:
        faults.lost_log(till)
    trade(till, prices, days.before, "21:00:00", 4)
    till.settle()

    _open(till, days.yesterday)
    trade(till, prices, days.yesterday, "15:00:00", 5)
    if faulty:
        faults.void_of_other_amount(till)
    harmless.wrong_amount_put_right(till)
    trade(till, prices, days.yesterday, "22:30:00", 6)
    till.at(days.yesterday, "22:59:50")
    card = till.card()
    last = till.sale(card, till.odd_amount())
    till.at(days.yesterday, "23:05:00")
    refused = till.void(last, card, orders=[Order("0200", "decline", "22")])
    till.harmless("void_cross_day", refused, "sold 22:59:50, void at 23:05 refused by the host")
    till.at(days.yesterday, "23:30:00")
    till.settle()
    till.at(days.today, "00:10:00")
    label = till.refund(last, card)
    till.harmless("refund_no_original", label, "refunded at 00:10, sold at 22:59:50 the day before")

    signed_in = _open(till, days.today)
    till.harmless("stan_gap", signed_in, "the trace numbers wrapped from 999999 to 1")
    trade(till, prices, days.today, "10:00:00", 3)
    if faulty:
        faults.void_without_sale(till)
        faults.refund_without_sale(till)
        faults.refund_after_void(till)
    trade(till, prices, days.today, "13:00:00", 3)
    if faulty:
        faults.refund_by_other_merchant(till, stranger, sold["elsewhere"])
        faults.retried_after_power_cut(till)
    harmless.refund_after_void_reversed(till)
    trade(till, prices, days.today, "21:00:00", 5)
    till.do("echo")

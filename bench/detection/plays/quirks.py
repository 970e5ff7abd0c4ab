"""Hard negatives 22 to 42 that machines, calendars and wallets make (the catalogue's numbers)."""

import datetime as dt

from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, negative
from ingest.simulator.cards import Card, check_digit


@negative(22)
def dump_read_twice(s: Scene) -> Play:
    """A till's day was read a second time."""
    sale = s.sale(s.usual(), s.card())
    yield 90
    s.void(sale)
    if len(s.world.read_twice) < len(s.world.shops):
        s.world.read_twice.add((s.device.terminal, s.now.date()))
    elif (s.device.terminal, s.now.date()) not in s.world.read_twice:
        s.drop()


@negative(23, days=3)
def file_delivered_twice(s: Scene) -> Play:
    """A sale whose line is in a statement file that came twice."""
    later = [day for day in sorted(s.world.delivered_twice) if day > s.now.date()]
    if not later:
        s.drop()
        return
    yield dt.datetime.combine(later[0], s.now.time(), ZONE)
    s.sale(s.usual(), s.card())


@negative(25, also=("refund_same_day_should_void",))
def phone_and_plastic(s: Scene) -> Play:
    """Paid by phone, refunded to the plastic card of the same account: another number with the same last four."""
    phone = s.card()
    sale = s.sale(s.usual(), phone, entry="contactless")
    yield s.chance.uniform(2000, 9000)
    s.refund(sale, card=_twin(phone, s.chance.randrange(10**6)), entry="chip")


@negative(30, hours=(22.9, 22.95))
def sold_before_the_cut(s: Scene) -> Play:
    """Sold at 22:59:50, posted on the next clearing day; refunded by that day's date."""
    yield dt.datetime.combine(s.now.date(), dt.time(22, 59, 50), ZONE)
    sale = s.sale(s.usual(), s.card())
    if sale.posting is not None:
        sale.posting.day = s.now.date() + dt.timedelta(days=1)


@negative(31, days=5)
def refund_across_the_turn(s: Scene) -> Play:
    """A sale of the leap day, or of the last day of the year, refunded on the day after by month and day."""
    turn = s.world.turn
    if s.now.date() > turn:
        s.drop()
        return
    yield dt.datetime.combine(turn, s.now.time(), ZONE)
    sale = s.sale(s.usual(), s.card())
    yield s.day(1, 11)
    s.refund(sale)


@negative(32, hours=(7.7, 8.2), days=2, weight=1.5)
def device_replaced(s: Scene) -> Play:
    """The device is replaced: another one, on another port, with the same terminal number."""
    if s.device.stan < 30_000:
        s.drop()  # it was replaced before, or its numbers have just begun again: a second time within days is no case
        return
    if s.device.journal:
        s.drop()  # the batch was left open: what the old device settled would be the new one's
        return
    s.device.line = f"{s.device.line}-n"
    s.device.stan = 1
    s.mark_number(s.device.sign_in(batch=s.device.batch + 1))
    yield 200
    sale = s.sale(s.usual(), s.card())
    yield 300
    s.refund(sale, sale.amount // 2)


@negative(33, hours=(8.2, 8.6))
def clock_is_fast(s: Scene) -> Play:
    """The terminal's clock is seven minutes fast all day."""
    s.device.ahead_s = 420
    sale = s.sale(s.usual(), s.card())
    yield 300
    s.void(sale)
    yield 7200
    s.sale(s.usual(), s.card())


@negative(34)
def offline_told_next_day(s: Scene) -> Play:
    """An offline sale of the evening is told to the host next morning, with its own time."""
    card, amount, made = s.card(), s.usual(), s.now
    yield s.day(1, 8.8)
    s.act("OFFLINE_SALE", amount, card, entry="mag", told={"clock": made})


@negative(36, trades=("5541",))
def fuel_hold_of_a_yuan(s: Scene) -> Play:
    """A hold of 1.00 at the pump, released, and the fuel sold."""
    card = s.card()
    held = s.act("PREAUTH", 100, card)
    yield 200
    s.void(held, kind="PREAUTH_VOID")
    yield 10
    s.sale(s.odd(10_000, 40_000), card)


@negative(38)
def told_at_least_once(s: Scene) -> Play:
    """The link lost its acknowledgement: the same frames came again, and again."""
    s.sale(s.usual(), s.card())
    s.device.report_again()
    s.device.report_again()
    yield from ()


@negative(41)
def small_tap_unsigned(s: Scene) -> Play:
    """A contactless sale of at most 1000 yuan, without PIN and without signature."""
    s.sale(min(s.usual(), 99_900), s.card(), entry="contactless", pin=False)
    yield from ()


@negative(42, hours=(21.6, 21.9))
def refund_after_midnight(s: Scene) -> Play:
    """A sale of the evening refunded ten minutes after midnight."""
    sale = s.sale(s.usual(), s.card())
    yield dt.datetime.combine(s.now.date() + dt.timedelta(days=1), dt.time(0, 10), ZONE)
    s.refund(sale)


def _twin(card: Card, place: int) -> Card:
    """Another card number that ends in the same four digits."""
    last = card.pan[-4:]
    for step in range(10):
        body = f"62220001{place:06d}"[:11] + str(step) + last[:3]
        if check_digit(body) == last[3]:
            return Card(body + last[3], card.expiry, card.org)
    raise AssertionError(last)

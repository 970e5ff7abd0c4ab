"""Hard negatives once more, as other terminals, shops and acquirers make them (the catalogue's numbers)."""

import datetime as dt

from bench.detection.plays.holds import HOUSES
from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, negative
from ingest.simulator.cards import FOREIGN

FOREIGN_PPM = 15_000
"""What an acquirer takes of cards from abroad."""


@negative(3)
def reversed_then_paid_by_the_same_number(s: Scene) -> Play:
    """The answer was lost, the reversal answered 00; the terminal gives the next sale the same trace number."""
    till, card, amount = s.own_till(), s.card(), s.usual()
    s.cut("unheard", "through")
    first = s.sale(amount, card)
    s.cut("through", mti="0400")
    s.device.send_reversal()
    yield 20
    s.stands(first, not_any_more=True)
    s.sale(amount, card, stan=first.stan)
    s.mark(till.settle())


@negative(6)
def void_repeated_by_the_same_number(s: Scene) -> Play:
    """The void's answer was lost, the void reversed, and voided again under the same trace number."""
    till = s.own_till()
    sale = s.sale(s.usual(), s.card())
    yield 30
    s.cut("unheard", "through")
    first = s.void(sale)
    s.cut("through", mti="0400")
    s.device.send_reversal()
    yield 20
    s.stands(first, not_any_more=True)
    s.void(sale, stan=first.stan)
    s.mark(till.settle())


@negative(10, trades=HOUSES)
def completed_after_a_top_up(s: Scene) -> Play:
    """The guest stayed longer and the hold was added to; the completion quotes the code of the addition."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    more = s.act("PREAUTH", hold // 2, card, of=held)
    yield s.chance.uniform(3000, 9000)
    s.act("COMPLETION", hold + hold // 2 - 700, card, of=more)


@negative(12)
def foreign_card_at_its_rate(s: Scene) -> Play:
    """A card from abroad at the rate that such cards have, in the same file as the others."""
    sale = s.sale(s.odd(20_000, 90_000), s.card(FOREIGN))
    if sale.posting is not None:
        sale.posting.card_class, sale.posting.fee = "foreign", round(sale.amount * FOREIGN_PPM / 1_000_000)
    yield from ()


@negative(15)
def code_voided_then_card(s: Scene) -> Play:
    """The code's payment was voided, then the same order paid by card."""
    amount, order = s.usual(), s.order()
    paid = s.act("QR_SALE", amount, None, entry="qr", order=order)
    yield s.chance.uniform(20, 100)
    s.void(paid, entry="qr", order=order)
    yield s.chance.uniform(20, 100)
    s.sale(amount, s.card(), entry="mag", order=order)


@negative(17)
def tip_taken_back(s: Scene) -> Play:
    """A tip was keyed at the wrong sale, and the adjustment reversed: the sale was posted as it was."""
    till = s.own_till()
    sale = s.sale(s.odd(10_000, 60_000), s.card(), entry="mag")
    yield 600
    tip = sale.amount // 10
    journal = list(till.journal)
    adjusted = s.act("ADJUST", sale.amount + tip, sale.card, of=sale, entry="mag", tip=tip)
    yield 30
    till.reverse(adjusted)
    till.journal[:] = journal
    s.mark(till.settle())


@negative(17)
def tip_on_a_voided_sale(s: Scene) -> Play:
    """A sale was voided, and a tip keyed to it by mistake: the host refused that."""
    sale = s.sale(s.odd(10_000, 60_000), s.card(), entry="mag")
    yield 300
    s.void(sale)
    yield 300
    tip = sale.amount // 10
    s.act("ADJUST", sale.amount + tip, sale.card, of=sale, entry="mag", tip=tip, code="12")


@negative(21)
def settled_again_and_paid_once(s: Scene) -> Play:
    """The settlement's slip jammed, the clerk settled once more, and the day was paid out once."""
    s.evening(again=True, paid_once=True)
    yield from ()


@negative(30, days=3)
def sold_after_each_settlement(s: Scene) -> Play:
    """The till settles each evening, and sells once more after that: its batch is open overnight, and no day long."""
    for _ in range(2):
        yield dt.datetime.combine(s.now.date(), dt.time(22, 35), ZONE)
        s.sale(s.usual(), s.card())
        yield s.day(1, 10)

"""Hard negatives 1 to 20 and their like: what looks wrong at the till and is not (the catalogue's numbers)."""

from bench.detection.plays.holds import HOUSES
from bench.detection.scene import Play, Scene, negative
from ingest.simulator.cards import FOREIGN


@negative(1)
def two_coffees(s: Scene) -> Play:
    """Two identical purchases at a usual price, 20 s apart, each its own chip counter."""
    card, price = s.card(), s.shop.merchant.prices[0]
    s.sale(price, card, entry="contactless")
    yield s.chance.uniform(12, 25)
    s.sale(price, card, entry="contactless")


@negative(2)
def declined_then_approved(s: Scene) -> Play:
    """Not enough funds, then a PIN mistyped, then approved."""
    card, amount = s.card(), s.usual()
    s.sale(amount, card, code="51")
    yield 20
    s.sale(amount, card, code="55")
    yield 20
    s.sale(amount, card)


@negative(3)
def reversed_then_paid(s: Scene) -> Play:
    """The answer was lost, the reversal answered 00, then approved."""
    card, amount = s.card(), s.usual()
    s.cut("unheard", "through")
    s.sale(amount, card)
    yield 20
    s.cut("through", mti="0400")
    s.sale(amount, card)


@negative(4)
def never_arrived_then_paid(s: Scene) -> Play:
    """The request never arrived, the reversal was answered 25, then approved."""
    card, amount = s.card(), s.usual()
    s.cut("lost", "through")
    s.sale(amount, card)
    yield 20
    s.cut("through", mti="0400")
    s.sale(amount, card)


@negative(5)
def put_right(s: Scene) -> Play:
    """A sale, its void, and the sale again at the right amount."""
    card, amount = s.card(), s.odd(3_000, 9_000)
    wrong = s.sale(amount + 1_000, card)
    yield 30
    s.cut("through")
    s.void(wrong)
    yield 15
    s.sale(amount, card)


@negative(5)
def voided_and_sold_again(s: Scene) -> Play:
    """A sale voided and taken again at once for the same amount."""
    card, amount = s.card(), s.usual()
    s.cut("through", "through")
    wrong = s.sale(amount, card)
    yield 20
    s.void(wrong)
    yield 10
    s.sale(amount, card)


@negative(6)
def void_reversed_and_repeated(s: Scene) -> Play:
    """The void's answer was lost, the void reversed, and voided again."""
    sale = s.sale(s.usual(), s.card())
    yield 30
    s.cut("unheard", "through")
    s.void(sale)
    s.cut("through", mti="0400")
    yield 20
    s.void(sale)


@negative(7)
def refunded_in_three(s: Scene) -> Play:
    """Three partial refunds that make up the sale."""
    part = s.odd(5_000, 20_000)
    sale = s.sale(part * 3 + 600, s.card())
    for amount in (part, part + 200, part + 400):
        yield s.chance.uniform(700, 3000)
        s.refund(sale, amount)


@negative(8, days=3)
def equal_parts_on_two_days(s: Scene) -> Play:
    """Two equal partial refunds on different days."""
    part = s.odd(3_000, 20_000)
    sale = s.sale(part * 2 + 500, s.card())
    yield s.day(1, 10)
    s.refund(sale, part)
    yield s.day(1, 15)
    s.refund(sale, part)


@negative(9, trades=HOUSES)
def completed_at_115(s: Scene) -> Play:
    """A completion of exactly 115 % of the hold."""
    card, hold = s.card(), s.chance.randrange(1_000, 4_000) * 20
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    s.act("COMPLETION", hold * 115 // 100, card, of=held)


@negative(10, trades=HOUSES)
def completed_below(s: Scene) -> Play:
    """A completion below the hold."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    s.act("COMPLETION", hold - s.chance.randrange(100, 9_000), card, of=held)


@negative(11)
def uploaded_twice_once_posted(s: Scene) -> Play:
    """The host called the batch unbalanced by mistake, and the upload was made twice; one posting."""
    s.evening(host_errs=True, twice=True)
    yield from ()


@negative(12)
def foreign_in_the_batch(s: Scene) -> Play:
    """RMB and foreign totals in one batch."""
    s.sale(s.usual(), s.card(FOREIGN))
    yield 200
    sale = s.sale(s.usual(), s.card(FOREIGN))
    yield 200
    s.void(sale)


@negative(13, weight=4)
def numbers_wrap(s: Scene) -> Play:
    """The trace number runs past 999999 and starts again at 1: a till that is near it is waited for."""
    while 990_000 < s.device.stan < 999_997 and s.now.date() < s.world.days[-1]:
        yield 900.0
    if s.device.stan < 999_997 or s.now.hour < 9 or s.now.hour >= 21:
        s.drop()
        return
    for _ in range(5):
        s.sale(s.usual(), s.card())
        yield s.chance.uniform(30, 200)


@negative(14, hours=(7.7, 8.2), also=("late_settlement",))
def batch_number_jumps(s: Scene) -> Play:
    """Keys were injected, and the host gives the batch another number at sign-in."""
    if s.device.journal:
        s.drop()  # no host gives an open batch another number
        return
    s.mark_number(s.device.sign_in(batch=s.device.batch + s.chance.randrange(2, 40)))
    yield 60
    s.sale(s.usual(), s.card())


@negative(15)
def code_closed_then_card(s: Scene) -> Play:
    """The code's order was closed, then the same order paid by card."""
    amount, order = s.usual(), s.order()
    s.act("QR_SALE", amount, None, entry="qr", order=order, code=s.chance.choice(("54", "12")))
    yield s.chance.uniform(20, 200)
    s.sale(amount, s.card(), entry="mag", order=order)


@negative(15)
def code_refunded_then_card(s: Scene) -> Play:
    """The code's payment was refunded, then the same order paid by card."""
    amount, order = s.usual(), s.order()
    paid = s.act("QR_SALE", amount, None, entry="qr", order=order)
    yield s.chance.uniform(20, 100)
    s.refund(paid, kind="QR_REFUND", entry="qr", order=order)
    yield s.chance.uniform(20, 100)
    s.sale(amount, s.card(), entry="mag", order=order)


@negative(16)
def test_sale(s: Scene) -> Play:
    """A test sale of 0.01 and its void."""
    sale = s.sale(1, s.card())
    yield 20
    s.void(sale)


@negative(17)
def tip_added(s: Scene) -> Play:
    """A tip on a sale; the void of another one is of the amount with its tip."""
    sale = s.sale(s.odd(10_000, 60_000), s.card(), entry="mag")
    yield 600
    tip = sale.amount // 10
    s.act("ADJUST", sale.amount + tip, sale.card, of=sale, entry="mag", tip=tip)
    if sale.posting is not None:
        sale.posting.settled_as = sale.amount + tip


@negative(18)
def partly_approved(s: Scene) -> Play:
    """A part was approved (10), the rest paid with another card."""
    amount = s.odd(20_000, 60_000)
    s.sale(amount, s.card(), approved_amount=12_000)
    yield 30
    s.sale(amount - 12_000, s.card())


@negative(19)
def split_bill(s: Scene) -> Play:
    """Four guests, four cards, one amount."""
    amount = s.usual()
    for _ in range(4):
        s.sale(amount, s.card(), entry=s.chance.choice(("chip", "contactless")))
        yield s.chance.uniform(15, 40)


@negative(20)
def gift_cards(s: Scene) -> Play:
    """One customer buys five gift cards with one card, one after the other."""
    card, price = s.card(), s.chance.choice((10_000, 20_000, 50_000))
    for _ in range(5):
        s.sale(price, card)
        yield s.chance.uniform(20, 45)


@negative(21)
def slip_reprinted(s: Scene) -> Play:
    """A slip was printed, and reported, again."""
    s.sale(s.usual(), s.card())
    yield 5
    s.device.report_again()


@negative(21)
def settlement_reprinted(s: Scene) -> Play:
    """The settlement's slip was printed, and reported, again."""
    s.evening(reprint=True)
    yield from ()


@negative(35, days=7)
def every_week(s: Scene) -> Play:
    """The same customer pays the same on the same weekday."""
    card, amount = s.card(), s.usual()
    s.sale(amount, card)
    yield s.day(7, 10)
    s.sale(amount, card)


@negative(37, trades=("8062",), also=("velocity_card",))
def many_small_in_hospital(s: Scene) -> Play:
    """One card pays registration, tests and medicine in a row; two of them alike."""
    card = s.card()
    for amount in (1_200, s.odd(3_000, 20_000), 1_200, s.odd(3_000, 20_000), 2_500):
        s.sale(amount, card)
        yield s.chance.uniform(400, 1500)


@negative(39)
def goods_for_99(s: Scene) -> Play:
    """Goods at a price that is also a deposit's."""
    s.sale(s.chance.choice((9_900, 19_900, 29_800, 29_900)), s.card())
    yield from ()

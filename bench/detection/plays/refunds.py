"""Group C: refunds that went wrong, twelve kinds."""

import datetime as dt

from bench.detection.scene import Play, Scene, fault


@fault("refund_over_original")
def refund_of_more(s: Scene) -> Play:
    """A refund of 20.00 more than the sale."""
    sale = s.sale(s.odd(4_000, 60_000), s.card())
    yield s.chance.uniform(600, 9000)
    s.refund(sale, sale.amount + 2_000)
    s.loses(2_000)


@fault("refund_cumulative_over")
def refunds_of_more(s: Scene) -> Play:
    """Two partial refunds, together more than the sale."""
    sale = s.sale(s.odd(20_000, 60_000), s.card())
    yield s.chance.uniform(600, 5000)
    s.refund(sale, sale.amount - 7_000)
    yield s.day(1, 11)
    s.refund(sale, 9_000)
    s.loses(2_000)


@fault("dup_refund", also=("refund_cumulative_over",))
def refunded_twice(s: Scene) -> Play:
    """The whole sale refunded, and again some minutes later."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(600, 5000)
    s.refund(sale)
    yield s.chance.uniform(30, 6000)
    s.refund(sale)
    s.loses(sale.amount)


@fault("refund_other_card")
def refund_to_another_card(s: Scene) -> Play:
    """A refund to a plastic card that did not pay."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(600, 5000)
    s.refund(sale, card=s.card())
    s.loses(sale.amount)


@fault("refund_of_voided", also=("refund_cumulative_over",))
def refund_after_void(s: Scene) -> Play:
    """A sale voided, then refunded as well."""
    sale = s.sale(s.usual(), s.card())
    yield 90
    s.void(sale)
    yield s.chance.uniform(600, 5000)
    s.refund(sale)
    s.loses(sale.amount)


@fault("refund_of_reversed", also=("refund_cumulative_over",))
def refund_after_reversal(s: Scene) -> Play:
    """The answer was lost and the sale reversed (00); the customer saw the debit and was refunded."""
    card = s.card()
    s.cut("unheard")
    sale = s.sale(s.usual(), card)
    yield 60
    s.cut("through", mti="0400")
    s.mark_number(s.device.echo())
    s.stands(sale, not_any_more=True)
    yield s.chance.uniform(600, 5000)
    s.refund(sale, told={"rrn": sale.posting.rrn if sale.posting else ""})
    s.loses(sale.amount)


@fault("refund_no_original", days=2)
def refund_of_nothing(s: Scene) -> Play:
    """A refund that quotes the reference number of an earlier day's balance inquiry; the card paid nothing here."""
    card = s.card()
    inquiry = s.act("BALANCE", 0, card)
    yield s.day(1, 12)
    refund = s.refund(inquiry, s.usual())
    s.loses(refund.amount)


@fault("refund_other_merchant")
def refund_at_another_merchant(s: Scene) -> Play:
    """A sale of this merchant refunded by another one."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(600, 5000)
    if (stranger := s.stranger()) is None:
        return
    s.refund(sale, till=stranger)
    s.loses(sale.amount)


@fault("refund_became_debit")
def refund_keyed_as_sale(s: Scene) -> Play:
    """A refund was refused; the clerk tried again and pressed sale."""
    card = s.card()
    sale = s.sale(s.usual(), card)
    yield s.chance.uniform(1900, 9000)
    s.refund(sale, code=s.chance.choice(("61", "96", "51")))
    yield s.chance.uniform(20, 300)
    again = s.sale(sale.amount, card)
    s.loses(2 * sale.amount, again)


@fault("refund_amount_typo", also=("refund_over_original", "refund_cumulative_over"))
def refund_with_a_zero_more(s: Scene) -> Play:
    """The refund was keyed with a zero too many."""
    sale = s.sale(s.odd(3_000, 20_000), s.card())
    yield s.chance.uniform(600, 5000)
    s.refund(sale, sale.amount * 10)
    s.loses(9 * sale.amount)


@fault("refund_after_window", also=("refund_no_original",))
def refund_after_a_year(s: Scene) -> Play:
    """A refund of a sale eleven months and more ago."""
    sale = s.sale(s.usual(), s.card())
    yield 60
    old = (s.now - dt.timedelta(days=345)).date()
    s.refund(sale, told={"date": old, "rrn": f"9{s.chance.randrange(10**11):011d}", "stan": 4711, "batch": 77})
    s.loses(0)


@fault("refund_not_completed", days=7)
def code_s_refund_stuck(s: Scene) -> Play:
    """A payment by code was refunded on the first day, and its provider never paid it back."""
    sale = s.act("QR_SALE", s.usual(), None, entry="qr", order=s.order())
    yield s.chance.uniform(600, 5000)
    refund = s.refund(sale, kind="QR_REFUND", entry="qr")
    if refund.posting is not None:
        refund.posting.skipped = True
    s.loses(refund.amount)


@fault("refund_not_completed", days=20)
def card_s_refund_stuck(s: Scene) -> Play:
    """A card was refunded at the terminal, and the acquirer never paid it back."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(600, 5000)
    refund = s.refund(sale)
    if refund.posting is not None:
        refund.posting.skipped = True
    s.loses(refund.amount)


@fault("refund_became_debit", days=2, also=("missing_in_terminal", "refund_not_completed"))
def refund_booked_as_sale(s: Scene) -> Play:
    """The terminal refunded, and the acquirer booked that as a sale: the card was debited once more."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(1900, 9000)
    refund = s.refund(sale)
    if refund.posting is not None:
        refund.posting.booked_as = "SALE"
    s.loses(2 * sale.amount)


@fault("refund_same_day_should_void")
def refunded_where_a_void_would_do(s: Scene) -> Play:
    """The clerk refunded a sale of the same till and batch in full, while it could still be voided."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(300, 2000)
    s.refund(sale)
    s.loses(0)

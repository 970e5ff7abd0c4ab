"""Group A: one purchase debited twice, by what brings it about."""

import datetime as dt

from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, fault

UNKNOWN = ("reversal_pending_idle", "host_approved_terminal_failed")
"""What may be said of an attempt without an outcome beside its own rule."""


@fault("dup_stan_resent", weight=3)
def host_books_a_repetition(s: Scene) -> Play:
    """The terminal had its answer, sent the request again, and the host booked it a second time."""
    sale = s.sale(s.usual(), s.card(), entry=s.chance.choice(("chip", "mag")))
    yield s.chance.uniform(5, 25)
    if not (sale.approved and s.device.resend(sale, again=True)):
        s.drop()
    s.loses(sale.amount, sale)


@fault("dup_same_atc", weight=3)
def one_cryptogram_two_sales(s: Scene) -> Play:
    """The till software sent one cryptogram under two trace numbers."""
    card, amount = s.card(), s.usual()
    atc = s.shop.counter(card)
    s.sale(amount, card, atc=atc)
    yield s.chance.uniform(3, 90)
    again = s.sale(amount, card, atc=atc)
    s.loses(amount, again)


@fault("dup_rrn_twice")
def one_reference_two_traces(s: Scene) -> Play:
    """The host gave a second booking of the same purchase the first one's reference number."""
    card, amount = s.card(), s.usual()
    first = s.sale(amount, card, entry="mag")
    yield s.chance.uniform(20, 200)
    s.device.host.stuck = first.rrn
    again = s.sale(amount, card, entry="mag")
    s.device.host.stuck = ""
    s.loses(amount, again)


@fault("dup_card_amount_window", weight=2, also=("retry_after_unknown",))
def charged_again_after_a_repetition(s: Scene) -> Play:
    """The first request was lost and sent again by the terminal; the clerk saw no slip and charged once more.

    Where the second answer was not recorded, it is a retry while nothing was known of the first.
    """
    card, amount, entry = s.card(), s.usual(), s.chance.choice(("chip", "chip", "contactless", "mag"))
    s.cut(s.chance.choice(("lost", "unheard")))
    s.sale(amount, card, entry=entry, repeat=True)
    yield s.chance.uniform(4, 45)
    again = s.sale(amount, card, entry=entry)
    s.loses(amount, again)


@fault("dup_card_amount_window", tills=2, also=("retry_after_unknown",))
def charged_again_at_another_till(s: Scene) -> Play:
    """The same, and the customer was sent to the next till."""
    card, amount = s.card(), s.usual()
    s.cut("lost")
    s.sale(amount, card, repeat=True)
    yield s.chance.uniform(30, 200)
    again = s.sale(amount, card, till=s.other())
    s.loses(amount, again)


@fault("dup_card_amount_window", weight=1 / 3)
def no_slip_came_out(s: Scene) -> Play:
    """The printer was out of paper: no anomaly on the line, and the card was charged again.

    One in ten: "in nearly every case" the line was interrupted, and the sale was run again
    (the catalogue's prior of causes).
    """
    card, amount, entry = s.card(), s.usual(), s.chance.choice(("chip", "contactless"))
    s.sale(amount, card, entry=entry)
    yield s.chance.uniform(15, 150)
    again = s.sale(amount, card, entry=entry)
    s.loses(amount, again)


@fault("retry_after_unknown", also=("reversal_exhausted", *UNKNOWN), weight=3)
def retried_while_unknown(s: Scene) -> Play:
    """The answer was lost, three reversals as well, and the customer paid again: both were booked."""
    card, amount = s.card(), s.usual()
    s.cut("unheard")
    s.cut("lost", "lost", "lost", mti="0400")
    first = s.sale(amount, card)
    yield s.chance.uniform(5, 60)
    again = s.sale(amount, card)
    if not again.approved:
        again = s.sale(amount, card)
    s.stands(first)
    s.loses(first.amount)


@fault("retry_after_unknown", also=UNKNOWN)
def retried_after_power_cut(s: Scene) -> Play:
    """The answer was lost, the terminal lost its power and with it the reversal; the customer paid again."""
    card, amount = s.card(), s.usual()
    s.cut("unheard")
    first = s.sale(amount, card)
    s.device.waiting = None
    yield s.chance.uniform(60, 300)
    s.mark_number(s.device.sign_in())
    s.sale(amount, card)
    s.loses(first.amount)


@fault("reversal_exhausted", also=UNKNOWN, weight=2)
def reversal_given_up(s: Scene) -> Play:
    """The answer was lost, the customer paid in cash, and the reversal was never answered."""
    s.cut("unheard")
    s.cut("lost", "lost", "lost", mti="0400")
    first = s.sale(s.usual(), s.card())
    yield s.chance.uniform(40, 400)
    s.mark_number(s.device.echo())
    s.stands(first)
    s.loses(first.amount)


@fault("reversal_pending_idle", hours=(22.6, 22.8), also=("host_approved_terminal_failed",))
def reversal_left_overnight(s: Scene) -> Play:
    """The answer was lost at the last sale of the story's last evening, and the till was switched off."""
    yield dt.datetime.combine(s.world.days[-1], s.now.time(), ZONE)
    if s.device.terminal in s.world.silent:
        s.drop()  # two cannot be a till's last
        return
    s.world.silent.add(s.device.terminal)
    s.cut("unheard")
    first = s.sale(s.usual(), s.card())
    s.loses(first.amount)


@fault("host_approved_terminal_failed", also=("reversal_pending_idle",))
def approved_at_the_host_only(s: Scene) -> Play:
    """The answer was lost and the reversal with the terminal's power; the customer paid in cash."""
    s.cut("unheard")
    first = s.sale(s.usual(), s.card())
    s.device.waiting = None
    yield s.chance.uniform(90, 600)
    s.mark_number(s.device.sign_in())
    s.loses(first.amount)


@fault("offline_online_double_post")
def offline_and_online(s: Scene) -> Play:
    """The chip approved offline, the clerk did not see it and went online; the offline one was uploaded later."""
    card, amount = s.card(), s.usual()
    atc = s.shop.counter(card)
    s.sale(amount, card, atc=atc)
    yield s.chance.uniform(600, 7200)
    s.act("OFFLINE_SALE", amount, card, atc=atc)
    s.loses(amount)


@fault("qr_card_double_pay")
def code_and_card(s: Scene) -> Play:
    """The code's payment was slow to show at the till; the same order was paid by card."""
    amount, order = s.usual(), s.order()
    s.act("QR_SALE", amount, None, entry="qr", order=order)
    yield s.chance.uniform(20, 300)
    again = s.act("SALE", amount, s.card(), entry="mag", order=order)
    s.loses(amount, again)


@fault("dup_completion", trades=("7011", "8062"))
def completed_twice(s: Scene) -> Play:
    """The front desk completed the hold at check-out, and the night audit once more."""
    card, hold = s.card(), s.odd(40_000, 90_000)
    held = s.act("PREAUTH", hold, card)
    yield s.day(1, 10)
    s.act("COMPLETION", hold, card, of=held)
    yield s.chance.uniform(300, 5000)
    again = s.act("COMPLETION", hold, card, of=held)
    s.loses(hold, again)


@fault("completion_plus_sale", trades=("7011", "8062"), also=("preauth_mislabelled",))
def completed_and_sold(s: Scene) -> Play:
    """The stay was completed from the hold, and charged again as a sale."""
    card, hold = s.card(), s.odd(40_000, 90_000)
    held = s.act("PREAUTH", hold, card)
    yield s.day(1, 9)
    s.act("COMPLETION", hold, card, of=held)
    yield s.chance.uniform(600, 5000)
    again = s.sale(hold, card)
    s.loses(hold, again)

"""Group D: pre-authorisations, eight kinds."""

import datetime as dt

from bench.detection.scene import Play, Scene, fault

HOUSES = ("7011", "8062")
LEFT_OPEN = ("preauth_open_too_long",)
"""A hold that the play leaves as it is: after a month that is another fault."""


@fault("completion_over_115", trades=HOUSES)
def completed_over_the_hold(s: Scene) -> Play:
    """A completion of one fen and more above 115 % of the hold."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    over = s.chance.choice((1, 1, 500, 9_900))
    s.act("COMPLETION", hold * 115 // 100 + over, card, of=held)
    s.loses(over)


@fault("completion_no_preauth", trades=HOUSES, days=4)
def completed_without_a_hold(s: Scene) -> Play:
    """A completion that quotes an authorisation code that was never given."""
    card = s.card()
    yield s.day(1, 10)
    asked = s.act("BALANCE", 0, card)
    yield s.day(2, 11)
    done = s.act("COMPLETION", s.odd(), card, of=asked, told={"auth": f"{s.chance.randrange(10**6):06d}"})
    s.loses(done.amount)


@fault("completion_other_merchant", trades=HOUSES)
def completed_at_another_merchant(s: Scene) -> Play:
    """A hold of this house completed by another one."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    if (stranger := s.stranger()) is None:
        return
    s.act("COMPLETION", hold, card, of=held, till=stranger)
    s.loses(hold)


@fault("preauth_void_after_completion", trades=HOUSES)
def hold_voided_after_completion(s: Scene) -> Play:
    """The hold was completed, and voided afterwards."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    s.act("COMPLETION", hold - 100, card, of=held)
    yield s.chance.uniform(60, 900)
    s.void(held, card=card, kind="PREAUTH_VOID")
    s.loses(hold)


@fault("completion_void_amount", trades=HOUSES, also=("fee_not_returned_on_void", *LEFT_OPEN))
def completion_voided_in_part(s: Scene) -> Play:
    """A completion voided for less than it was."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    done = s.act("COMPLETION", hold, card, of=held)
    yield 100
    s.void(done, hold - 3_000, card, kind="COMPLETION_VOID")
    s.loses(3_000)


@fault("completion_void_cross_day", trades=HOUSES, days=2, also=LEFT_OPEN)
def completion_voided_next_day(s: Scene) -> Play:
    """A completion voided on the next clearing day."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.chance.uniform(3000, 9000)
    done = s.act("COMPLETION", hold, card, of=held)
    yield s.day(1, 9.5)
    s.void(done, card=card, kind="COMPLETION_VOID")
    s.loses(hold)


@fault("preauth_mislabelled", trades=("5812", "5814", "5411"), also=LEFT_OPEN)
def hold_in_a_cafe(s: Scene) -> Play:
    """The clerk pressed pre-authorisation instead of sale."""
    s.act("PREAUTH", s.usual(), s.card())
    s.loses(0)
    yield from ()


@fault("preauth_mislabelled", trades=HOUSES, also=LEFT_OPEN)
def hold_and_sale(s: Scene) -> Play:
    """The clerk pressed pre-authorisation, saw it, and took a sale; the hold stayed."""
    card, amount = s.card(), s.odd(20_000, 60_000)
    s.act("PREAUTH", amount, card)
    yield s.chance.uniform(40, 900)
    s.sale(amount, card)
    s.loses(amount)


@fault("completion_after_expiry", trades=HOUSES, also=("completion_no_preauth",))
def completed_after_records_began(s: Scene) -> Play:
    """The completion of a hold of five weeks ago, from before the records begin; the host let it through."""
    card, old = s.card(), (s.now - dt.timedelta(days=s.chance.randrange(33, 50))).date()
    told = {"date": old, "auth": f"{s.chance.randrange(10**6):06d}", "stan": 4712, "batch": 77}
    done = s.act("COMPLETION", s.odd(), card, told=told)
    s.loses(done.amount)
    yield from ()


@fault("completion_after_expiry", trades=HOUSES, days=37, also=LEFT_OPEN)
def completed_after_a_month(s: Scene) -> Play:
    """The guest had the hold renewed by word of mouth only: it was completed after its term."""
    card, hold = s.card(), s.odd(20_000, 60_000)
    held = s.act("PREAUTH", hold, card)
    yield s.day(s.chance.randrange(31, 36), 11)
    done = s.act("COMPLETION", hold, card, of=held)
    s.loses(done.amount)


@fault("preauth_open_too_long", trades=HOUSES, days=35)
def hold_forgotten(s: Scene) -> Play:
    """The guest paid in cash, and nobody released the hold."""
    s.act("PREAUTH", s.odd(20_000, 60_000), s.card())
    s.loses(0)
    yield from ()

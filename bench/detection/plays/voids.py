"""Group B: voids that went wrong, eight kinds."""

import datetime as dt

from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, fault


@fault("void_no_original")
def void_of_an_inquiry(s: Scene) -> Play:
    """A void that names the trace number of a balance inquiry; the host let it through."""
    card = s.card()
    inquiry = s.act("BALANCE", 0, card)
    yield 40
    void = s.void(inquiry, s.usual())
    s.loses(void.amount)


@fault("void_amount_mismatch", also=("fee_not_returned_on_void",))
def void_of_less(s: Scene) -> Play:
    """A void of less than the sale."""
    sale = s.sale(s.odd(20_000, 60_000), s.card())
    yield 60
    less = s.chance.randrange(1_000, 9_000)
    s.void(sale, sale.amount - less)
    s.loses(less)


@fault("double_void")
def voided_twice(s: Scene) -> Play:
    """Two approved voids of one sale."""
    sale = s.sale(s.usual(), s.card())
    yield 60
    s.void(sale)
    yield s.chance.uniform(20, 900)
    s.void(sale)
    s.loses(sale.amount)


@fault("void_after_settlement", hours=(19.5, 20.5), also=("void_cross_day",))
def void_of_a_settled_sale(s: Scene) -> Play:
    """A sale voided after its batch was settled; the host let it through."""
    sale = s.sale(s.usual(), s.card())
    yield dt.datetime.combine(s.now.date(), dt.time(22, 35), ZONE)
    if s.device.batch == sale.batch:
        s.drop()  # it was not settled that evening
    s.void(sale)
    s.loses(sale.amount)


@fault("void_after_settlement", days=2, also=("void_cross_day",))
def void_on_the_next_day(s: Scene) -> Play:
    """A sale of a settled batch voided on the next clearing day: all that one sees where the settlement was lost."""
    sale = s.sale(s.usual(), s.card())
    yield s.day(1, 10)
    if s.device.batch == sale.batch:
        s.drop()
    s.void(sale)
    s.loses(sale.amount)


@fault("void_cross_day", days=2, also=("late_settlement",))
def void_across_the_cut(s: Scene) -> Play:
    """The batch was not settled in the evening; a sale of it was voided on the next clearing day."""
    sale = s.sale(s.usual(), s.card())
    s.evening(forget=True)
    yield s.day(1, 10)
    s.void(sale)
    s.loses(sale.amount)


@fault("void_other_terminal", tills=2)
def void_at_another_till(s: Scene) -> Play:
    """A sale voided at another till of the shop, by its reference number; the host let it through."""
    sale = s.sale(s.usual(), s.card())
    yield 120
    other = s.other()
    s.void(sale, till=other, told={"stan": (other.stan + 400_000) % 999_999 + 1, "batch": other.batch})
    s.loses(0)


@fault("void_card_mismatch")
def void_to_another_card(s: Scene) -> Play:
    """A void made with another plastic card than the sale's."""
    sale = s.sale(s.usual(), s.card())
    yield 60
    s.void(sale, card=s.card())
    s.loses(sale.amount)


@fault("void_not_effective", days=2)
def void_without_effect(s: Scene) -> Play:
    """The terminal printed a void slip; the acquirer settled the sale all the same."""
    sale = s.sale(s.usual(), s.card())
    yield 100
    void = s.void(sale)
    if void.posting is not None:
        void.posting.skipped = True
    s.loses(sale.amount)


@fault("void_failed_unresolved")
def void_refused_and_forgotten(s: Scene) -> Play:
    """The void was refused (96), and nobody tried again."""
    sale = s.sale(s.usual(), s.card())
    yield 60
    s.void(sale, code="96")
    s.loses(sale.amount, sale)

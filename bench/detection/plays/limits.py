"""Group H and its like: limits, supervisors, and amounts that nobody meant."""

from bench.detection.population import DAY_LIMIT_FEN, SALE_LIMIT_FEN, Merchant
from bench.detection.scene import Play, Scene, fault

REFUNDS_OF_A_CODE = 10
"""As many as the most careful of the providers allows (the catalogue: 50, 20, 10)."""
LIMITS = ("over_single_limit", "over_daily_limit", "limit_split")
STEADY = ("5814", "5812", "5541", "7230")
"""Trades whose tickets are alike: a hundredfold one is far above all others."""


def _is_limited(merchant: Merchant) -> bool:
    return merchant.limited


def _has_a_day_s_limit(merchant: Merchant) -> bool:
    return merchant.limited_a_day


def _has_supervisors(merchant: Merchant) -> bool:
    return merchant.supervised


@fault("over_single_limit", at=_is_limited, weight=2, also=LIMITS)
def sold_over_the_limit(s: Scene) -> Play:
    """The host let a sale through that is above what the merchant's contract allows for one."""
    if not s.first("a limit", f"{s.now.date()}", "the day's limit"):
        return
    s.sale(SALE_LIMIT_FEN + s.chance.choice((1, 12_300, 640_000)), s.card())
    s.loses(0)
    yield from ()


@fault("over_daily_limit", at=_has_a_day_s_limit, hours=(9.0, 14.0), weight=2, also=LIMITS)
def sold_over_the_day_s_limit(s: Scene) -> Play:
    """Nine customers of one day pay more, together, than the contract allows for it."""
    if not s.first("the day's limit", f"{s.now.date()}", "a limit", "the day's limit"):
        return
    for _ in range(9):
        s.sale(DAY_LIMIT_FEN * 23 // 200 + s.chance.randrange(1, 9_999), s.card())
        yield s.chance.uniform(300, 1500)
    s.loses(0)


@fault("limit_split", at=_is_limited, weight=2, also=LIMITS)
def split_below_the_limit(s: Scene) -> Play:
    """A purchase above the limit was keyed as three sales of one card, each just below it."""
    if not s.first("a limit", f"{s.now.date()}", "the day's limit"):
        return
    card = s.card()
    for _ in range(3):
        s.sale(SALE_LIMIT_FEN * 92 // 100 + s.chance.randrange(1, 300_000), card)
        yield s.chance.uniform(60, 400)
    s.loses(0)


@fault("refund_supervisor_missing", at=_has_supervisors)
def void_without_supervisor(s: Scene) -> Play:
    """The clerk voided by the supervisor's password, under a number of their own."""
    sale = s.sale(s.usual(), s.card())
    yield s.chance.uniform(60, 900)
    s.void(sale, told={"operator": s.device.operator})
    s.loses(0)


@fault("refund_count_over_provider_cap", hours=(9.0, 14.0))
def refunded_in_many_parts(s: Scene) -> Play:
    """A group's payment by code is given back guest by guest, once more than the provider allows."""
    part = s.odd(1_000, 3_000)
    paid = s.act("QR_SALE", part * 20, None, entry="qr", order=s.order())
    for guest in range(REFUNDS_OF_A_CODE + 1):
        yield s.chance.uniform(700, 1500)
        s.refund(paid, part + guest, kind="QR_REFUND", entry="qr")
    s.loses(0)


@fault("amount_fat_finger", calm=True, trades=STEADY, also=("dup_card_amount_window",))
def two_zeros_more(s: Scene) -> Play:
    """The clerk keyed two zeros too many, saw the slip, and took the right amount as well; the wrong one stayed."""
    if not s.first("a slip", "", "a slip"):
        return  # a second one would be among the merchant's usual amounts
    card, amount = s.card(), max(s.usual(), s.shop.merchant.trade.median)
    wrong = s.sale(amount * 100, card)
    yield s.chance.uniform(40, 600)
    s.sale(amount, card)
    s.loses(wrong.amount, wrong)


@fault("amount_fat_finger", calm=True, trades=STEADY, also=("dup_card_amount_window",))
def two_zeros_more_and_voided(s: Scene) -> Play:
    """The same, and the wrong sale was voided: nothing is lost."""
    if not s.first("a slip", "", "a slip"):
        return  # a second one would be among the merchant's usual amounts
    card, amount = s.card(), max(s.usual(), s.shop.merchant.trade.median)
    wrong = s.sale(amount * 100, card)
    yield s.chance.uniform(40, 300)
    s.void(wrong)
    yield s.chance.uniform(20, 200)
    s.sale(amount, card)
    s.loses(0)

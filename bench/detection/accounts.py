"""What befalls a merchant's account: changes of its fees, a payout, a deposit, its trade, its agent's share."""

import datetime as dt
import hashlib
from typing import Any

from bench.detection.acquirer import Books, FeeStory
from bench.detection.payoutplays import DEPOSIT_FEN, PAYOUT_NEGATIVES, PAYOUT_PLAYS, PAYOUT_RULES, next_working_day
from bench.detection.population import Merchant, moment_of
from bench.detection.scene import Shop, World

DEPOSITS = 0.6
"""Of the merchants, those with a deposit in the register."""
SHARES_READ_WRONG = 0.15
"""Of the merchants, those whose agent's share is reckoned of a rate in the wrong unit."""
STEPS = (100, 100, 200, 300, 300, 500, 1000, 3000)
"""Changes of rate, millionths: one to thirty basis points."""
LARGE_FEN = 100_000
"""The usual ticket from which on a debit's fee often reaches its cap."""
FEE_RULES = {
    "step": ("fee_rate_step_change",),
    "surcharge": ("fee_fixed_surcharge",),
    "cap": ("fee_debit_cap_missed",),
    "class": ("fee_card_class_wrong",),
    "concession": ("fee_qr_concession_missed",),
    "over": ("fee_rate_over_contract",),
    "instant": ("d0_fee_without_optin",),
    "floor": ("fee_below_cost_floor",),
}
_FEE_NEGATIVES = {"announced": 26, "shut": 26, "promotion": 27, "mix": 28}


def money_stories(books: Books, shop: Shop) -> None:
    """What the acquirer does to a merchant's fees, and to one of its payouts."""
    world, merchant, chance = books.world, shop.merchant, books.world.chance
    often = {"step": world.cast.steps, "announced": 1, "shut": 1, "promotion": 1, "mix": 1, "surcharge": 1}
    often |= {"over": 1, "instant": 1, "floor": 1}
    often |= {"cap": world.cast.cap[merchant.trade.median >= LARGE_FEN], "class": 1, "concession": 1}
    kind = chance.choices(list(often), list(often.values()))[0]
    name = f"fee_{kind}"
    also = ("fee_rate_over_contract", "fee_rate_step_change", "fee_card_class_wrong", "fee_debit_cap_missed")
    if kind in FEE_RULES:
        case = world.truth.open("fault", name, merchant.mid, rules=FEE_RULES[kind], also=also)
    else:
        case = world.truth.open("negative", name, merchant.mid, negative=_FEE_NEGATIVES[kind])
    since = moment_of(world.days[chance.randrange(4, 6)], chance.uniform(9, 12))
    story = FeeStory(case, kind, since, ("debit", "credit"), chance.choice(STEPS))
    match kind:
        case "announced" | "shut":
            story.since = moment_of(since.date(), 0)
            merchant.shut_on = since.date() if kind == "shut" else None
            world.notices.append(
                {"acquirer": merchant.acquirer, "announced": since.date() - dt.timedelta(days=35),
                 "effective": since.date(),
                 "merchants": [merchant.mid]}
            )  # fmt: skip
        case "promotion":
            merchant.promotion_until = since.date()
        case "surcharge":
            story.more_ppm, story.fixed_fen, story.until = 0, chance.choice((100, 200, 300)), since.date()
        case "cap":
            story.classes, story.more_ppm = ("debit",), 0
        case "class":
            story.classes, story.more_ppm, story.until = ("debit",), 0, since.date()
        case "over":
            story.since, story.more_ppm = moment_of(world.days[0] - dt.timedelta(days=1), 0), max(1000, story.more_ppm)
        case "instant":
            story.more_ppm, story.fixed_fen, story.until = 0, chance.choice((200, 300)), since.date()
        case "floor":
            story.since, story.classes = moment_of(world.days[0] - dt.timedelta(days=1), 0), ("credit",)
        case "concession":
            story.classes, story.more_ppm, story.until = ("qr",), 0, since.date()
        case _:
            pass
    books.stories[merchant.mid] = story
    payout = chance.choice(list(PAYOUT_PLAYS))
    holiday = [day for day in world.days[:-2] if day.weekday() >= 5] or world.days[1:2]
    on = chance.choice(holiday if payout == "payout_over_the_holiday" else world.days[:-2])
    if payout in PAYOUT_NEGATIVES:
        paid = world.truth.open("negative", payout, merchant.mid, negative=PAYOUT_NEGATIVES[payout])
    else:
        paid = world.truth.open(
            "fault", payout, merchant.mid, rules=PAYOUT_RULES[payout], also=("payout_short", "payout_late")
        )
    books.payout_plays[merchant.mid] = payout, paid, on
    if payout == "deposit_taken_again":
        paid.loss_fen = DEPOSIT_FEN
        world.deposits.append(_deposit(merchant, world.days[0] - dt.timedelta(days=400)))
    elif payout != "deposit_taken" and chance.random() < DEPOSITS:
        chance.choice((_owed_deposit, _owed_deposit, _deposit_that_is_due, _deposit_on_other_terms))(world, merchant)
    if merchant.mid[7:11] != merchant.trade.mcc:
        boarded = world.truth.open("fault", "boarded_under_another_trade", merchant.mid, rules=("mcc_mismatch",))
        world.truth.mark(boarded, ("mcc_mismatch", merchant.mid), moment_of(world.days[0], 8))
    if chance.random() < SHARES_READ_WRONG:
        shared = world.truth.open("fault", "share_read_in_percents", merchant.mid, rules=("agent_profit_mismatch",))
        books.share_plays[merchant.mid] = shared, chance.choice(world.days[:-2])


def _deposit(merchant: Merchant, signed_on: dt.date, **more: Any) -> dict[str, Any]:
    return {"merchant": merchant.mid, "amount_fen": DEPOSIT_FEN, "signed_on": signed_on} | more


def _deposit_that_is_due(world: World, merchant: Merchant) -> None:
    """A deposit whose months are over, or whose takings or fees are reached, within the story; nobody asked for it."""
    chance = world.chance
    on = chance.choice(world.days[1:-2])
    signed, terms = on - dt.timedelta(days=365), {"months": 12}
    if chance.random() < 1 / 2:
        signed = world.days[0] - dt.timedelta(days=90)
        terms = chance.choice(({"volume_fen": 20 * merchant.trade.median}, {"fees_fen": merchant.trade.median // 20}))
    world.deposits.append(_deposit(merchant, signed, **terms))
    case = world.truth.open("fault", "deposit_not_asked_for", merchant.mid, rules=("deposit_condition_met",))
    world.truth.mark(case, ("deposit", merchant.mid))


def _deposit_on_other_terms(world: World, merchant: Merchant) -> None:
    """The terms of a deposit, as its acquirer shows them now, are not those that were signed."""
    signed = "交易满12个月后退还押金299元"
    told = {"signed_sha256": hashlib.sha256(signed.encode()).hexdigest(), "terms": signed.replace("12", "36")}
    world.deposits.append(_deposit(merchant, world.days[0] - dt.timedelta(days=90), months=36, **told))
    case = world.truth.open("fault", "deposit_terms_rewritten", merchant.mid, rules=("deposit_terms_changed",))
    case.loss_fen = DEPOSIT_FEN
    world.truth.mark(case, ("deposit", merchant.mid))


def _owed_deposit(world: World, merchant: Merchant) -> None:
    """A deposit whose seven working days of return end within the story; in one case of four it came back in time."""
    since = world.days[0] - dt.timedelta(days=30)
    able = [
        day
        for day in (since + dt.timedelta(days=step) for step in range(40))
        if world.days[0] <= _working_days_on(day, 7) < world.days[-2]
    ]
    applied = world.chance.choice(able)
    deposit = _deposit(merchant, applied - dt.timedelta(days=300), applied_on=applied)
    if world.chance.random() < 1 / 4:
        world.deposits.append(deposit | {"returned_on": applied + dt.timedelta(days=5)})
        return
    world.deposits.append(deposit)
    case = world.truth.open("fault", "deposit_kept", merchant.mid, rules=("deposit_due_not_returned",))
    case.loss_fen = DEPOSIT_FEN
    world.truth.mark(case, ("deposit", merchant.mid))


def _working_days_on(day: dt.date, count: int) -> dt.date:
    for _ in range(count):
        day = next_working_day(day)
    return day

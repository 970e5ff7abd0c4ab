"""A world's story: its merchants open their tills, customers come, plays are put among them, and it is all acted.

A world is a function of its split and its seed.
"""

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any

import bench.detection.plays  # noqa: F401 - the plays are registered by being imported
from bench.detection.acquirer import (
    DEPOSIT_FEN,
    PAYOUT_NEGATIVES,
    PAYOUT_PLAYS,
    PAYOUT_RULES,
    Books,
    FeeStory,
    next_working_day,
)
from bench.detection.attempt import Attempt
from bench.detection.casts import WHOLE, Cast
from bench.detection.device import Device
from bench.detection.population import DEPOSIT_TRADES, PEAKS, ZONE, Merchant, Split, amount, days, hour, merchants
from bench.detection.scene import SPECS, Play, Scene, Shop, World, acted, new_device
from bench.detection.truth import Truth
from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet

__all__ = ["DEPOSIT_TRADES", "PEAKS", "Story", "write"]
REGULARS = 60
DEPOSITS = 0.4
"""Of the merchants, those with a deposit that is due within the story."""
STEPS = (100, 100, 200, 300, 300, 500, 1000, 3000)
"""Changes of rate, millionths: one to thirty basis points."""
UNKNOWN = ("retry_after_unknown", "host_approved_terminal_failed", "reversal_pending_idle")


@dataclass(slots=True)
class Story:
    """What was acted: the world, and its acquirers' books."""

    world: World
    books: Books

    @property
    def truth(self) -> Truth:
        """All cases."""
        return self.world.truth


def write(split: Split, seed: int, *, shops: int, cases: int, profiles: tuple[str, ...], cast: Cast = WHOLE) -> Story:
    """Act a world.

    Args:
        split: whose prices and days.
        seed: everything else.
        shops: how many merchants; one in eight is healthy.
        cases: how many of each play, times its weight.
        profiles: of the terminals, in turn.
        cast: which plays, and how busy the tills are.
    """
    chance = random.Random(f"{split} {seed}")
    world = World(split, chance, Wallet(random.Random(f"{split} {seed} cards")), days(split, cast.days), cast)
    world.turn = dt.date(2024, 2, 29) if split == "dev" else dt.date(2025, 12, 31)
    world.delivered_twice = {world.days[3], world.days[5]}
    books = Books(world, chance)
    for number, merchant in enumerate(merchants(split, shops, chance, profiles, seed * shops)):
        devices = []
        for till in range(merchant.terminals):
            device = new_device(world, merchant, seed % 100 * 1_000_000 + 10_000_000 + number * 10 + till)
            device.signs_in_daily = chance.random() < 0.5
            devices.append(device)
        shop = Shop(world, merchant, devices)
        shop.regulars = [world.wallet.issue() for _ in range(REGULARS)]
        world.shops.append(shop)
        for device in devices:
            _watch(world, device)
            world.at(device.now, _till_day(world, device))
        _customers(shop)
        if not merchant.healthy:
            _money_stories(books, shop)
    _put_in(world, cases)
    world.run()
    books.post()
    classes: set[tuple[int, str]] = set()
    for key, case, kind, more in books.charged:
        world.truth.mark(case, key)
        case.loss_fen += more
        if (case.number, kind) not in classes:
            classes.add((case.number, kind))
            case.firsts.add(key)
    return Story(world, books)


def _watch(world: World, device: Device) -> None:
    """What becomes of lost answers makes cases by itself: a reversal that is given up is a fault.

    It is one within a harmless play as well: "reversed, and done again" was not acted where no reversal was confirmed.
    """

    def given_up(attempt: Attempt) -> None:
        cases = [world.truth.cases[number] for number in world.truth.by_key.get(attempt.key, ())]
        harmless = [case for case in cases if case.kind == "negative"]
        for case in harmless:
            case.kind = "dropped"
        if harmless or key_is_free(attempt):
            case = world.truth.open("fault", "outage", device.merchant, rules=("reversal_exhausted",), also=UNKNOWN)
            case.loss_fen = attempt.amount if attempt.posting is not None else 0
            world.truth.mark(case, attempt.key, device.now)

    def reversed_well(attempt: Attempt, code: str) -> None:
        if key_is_free(attempt):
            number = 3 if code == "00" else 4
            world.truth.mark(world.truth.open("negative", "line_noise", device.merchant, negative=number), attempt.key)

    def key_is_free(attempt: Attempt) -> bool:
        return attempt.key not in world.truth.by_key

    device.given_up, device.reversed_well = given_up, reversed_well


def _till_day(world: World, device: Device) -> Play:
    """A till's mornings and evenings."""
    for number, day in enumerate(world.days):
        if number == 0 or device.signs_in_daily:
            yield _at(day, 7.5)
            device.now = max(device.now, _at(day, 7.5))
            device.sign_in()
        evening = _at(day, 22.1 + device.chance.uniform(0, 0.3))
        yield evening
        device.now = max(device.now, evening)
        case, told = world.evenings.get((device.terminal, day), (None, {}))
        told = dict(told)
        if told.pop("forget", False):
            if case is not None:
                for entry in device.journal:
                    world.truth.mark(case, _key(device, entry.stan), device.now)
            continue
        skip = told.pop("skip_batch", False)
        first = [_key(device, entry.stan) for entry in device.journal[:1]]
        start = device.stan
        key = device.settle(**told)
        if case is not None:
            world.truth.mark(case, key, device.now)
            for stan in range(start, device.stan):
                world.truth.mark(case, (device.terminal, key[1], str(stan)))
            for each in first if not skip else []:
                world.truth.mark(case, each)
        if skip and case is not None:
            device.batch += 1
            world.truth.mark(case, _key(device, device.stan))


def _key(device: Device, stan: int) -> tuple[str, str, str]:
    return (device.terminal, str(device.batch), str(stan))


def _customers(shop: Shop) -> None:
    """The ordinary trade of a shop."""
    world = shop.world
    for day in world.days:
        for _ in range(round(world.cast.sales_a_day * world.chance.uniform(0.7, 1.3))):
            moment = _at(day, hour(world.chance))
            world.at(moment, _customer(shop, moment))


def _customer(shop: Shop, moment: dt.datetime) -> Play:
    """One customer: pays, seldom twice, tries again when nothing happened, seldom returns the goods.

    Who buys the same once more buys an article that has a price: a basket of many does not come out alike.
    """
    world, trade = shop.world, shop.merchant.trade
    chance = world.chance
    device = chance.choice(shop.devices)
    shop.take(device, moment)
    paid = amount(shop.merchant, chance)
    again = paid in shop.merchant.prices and chance.random() * 10_000 * trade.at_points < trade.again
    if chance.random() * 100 < trade.code:
        device.attempt("QR_SALE", paid, None, entry="qr", order=f"{moment:%m%d}{chance.randrange(10**8):08d}")
        return
    returning = chance.random() * 100 < trade.returning
    card = (
        chance.choice(shop.regulars)
        if returning
        else world.wallet.issue(FOREIGN if chance.random() < 0.02 else DOMESTIC)
    )
    tap = chance.random() * 100 < trade.tap and paid <= 100_000
    entry = "contactless" if tap else chance.choices(("chip", "mag"), (9, 1))[0]
    for turn in range(2 if again else 1):
        if turn:
            yield (moment := device.now + dt.timedelta(seconds=chance.uniform(25, 240)))
            shop.take(device, moment)
        atc = None if entry == "mag" else shop.counter(card)
        declined = chance.choice(("51", "55", "61")) if chance.random() < 0.02 else None
        sale = device.attempt("SALE", paid, card, entry=entry, pin=not tap, atc=atc, code=declined)
        if sale.code is None and chance.random() < 0.8:
            yield (moment := device.now + dt.timedelta(seconds=chance.uniform(15, 60)))
            shop.take(device, moment)
            atc = None if entry == "mag" else shop.counter(card)
            retry = device.attempt("SALE", paid, card, entry=entry, pin=not tap, atc=atc)
            _retried(world, sale, retry)
    if again:
        return
    if sale.approved and chance.random() < 0.008:
        yield (moment := device.now + dt.timedelta(seconds=chance.uniform(60, 600)))
        shop.take(device, moment)
        device.attempt("VOID", sale.amount, card, of=sale, entry=entry)
    elif sale.approved and chance.random() < 0.006:
        moment = device.now + dt.timedelta(seconds=chance.uniform(1800, 40_000))
        if moment > _at(device.now.date(), 21.75):
            return  # the shop is closed by then
        yield moment
        shop.take(device, moment)
        part = sale.amount if chance.random() < 0.7 else max(1, sale.amount // 2)
        device.attempt("REFUND", part, card, of=sale, entry=entry)


def _retried(world: World, sale: Attempt, retry: Attempt) -> None:
    """Paid again while the first was given up, and both were booked: that is a fault of its own."""
    if sale.given_up and retry.approved and sale.posting is not None and sale.posting.live:
        for number in world.truth.by_key[sale.key]:
            case = world.truth.cases[number]
            if case.name == "outage":
                case.rules |= {"retry_after_unknown"}
                world.truth.mark(case, retry.key)


def _put_in(world: World, cases: int) -> None:
    """Give every play its shops, tills and hours."""
    chance, plays = world.chance, world.cast.plays
    for spec in SPECS if plays is None else [each for each in SPECS if each.name in plays]:
        able = [
            shop
            for shop in world.shops
            if not shop.merchant.healthy
            and len(shop.devices) >= spec.tills
            and (not spec.trades or shop.merchant.trade.mcc in spec.trades)
        ]
        for _ in range(round(cases * spec.weight)) if able else ():
            shop = chance.choice(able)
            day = world.days[chance.randrange(len(world.days) - spec.days)]
            moment = _at(day, chance.uniform(*spec.hours))
            case = world.truth.open(
                spec.kind, spec.name, shop.merchant.mid, negative=spec.negative, rules=spec.rules, also=spec.also
            )
            scene = Scene(shop, chance.choice(shop.devices), case, chance, moment)
            world.at(moment, acted(scene, spec))


LARGE_FEN = 100_000
"""The usual ticket from which on a debit's fee often reaches its cap."""
_FEE_RULES = {
    "step": ("fee_rate_step_change",),
    "surcharge": ("fee_fixed_surcharge",),
    "cap": ("fee_debit_cap_missed",),
    "class": ("fee_card_class_wrong",),
    "concession": ("fee_qr_concession_missed",),
}
_FEE_NEGATIVES = {"announced": 26, "promotion": 27, "mix": 28}


def _money_stories(books: Books, shop: Shop) -> None:
    """What the acquirer does to a merchant's fees, and to one of its payouts."""
    world, merchant, chance = books.world, shop.merchant, books.world.chance
    often = {"step": world.cast.steps, "announced": 1, "promotion": 1, "mix": 1, "surcharge": 1}
    often |= {"cap": world.cast.cap[merchant.trade.median >= LARGE_FEN], "class": 1, "concession": 1}
    kind = chance.choices(list(often), list(often.values()))[0]
    name = f"fee_{kind}"
    also = ("fee_rate_over_contract", "fee_rate_step_change", "fee_card_class_wrong", "fee_debit_cap_missed")
    if kind in _FEE_RULES:
        case = world.truth.open("fault", name, merchant.mid, rules=_FEE_RULES[kind], also=also)
    else:
        case = world.truth.open("negative", name, merchant.mid, negative=_FEE_NEGATIVES[kind])
    since = _at(world.days[chance.randrange(4, 6)], chance.uniform(9, 12))
    story = FeeStory(case, kind, since, ("debit", "credit"), chance.choice(STEPS))
    match kind:
        case "announced":
            story.since = _at(since.date(), 0)
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
        _owed_deposit(world, merchant)


def _deposit(merchant: Merchant, signed_on: dt.date, **more: Any) -> dict[str, Any]:
    return {"merchant": merchant.mid, "amount_fen": DEPOSIT_FEN, "signed_on": signed_on} | more


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


def _at(day: dt.date, hours: float) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZONE) + dt.timedelta(hours=hours)

"""A world's story: its merchants open their tills, customers come, plays are put among them, and it is all acted.

A world is a function of its split and its seed.
"""

import datetime as dt
import random
from dataclasses import dataclass

import bench.detection.plays  # noqa: F401 - the plays are registered by being imported
from bench.detection.accounts import money_stories
from bench.detection.acquirer import Books
from bench.detection.attempt import Attempt
from bench.detection.casts import WHOLE, Cast
from bench.detection.device import Device
from bench.detection.population import DEPOSIT_TRADES, PEAKS, Split, amount, days, hour, merchants, moment_of
from bench.detection.scene import SPECS, Play, Scene, Shop, World, acted, new_device
from bench.detection.truth import Truth
from ingest.simulator.cards import DOMESTIC, FOREIGN, Wallet

__all__ = ["DEPOSIT_TRADES", "PEAKS", "Story", "write"]
REGULARS = 60
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
        if not merchant.healthy:
            money_stories(books, shop)
        _customers(shop)
    _put_in(world, cases)
    world.run()
    books.post()
    classes: set[tuple[int, str]] = set()
    for key, case, kind, more in books.charged:
        world.truth.mark(case, key)
        case.loss_fen += max(0, more)
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
            also = ("void_failed_unresolved",) if attempt.kind == "VOID" else ()  # its sale may stand at the day's end
            case = world.truth.open("negative", "line_noise", device.merchant, negative=number, also=also)
            world.truth.mark(case, attempt.key)

    def key_is_free(attempt: Attempt) -> bool:
        return attempt.key not in world.truth.by_key

    device.given_up, device.reversed_well = given_up, reversed_well


def _till_day(world: World, device: Device) -> Play:
    """A till's mornings and evenings."""
    for number, day in enumerate(world.days):
        if number == 0 or device.signs_in_daily:
            yield moment_of(day, 7.5)
            device.now = max(device.now, moment_of(day, 7.5))
            device.sign_in()
        evening = moment_of(day, 22.1 + device.chance.uniform(0, 0.3))
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
        paid_once = told.pop("paid_once", False)
        key = device.settle(**told)
        if told.get("again"):
            world.settled_again.add((device.merchant, day))
        if case is not None and told.get("again") and not paid_once:
            world.paid_again[device.merchant, day] = case
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
        if day == shop.merchant.shut_on:
            continue
        for _ in range(round(world.cast.sales_a_day * world.chance.uniform(0.7, 1.3))):
            moment = moment_of(day, hour(world.chance))
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
        if moment > moment_of(device.now.date(), 21.75):
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
    for spec in [each for each in SPECS if (not each.calm if plays is None else each.name in plays)]:
        if spec.days >= len(world.days):
            continue  # it takes longer than the story
        able = [
            shop
            for shop in world.shops
            if not shop.merchant.healthy
            and len(shop.devices) >= spec.tills
            and (not spec.trades or shop.merchant.trade.mcc in spec.trades)
            and (spec.at is None or spec.at(shop.merchant))
        ]
        for _ in range(round(cases * spec.weight)) if able else ():
            shop = chance.choice(able)
            day = world.days[chance.randrange(len(world.days) - spec.days)]
            moment = moment_of(day, chance.uniform(*spec.hours))
            case = world.truth.open(
                spec.kind, spec.name, shop.merchant.mid, negative=spec.negative, rules=spec.rules, also=spec.also
            )
            scene = Scene(shop, chance.choice(shop.devices), case, chance, moment)
            world.at(moment, acted(scene, spec))

"""Where plays are acted: merchants with their tills, a clock, and what every play may do.

A play is a generator: it acts on a till and yields how long it waits, seconds or a moment.
The world's clock resumes it then, among customers and other plays at the same tills. What
a play does through its scene is marked with its case.
"""

import datetime as dt
import heapq
import itertools
import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.detection.attempt import FORMS, Attempt
from bench.detection.casts import WHOLE, Cast
from bench.detection.device import Device, Heard, Mishap
from bench.detection.host import Host
from bench.detection.network import Line
from bench.detection.population import ZONE, Merchant, Split
from bench.detection.population import amount as usual_amount
from bench.detection.truth import Case, Key, Truth, key_of
from ingest.simulator.cards import DOMESTIC, Card, Wallet

Wait = float | dt.datetime
Play = Generator[Wait, None, None]
LAST_TILL = dt.time(22, 0)


@dataclass(frozen=True, slots=True)
class Spec:
    """A play: what it is a case of, and what it needs.

    Attributes:
        weight: how many of it for each one of the others.
        hours: earliest and latest beginning, hours after midnight.
        days: latest beginning, days before the story's end; plays that go on over days need room.
        trades: category codes it can happen at; none: all.
        tills: terminals that it needs.
        at: merchants it can happen at; None: all.
        calm: whether it asks what a merchant's sales usually are: only casts that name it act it.
    """

    act: Callable[["Scene"], Play]
    kind: Literal["fault", "negative"]
    negative: int
    rules: frozenset[str]
    also: frozenset[str]
    weight: float = 1.0
    hours: tuple[float, float] = (9.0, 20.5)
    days: int = 1
    trades: tuple[str, ...] = ()
    tills: int = 1
    at: Callable[[Merchant], bool] | None = None
    calm: bool = False

    @property
    def name(self) -> str:
        """The play's name."""
        return self.act.__name__


SPECS: list[Spec] = []


SETTLED_BETWEEN = frozenset(("void_after_settlement", "completion_void_cross_day"))
"""What is rightly said of a void whose till was settled in between, perhaps by another play."""


def fault(
    *rules: str, also: Iterable[str] = (), **needs: Any
) -> Callable[[Callable[["Scene"], Play]], Callable[["Scene"], Play]]:
    """Something that those rules must find."""

    def add(act: Callable[["Scene"], Play]) -> Callable[["Scene"], Play]:
        SPECS.append(Spec(act, "fault", 0, frozenset(rules), frozenset(also), **needs))
        return act

    return add


def negative(
    number: int, *, also: Iterable[str] = (), **needs: Any
) -> Callable[[Callable[["Scene"], Play]], Callable[["Scene"], Play]]:
    """Something that looks wrong and is not: a hard negative by its number in the catalogue."""

    def add(act: Callable[["Scene"], Play]) -> Callable[["Scene"], Play]:
        SPECS.append(Spec(act, "negative", number, frozenset(), frozenset(also), **needs))
        return act

    return add


@dataclass(slots=True)
class World:
    """All merchants of one lake, their tills, and what was heard."""

    split: Split
    chance: random.Random
    wallet: Wallet
    days: list[dt.date]
    cast: Cast = WHOLE
    truth: Truth = field(default_factory=Truth)
    host: Host = field(default_factory=Host)
    heard: list[Heard] = field(default_factory=list)
    shops: list["Shop"] = field(default_factory=list)
    notices: list[dict[str, Any]] = field(default_factory=list)
    same_shop: dict[str, list[str]] = field(default_factory=dict)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    evenings: dict[tuple[str, dt.date], tuple[Case, dict[str, Any]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Tills that say nothing more."""
    done: set[tuple[str, ...]] = field(default_factory=set)
    """What was done at a merchant on a day that something else would be taken for."""
    settled_again: set[tuple[str, dt.date]] = field(default_factory=set)
    """Merchants and days with a batch that was settled twice."""
    mishaps: list[Mishap] = field(default_factory=list)
    """What became of lines, not of messages."""
    paid_again: dict[tuple[str, dt.date], Case] = field(default_factory=dict)
    """Merchants and clearing days that were paid out once more."""
    releases: list[dict[str, Any]] = field(default_factory=list)
    read_twice: set[tuple[str, dt.date]] = field(default_factory=set)
    """Tills and days whose records were read a second time."""
    turn: dt.date = dt.date.min
    """The day after which the month's or year's name changes in the way that is tried."""
    delivered_twice: set[dt.date] = field(default_factory=set)
    """Clearing days whose statement files came twice."""
    _agenda: list[tuple[dt.datetime, int, Play]] = field(default_factory=list)
    _ticket: "itertools.count[int]" = field(default_factory=itertools.count)

    def at(self, moment: dt.datetime, play: Play) -> None:
        """Put a play on the agenda."""
        heapq.heappush(self._agenda, (moment, next(self._ticket), play))

    def run(self) -> None:
        """Act everything, in the order of the clock."""
        while self._agenda:
            moment, _, play = heapq.heappop(self._agenda)
            try:
                wait = play.send(None)
            except StopIteration:
                continue
            then = wait if isinstance(wait, dt.datetime) else moment + dt.timedelta(seconds=wait)
            self.at(max(then, moment), play)


@dataclass(slots=True)
class Shop:
    """One merchant with its tills."""

    world: World
    merchant: Merchant
    devices: list[Device]
    regulars: list[Card] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    used_amounts: set[int] = field(default_factory=set)
    busy: dict[str, dt.datetime] = field(default_factory=dict)
    signatures: int = 0
    """How many have been written here."""

    def take(self, device: Device, moment: dt.datetime) -> None:
        """Go to a till: it is free at that moment, or a little later."""
        device.now = max(device.now, moment)

    def counter(self, card: Card) -> int:
        """The card's next chip counter."""
        self.counters[card.pan] = self.counters.get(card.pan, self.world.chance.randrange(20, 900)) + 1
        return self.counters[card.pan]


def new_device(world: World, merchant: Merchant, number: int, *, terminal: str = "", line: str = "") -> Device:
    """A terminal of that merchant."""
    chance = random.Random(world.chance.random())
    name = terminal or f"{number:08d}"
    return Device(
        line=line or f"line-{name}",
        profile=merchant.profile,
        terminal=name,
        merchant=merchant.mid,
        stan=_first_number(world, chance),
        batch=chance.randrange(100, 90_000),
        wiring=Line(chance),
        host=world.host,
        tell=world.heard.append,
        now=dt.datetime.combine(world.days[0], dt.time(7, 30), ZONE),
        chance=chance,
        ahead_s=round(chance.gauss(0, 25)),
        supervised=merchant.supervised,
    )


def _first_number(world: World, chance: random.Random) -> int:
    near = chance.random() < world.cast.near_wrap
    return 999_999 - chance.randrange(60, world.cast.wrap_within) if near else chance.randrange(30_000, 900_000)


@dataclass(slots=True)
class Scene:
    """What a play acts with: a shop, a till, its case."""

    shop: Shop
    device: Device
    case: Case
    chance: random.Random
    now: dt.datetime

    @property
    def world(self) -> World:
        """Where it is."""
        return self.shop.world

    def card(self, org: str = DOMESTIC) -> Card:
        """A card never seen before."""
        return self.world.wallet.issue(org)

    def usual(self) -> int:
        """An amount as customers here pay it."""
        return usual_amount(self.shop.merchant, self.chance)

    def odd(self, low: int = 3_000, high: int = 90_000) -> int:
        """An amount that nobody else paid here, not round."""
        while True:
            drawn = self.chance.randrange(low, high)
            if drawn % 10 and drawn not in self.shop.used_amounts and drawn not in self.shop.merchant.prices:
                self.shop.used_amounts.add(drawn)
                return drawn

    def act(
        self, kind: str, amount: int = 0, card: Card | None = None, *, till: Device | None = None, **how: Any
    ) -> Attempt:
        """One attempt at the scene's till, or another, marked with the case."""
        device = till or self.device
        entry = how.get("entry", "chip")
        if card is not None and entry in ("chip", "contactless") and kind in ("SALE", "PREAUTH") and "atc" not in how:
            how["atc"] = self.shop.counter(card)
        if entry == "contactless":
            how.setdefault("pin", amount > 100_000)
        meant = device.wiring.is_ordered(FORMS[kind].mti) or "repeat" in how
        attempt = device.attempt(kind, amount, card, **how)
        if attempt.code is None and not meant:
            self.drop()  # the line was bad just then
        self.world.truth.mark(self.case, attempt.key, attempt.at)
        return attempt

    def sale(self, amount: int, card: Card, **how: Any) -> Attempt:
        """A sale."""
        return self.act("SALE", amount, card, **how)

    def void(self, of: Attempt, amount: int | None = None, card: Card | None = None, **how: Any) -> Attempt:
        """A void of it; in full and by its own card unless told otherwise."""
        how.setdefault("entry", of.entry)
        void = self.act(how.pop("kind", "VOID"), of.amount if amount is None else amount, card or of.card, of=of, **how)
        if void.device is of.device and void.batch != of.batch:
            self.case.also |= SETTLED_BETWEEN
        return void

    def refund(self, of: Attempt, amount: int | None = None, card: Card | None = None, **how: Any) -> Attempt:
        """A refund of it."""
        how.setdefault("entry", of.entry)
        return self.act(
            how.pop("kind", "REFUND"), of.amount if amount is None else amount, card or of.card, of=of, **how
        )

    def cut(self, *fates: Literal["through", "lost", "unheard"], mti: str = "0200", till: Device | None = None) -> None:
        """What befalls the next requests of a message type."""
        (till or self.device).wiring.order(mti, *fates)

    def mark(self, key: Key) -> None:
        """A record that is no attempt belongs to the case."""
        self.world.truth.mark(self.case, key, self.device.now)

    def mark_number(self, stan: int, batch: int | None = None) -> None:
        """A trace number of this till belongs to the case."""
        self.mark(key_of(self.device.terminal, self.device.batch if batch is None else batch, stan))

    def loses(self, fen: int, voidable: Attempt | None = None) -> None:
        """What the fault costs, and the sale whose void would put it right."""
        self.case.loss_fen = fen
        if voidable is not None:
            day = voidable.at.date()
            self.case.voidable_until = dt.datetime.combine(day, dt.time(23), ZONE)

    def order(self) -> str:
        """A new order number of the till's software."""
        return f"{self.now:%m%d}{self.chance.randrange(10**8):08d}"

    def stands(self, attempt: Attempt, *, not_any_more: bool = False) -> None:
        """What the host has of it now, as the play means it: a reversal may have met another's fate on the line."""
        if attempt.posting is None or attempt.posting.live == not_any_more:
            self.drop()

    def drop(self) -> None:
        """It could not be acted as it was meant."""
        self.case.kind = "dropped"

    def evening(self, **told: Any) -> None:
        """How this till settles tonight; one play an evening."""
        key = self.device.terminal, self.now.date()
        if key in self.world.evenings:
            self.drop()
            return
        self.world.evenings[key] = self.case, told

    def own_till(self) -> Device:
        """A new till of the shop, signed in, of which no other play knows."""
        till = new_device(self.world, self.shop.merchant, 0, terminal=f"9{self.case.number:07d}")
        till.now = self.now
        self.mark_number(till.sign_in(), till.batch)
        self.device = till
        return till

    def other(self) -> Device:
        """Another till of the shop."""
        return next(each for each in self.shop.devices if each is not self.device)

    def first(self, what: str, day: str, *beside: str) -> bool:
        """Whether nothing was done at this merchant on that day that this would be taken for; else it is dropped."""
        mid = self.shop.merchant.mid
        if any((mid, other, day) in self.world.done for other in beside):
            self.drop()
            return False
        self.world.done.add((mid, what, day))
        return True

    def stranger(self) -> Device | None:
        """A till of another merchant of the acquirer, to whom things may happen; None, and dropped: there is none."""
        mine = self.shop.merchant
        shops = [
            each for each in self.world.shops
            if each is not self.shop and each.merchant.profile == mine.profile and not each.merchant.healthy
        ]  # fmt: skip
        if not shops:
            self.drop()
            return None
        found = self.chance.choice(shops).devices[0]
        found.now = max(found.now, self.now)
        return found

    def day(self, days: int, hour: float) -> dt.datetime:
        """A moment so many days after now."""
        start = dt.datetime.combine(self.now.date(), dt.time(), ZONE)
        return start + dt.timedelta(days=days, hours=hour, seconds=self.chance.uniform(0, 900))


def acted(scene: Scene, spec: Spec) -> Play:
    """The play, with the shop's tills brought to the world's clock each time it goes on."""
    play, moment = spec.act(scene), scene.now
    while True:
        scene.now = moment
        for device in scene.shop.devices:
            scene.shop.take(device, moment)
        try:
            wait = next(play)
        except StopIteration:
            return
        moment = wait if isinstance(wait, dt.datetime) else scene.device.now + dt.timedelta(seconds=wait)
        yield moment

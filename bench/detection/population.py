"""Merchants as they are: trades, price lists, terminals, contracts, and the days they are open.

Two populations, ``dev`` and ``test``, share no price, no merchant number and no day: what was
looked at while rules were written is not what they are measured on.
"""

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from expectations.fees.expected import Rounding

ZONE = ZoneInfo("Asia/Shanghai")
Split = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class Trade:
    """A kind of business.

    Attributes:
        mcc: its merchant category code.
        points: how many of the prices are its usual ones.
        at_points: percent of the sales that are at one of these.
        median: of all other amounts, fen.
        spread: of their logarithms.
        returning: percent of the sales by a card that was here before.
        tap: percent of the sales that are contactless and without PIN.
        code: percent of the sales that are paid by code.
        again: in a million sales, those of a customer who buys the same once more at once.
    """

    name: str
    mcc: str
    points: int
    at_points: int
    median: int
    spread: float
    returning: int
    tap: int
    code: int
    again: int


TRADES = (
    Trade("fast food", "5814", 8, 70, 2800, 0.4, 25, 60, 30, 2500),
    Trade("cafe", "5812", 6, 75, 2600, 0.3, 40, 65, 30, 5000),
    Trade("restaurant", "5812", 3, 10, 18000, 0.6, 20, 25, 25, 500),
    Trade("convenience", "5499", 12, 45, 2200, 0.7, 45, 60, 40, 1500),
    Trade("supermarket", "5411", 4, 8, 9000, 0.9, 35, 40, 35, 500),
    Trade("clothing", "5651", 8, 55, 32000, 0.6, 10, 15, 20, 500),
    Trade("furniture", "5712", 3, 10, 180000, 0.8, 4, 3, 5, 100),
    Trade("fuel", "5541", 4, 55, 25000, 0.4, 30, 15, 25, 700),
    Trade("hotel", "7011", 4, 30, 46000, 0.5, 8, 8, 15, 300),
    Trade("hospital", "8062", 4, 30, 8000, 1.1, 35, 15, 30, 4000),
    Trade("beauty", "7230", 6, 60, 16800, 0.5, 35, 20, 25, 400),
    Trade("wholesale", "5099", 2, 5, 260000, 0.9, 25, 2, 5, 600),
)
SALE_LIMIT_FEN, DAY_LIMIT_FEN = 5_000_000, 40_000_000
SMALL_FEN = 50_000
"""Usual tickets of less come to no day's limit by themselves, where no holds are taken."""
DEPOSIT_TRADES = frozenset(("7011", "8062"))
_LISTS: dict[Split, tuple[int, ...]] = {
    "dev": (800, 1200, 1500, 1800, 2200, 2800, 3500, 4500, 5900, 8800, 9900, 16800),
    "test": (600, 1000, 1400, 1900, 2300, 2500, 3200, 3900, 5600, 7800, 12000, 19900),
}
WRONG_TRADE = frozenset((3, 12, 21, 30, 41, 50, 58, 66, 73))
"""Of eighty merchants those that the acquirer put under another trade; none of them is healthy."""
_FIRST_DAY: dict[Split, dt.date] = {"dev": dt.date(2024, 2, 26), "test": dt.date(2025, 12, 29)}
"""A leap day follows, or a New Year with a working Sunday (调休)."""


@dataclass(slots=True)
class Merchant:
    """One shop.

    Attributes:
        prices: its usual prices, the most usual first.
        rate_ppm: by card class.
        rounding: how its acquirer rounds; `told_rounding` is what the contract says of it.
        supervised: whether a supervisor has to confirm its voids.
        limited: whether its acquirer limits a sale and a day.
        shut_on: a day on which it is closed.
    """

    mid: str
    trade: Trade
    prices: tuple[int, ...]
    acquirer: str
    profile: str
    healthy: bool
    rates: dict[str, int] = field(default_factory=dict)
    cap_fen: int = 2000
    rounding: Rounding = "half-up"
    told_rounding: Rounding | None = None
    cycle: str = "T1"
    returns_fee: bool | None = None
    instant_since: dt.date | None = None
    promotion_until: dt.date | None = None
    terminals: int = 2
    supervised: bool = False
    limited: bool = False
    shut_on: dt.date | None = None

    @property
    def limited_a_day(self) -> bool:
        """Whether it has a limit for a day that its ordinary sales keep."""
        return self.limited and self.trade.median < SMALL_FEN and self.trade.mcc not in DEPOSIT_TRADES

    @property
    def rules(self) -> dict[str, dict[str, Any]]:
        """What its settings say of rules: whether a supervisor confirms voids, what a sale and a day may come to."""
        found: dict[str, dict[str, Any]] = {}
        if self.supervised:
            found["refund_supervisor_missing"] = {"required": True}
        if self.limited:
            found |= {name: {"limit_fen": SALE_LIMIT_FEN} for name in ("over_single_limit", "limit_split")}
            if self.limited_a_day:
                found["over_daily_limit"] = {"limit_fen": DAY_LIMIT_FEN}
        return found


def merchants(split: Split, count: int, chance: random.Random, profiles: tuple[str, ...], start: int) -> list[Merchant]:
    """So many merchants, each with a price list of its own."""
    made = []
    for number in range(start, start + count):
        trade = TRADES[number % len(TRADES)]
        scale = max(1, round(trade.median / 2600))
        prices = tuple(price * scale for price in chance.sample(_LISTS[split], min(trade.points, 12)))
        rounding: Rounding = chance.choice(("half-up", "half-up", "floor", "ceil"))
        place = number % len(profiles)
        prefix = "8" if split == "test" else "3"
        made.append(
            Merchant(
                mid=f"{prefix}{90 + place}5840{_boarded(trade, number)}{number % 10000:04d}",
                trade=trade,
                prices=prices,
                acquirer=f"acquirer-{place + 1}",
                profile=profiles[place],
                healthy=number % 8 == 7,
                rates={"debit": chance.choice((5000, 5500)), "credit": chance.choice((6000, 5800)), "qr": 3800},
                rounding=rounding,
                told_rounding=rounding if chance.random() < 0.5 else None,
                returns_fee=chance.random() < 0.5,
                terminals=chance.choice((1, 2, 2, 3)),
                supervised=number % 3 == 0,
                limited=number % 4 == 1,
            )
        )
    return made


def _boarded(trade: Trade, number: int) -> str:
    """The trade that a merchant's number states: one in ten was taken on under another, whose fees are lower (套码)."""
    return "5311" if number % 80 in WRONG_TRADE and trade.mcc not in DEPOSIT_TRADES else trade.mcc


def days(split: Split, count: int) -> list[dt.date]:
    """So many days of a population's story."""
    return [_FIRST_DAY[split] + dt.timedelta(days=step) for step in range(count)]


def amount(merchant: Merchant, chance: random.Random) -> int:
    """What the next customer pays, in fen."""
    if chance.random() * 100 < merchant.trade.at_points:
        weights = [1 / (rank + 1) for rank in range(len(merchant.prices))]
        return chance.choices(merchant.prices, weights)[0]
    drawn = chance.lognormvariate(0, merchant.trade.spread) * merchant.trade.median
    return max(100, min(4_900_000, round(drawn / 10) * 10 if chance.random() < 0.5 else round(drawn)))


PEAKS = ((11.0, 13.0, 4), (17.0, 20.0, 4), (8.5, 21.5, 5))
"""Hours of lunch, dinner and all day, and how many of thirteen customers come then."""


def hour(chance: random.Random) -> float:
    """When a customer comes, in hours after midnight."""
    first, last, _ = chance.choices(PEAKS, [weight for *_, weight in PEAKS])[0]
    return chance.uniform(first, last)


def moment_of(day: dt.date, hours: float) -> dt.datetime:
    """So many hours after a day's midnight."""
    return dt.datetime.combine(day, dt.time(), ZONE) + dt.timedelta(hours=hours)

"""Good business: what a shop does all day when nothing is wrong.

Every customer has a card of their own, so no two of these sales look like one debit
taken twice. Declines, mistyped sales and lost answers happen at their usual rate and are put right.
"""

import datetime as dt
from dataclasses import dataclass

from ingest.simulator.cards import DOMESTIC, FOREIGN
from ingest.simulator.scenario import Order
from ingest.simulator.till import Till


@dataclass(frozen=True, slots=True)
class Trade:
    """A merchant's price list in fen: its common price points, and the range of all other amounts."""

    points: tuple[int, ...]
    low: int
    high: int


PIN_FEN = 100_000
"""Above this a contactless sale asks for the PIN (小额双免 up to 1000 yuan)."""
CAFE_TRADE = Trade(points=(2_800, 3_200, 1_800), low=2_100, high=12_000)
STORE_TRADE = Trade(points=(10_000, 19_900, 5_900), low=3_100, high=150_000)


def trade(till: Till, prices: Trade, day: dt.date, until: str, customers: int) -> None:
    """Serve so many customers between the till's present time and ``until``."""
    end = dt.datetime.combine(day, dt.time.fromisoformat(until), till.now.tzinfo)
    gap = (end - till.now).total_seconds() / max(customers, 1)
    start = till.now
    for index in range(customers):
        # within the first tenth to half of the customer's share of the time: nobody meets
        till.now = max(till.now, start + dt.timedelta(seconds=int(gap * (index + till.rng.uniform(0.1, 0.5)))))
        serve(till, prices)
    till.at(day, until)


def serve(till: Till, prices: Trade) -> None:
    """Serve one customer."""
    rng = till.rng
    card = till.card(FOREIGN if rng.random() < 0.04 else DOMESTIC)
    amount = rng.choice(prices.points) if rng.random() < 0.6 else till.odd_amount(prices.low, prices.high)
    entry = rng.choices(("chip", "contactless", "mag"), (5, 4, 1))[0]
    pin = entry != "contactless" or amount > PIN_FEN
    fate = rng.random()
    if fate < 0.04:
        till.sale(card, amount, entry=entry, pin=pin, orders=[Order("0200", "decline", rng.choice(("51", "55", "61")))])
    elif fate < 0.06:
        till.sale(card, amount, entry=entry, pin=pin, orders=[Order("0200", rng.choice(("drop", "lose")))])
    elif fate < 0.09:
        label = till.sale(card, amount, entry=entry, pin=pin)
        till.wait(25)
        till.void(label, card, entry=entry)
    else:
        till.sale(card, amount, entry=entry, pin=pin)

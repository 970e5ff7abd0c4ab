"""Traffic without end, for load and kill tests: honest sales, a settlement now and then, no truth to find."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence

from ingest.simulator.cards import Wallet
from ingest.simulator.scenario import Scenario, Seat, Step
from ingest.simulator.scenarios.trade import STORE_TRADE
from ingest.simulator.till import Till

SALES_PER_BATCH = 200


def traffic(seats: Sequence[Seat], day: dt.date, seed: int) -> Scenario:
    """Endless sales on every seat, one every ten seconds of scenario time from 00:00 of the day."""

    def steps(seat: Seat) -> Iterator[Step]:
        rng = random.Random(f"{seed}/{seat.terminal_id}")  # noqa: S311 - a seeded scenario, not a secret
        till = Till(seat, rng, Wallet(rng), set())
        till.at(day, "00:00:00")
        till.do("echo")
        till.do("sign_in")
        while True:
            for _ in range(SALES_PER_BATCH):
                amount = rng.choice(STORE_TRADE.points) if rng.random() < 0.5 else rng.randrange(100, 90_000)
                till.sale(till.card(), amount)
            till.settle()
            yield from till.steps
            till.restart()

    return Scenario(name="traffic", seats=tuple(seats), steps=steps)

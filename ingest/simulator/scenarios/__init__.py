"""The scenarios by name, and how one is made."""

import datetime as dt
import difflib
from collections.abc import Callable, Sequence

from ingest.errors import UsageError
from ingest.simulator.scenario import Scenario, Seat
from ingest.simulator.scenarios.shop import quiet_day, shop_day
from ingest.simulator.scenarios.traffic import traffic
from ingest.simulator.staged import STAGED

Writer = Callable[[Sequence[Seat], dt.date, int], Scenario]

SCENARIOS: dict[str, Writer] = {"shop-day": shop_day, "quiet-day": quiet_day, "traffic": traffic}

CAFE = "898290058140001"
STORE = "898290053110002"
"""Merchant numbers: acquirer 898, region 2900, MCC 5814 and 5311, serial (rules.md, MID structure)."""

MERCHANTS = (CAFE, STORE)


def write_scenario(name: str, seats: Sequence[Seat], day: dt.date, seed: int) -> Scenario:
    """Write the scenario of that name for these seats.

    Args:
        name: one of `SCENARIOS`.
        seats: the terminals.
        day: the scenario's day D; earlier days are counted back from it.
        seed: the same seed, seats and day give the same scenario.

    Raises:
        UsageError: no such scenario, or too few terminals for it.
    """
    if name not in SCENARIOS:
        known = [*SCENARIOS, *STAGED]
        close = difflib.get_close_matches(name, known, n=1)
        maybe = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"no scenario is called {name!r}", hint=f"{maybe}there are: {', '.join(known)}")
    return SCENARIOS[name](seats, day, seed)

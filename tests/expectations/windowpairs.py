"""Two sales of one card and amount, what was sold before them, and the points they are given."""

import datetime as dt

from expectations.findings import Finding
from tests.expectations.shopdays import Row, Till

TIME_60, TIME_300, TIME_3600 = 38, 28, 8
ANOMALY, TERMINAL_AND_OPERATOR, RARE, CONSECUTIVE = 71, 3, 32, 4
UNSIGNED = 15
COMMON, OTHER_ORDER, DONE_BEFORE, OTHER_TERMINAL = -18, -40, -30, -8
PLAIN = {1500: 100, 36840: 2}
"""A history in which 368.40 is neither rare nor usual."""


def score(found: list[Finding]) -> int:
    """The score of the one finding there is."""
    assert [each.rule for each in found] == ["dup_card_amount_window"]
    return int(found[0].evidence["duplicate_score"])


def pair(
    till: Till, amount: int = 36840, seconds: int = 20, first: dict[str, object] | None = None, **second: object
) -> tuple[Row, Row]:
    """Two sales of one card and amount."""
    one = till.sale(amount, at="20:00:00", **(first or {}))
    start = till.now
    return one, till.sale(amount, at=f"{start + dt.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}", **second)


def sold_before(till: Till, prices: dict[int, int], day: str = "2026-11-20 09:00:00") -> None:
    """So many sales at each price the day before, each to another card."""
    till.at(day)
    till.step = dt.timedelta(seconds=20)
    number = 10_000
    for fen, times in prices.items():
        for _ in range(times):
            number += 1
            till.sale(fen, card=number)
    till.settle()
    till.at("2026-11-21 09:00:00").event("SIGN_IN")
    till.step = dt.timedelta(minutes=1)

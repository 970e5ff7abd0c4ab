"""Fees by the million: false breaks in calm years, and the first affected transaction of a change.

Generated fees go through the product's own `fees.steps`, the code under the rule
``fee_rate_step_change``; the rule's SQL around it is judged in the worlds.
"""

import random
from dataclasses import dataclass

from bench.detection.match import Share
from expectations.fees.expected import ROUNDINGS, Rounding, rounded
from expectations.fees.steps import steps

TRADES = (("cafe", 2_600, 0.4), ("restaurant", 18_000, 0.6), ("clothing", 32_000, 0.7), ("wholesale", 260_000, 0.9))
"""Name, median amount in fen, and spread of its logarithm."""
RATES = (3800, 5000, 5500, 5800, 6000)
CHANGES = (100, 200, 300, 500, 1000, 3000)
"""Millionths: one to thirty basis points."""
MERCHANT_FEES = 1000


@dataclass(frozen=True, slots=True)
class FeeFigures:
    """What came of it.

    Attributes:
        breaks: by rounding, changes told where there was none, of all fees looked at.
        exact: changes whose first affected transaction was named exactly.
        error_fen: of the changes found, how far the overcharge was off, at most.
    """

    breaks: dict[str, Share]
    exact: Share
    found: Share
    error_fen: int


def calm(rounding: Rounding, fees: int, seed: int) -> Share:
    """Changes told in so many fees of merchants whose rate never changed."""
    chance = random.Random(f"calm {rounding} {seed}")
    told = 0
    for _ in range(fees // MERCHANT_FEES):
        rate = chance.choice(RATES)
        told += len(steps([(each, rounded(each, rate, rounding)) for each in _amounts(chance, MERCHANT_FEES)]))
    return Share(told, fees // MERCHANT_FEES * MERCHANT_FEES)


def changes(merchants: int, seed: int) -> tuple[Share, Share, int]:
    """Exactly named, found at all, and the greatest error in fen, of changes after 300 calm fees."""
    chance = random.Random(f"changes {seed}")
    exact = found = error = 0
    for number in range(merchants):
        rounding: Rounding = ROUNDINGS[number % len(ROUNDINGS)]
        rate, more = chance.choice(RATES), chance.choice(CHANGES)
        amounts = _amounts(chance, 700)
        fees = [rounded(each, rate + (more if n >= 300 else 0), rounding) for n, each in enumerate(amounts)]
        old = [rounded(each, rate, rounding) for each in amounts]
        first = next((n for n in range(300, 700) if fees[n] != old[n]), None)
        told = steps(list(zip(amounts, fees, strict=True)))
        if told:
            found += 1
            exact += len(told) == 1 and told[0].first == first
            error = max(error, abs(told[0].over_fen - sum(fees) + sum(old)))
    return Share(exact, merchants), Share(found, merchants), error


def _amounts(chance: random.Random, count: int) -> list[int]:
    _, median, spread = chance.choice(TRADES)
    return [max(100, round(chance.lognormvariate(0, spread) * median)) for _ in range(count)]


def figures(fees: int, merchants: int, seed: int) -> FeeFigures:
    """All of it; ``fees`` for each way of rounding."""
    exact, found, error = changes(merchants, seed)
    return FeeFigures({each: calm(each, fees, seed) for each in ROUNDINGS}, exact, found, error)

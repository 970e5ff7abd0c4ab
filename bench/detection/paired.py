"""Ours beside a baseline, by a paired bootstrap over merchants.

Merchants differ more than ways do, and both ways saw the same ones: the difference is taken within each resample of
merchants, not between two intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.detection.baselines import Score

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000
SEED = 20
AT_ONCE = 100
PPM = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours less a baseline's, with the middle 95 % of the resamples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


@dataclass(frozen=True, slots=True)
class Paired:
    """How much more ours finds than a baseline, and how much more of what it says is right."""

    recall: Difference
    precision: Difference
    at_200_ppm: Difference


def paired(
    by_merchant: Mapping[str, Sequence[Score]], ours: str, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Paired]:
    """Every baseline against ours.

    Args:
        by_merchant: of each way what it did at each merchant; the merchants in one order for all.
        ours: which of the ways is ours.
        resamples: how often merchants are drawn, as many as there are.
        seed: of the draws; the same for all baselines.
    """
    import numpy as np

    counts = {
        way: np.array([(each.faults, each.found, each.wrong, each.innocent) for each in scores], float)
        for way, scores in by_merchant.items()
    }
    count = len(counts[ours])
    chance, drawn = np.random.default_rng(seed), dict[str, list[Any]]({way: [] for way in counts})
    for start in range(0, resamples if count else 0, AT_ONCE):
        often = chance.multinomial(count, np.full(count, 1 / count), size=min(AT_ONCE, resamples - start))
        for way, rows in counts.items():
            drawn[way].append(often @ rows)
    sums = {way: np.concatenate(parts) for way, parts in drawn.items() if parts}
    return {
        way: Paired(
            *(
                _difference(told(counts[ours].sum(0)) - told(counts[way].sum(0)), told(sums[ours]) - told(sums[way]))
                for told in (_recall, _precision, _precision_at)
            )
        )
        for way in sums
        if way != ours
    }


def _difference(value: Any, resampled: "np.ndarray[Any, Any]") -> Difference:
    import numpy as np

    low, high = np.nanquantile(resampled, (0.025, 0.975))
    return Difference(float(value), float(low), float(high))


def _recall(sums: Any) -> Any:
    return _share(sums[..., 1], sums[..., 0])


def _precision(sums: Any) -> Any:
    return _share(sums[..., 1], sums[..., 1] + sums[..., 2])


def _precision_at(sums: Any) -> Any:
    hits, wrong = PPM * _recall(sums), (1e6 - PPM) * _share(sums[..., 2], sums[..., 3])
    return _share(hits, hits + wrong)


def _share(hits: Any, of: Any) -> Any:
    """Of nothing it is no number."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(hits, of)

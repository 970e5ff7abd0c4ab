"""Which world, and what it gave: what is handed from process to process, and kept."""

from dataclasses import dataclass, field
from typing import NamedTuple

from bench.detection.baselines import Score
from bench.detection.casts import WHOLE, Cast
from bench.detection.dossiers import Dossiers
from bench.detection.match import Matched
from bench.detection.overlap import Overlap
from bench.detection.pipeline import Perturbation
from bench.detection.population import Split


class Order(NamedTuple):
    """Which world."""

    split: Split
    seed: int
    shops: int
    cases: int
    how: Perturbation = Perturbation()
    cast: Cast = WHOLE


@dataclass(slots=True)
class Outcome:
    """What one world gave; small enough to be handed from process to process."""

    matched: Matched
    baselines: dict[str, dict[str, Score]]
    """By way and merchant."""
    sales: int
    merchant_weeks: float
    attempts: int
    frames: int
    rejects: int
    could_not_run: list[str]
    overlap: Overlap = field(default_factory=Overlap)
    dossiers: Dossiers = field(default_factory=Dossiers)
    seconds: dict[str, float] = field(default_factory=dict)

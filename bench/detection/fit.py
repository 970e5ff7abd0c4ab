"""Fit the points of ``dup_card_amount_window`` on the dev split: ``python -m bench.detection.fit``.

Every pair that the rule weighs in dev worlds is a fault or none. A logistic regression finds what each part of the
score says of it. Its prior (normal, `SPREAD` wide) is the catalogue's starting weights; that of the anomaly is its
likelihood ratio, counted over all sales, as pairs without a fault that bear one are too few to count. No weight may
change its sign. What no dev world acts, and the steps of time, whose waits a benchmark's author draws, keep their
starting weights. The intercept is put from the packed worlds' rate of faults to `BASE_RATE`, and the scale is such
that 70 points and 45 stand for `ALERT` and `REVIEW`. The test split is not looked at.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection.pipeline import bring
from bench.detection.story import write
from bench.detection.truth import key_of
from bench.detection.worlds import brands
from expectations.judging import Docket
from expectations.lifecycle import link
from expectations.lifecycle.reading import read_tables
from expectations.parameters import parameters
from expectations.rules import RULES
from expectations.run import business_days, shop_of
from ingest.tables import Lake

SEEDS = (20, 21, 22, 23)
SHOPS, CASES = 24, 8
BASE_RATE, ALERT, REVIEW = 200e-6, 0.5, 0.03
SPREADS = (0.5, 1.0, 2.0, 3.0, 4.0)
SPREAD = 3.0
"""Natural logarithms of odds; the loss of worlds left out, printed for each of `SPREADS`, is flat from here on."""
START = {
    "first_had_anomaly": 25, "same_terminal_and_operator": 15, "rare_price": 10, "consecutive_receipts": 10,
    "common_price": -30, "different_terminals": -20, "tap_at_common_price": -15,
}  # fmt: skip
"""Starting weights of the parts that are fitted."""
TIMES = {60: 40, 300: 30, 3600: 10}
KEPT = {"first_unsigned": 15, "different_orders": -40, "signed_apart": -25, "done_before": -30}
NAMES = tuple(START)
WINDOW = "dup_card_amount_window"


def logit(chance: float) -> float:
    """Natural logarithm of the odds."""
    return math.log(chance / (1 - chance))


SCALE = 25 / (logit(ALERT) - logit(REVIEW))
"""Points for each unit of the logarithm of odds."""


@dataclass(slots=True)
class Pairs:
    """Pairs of sales: which parts each has, the points of what is not fitted, and whether it is a fault."""

    parts: Any
    kept: Any
    faults: Any
    worlds: Any


@dataclass(slots=True)
class Trade:
    """What the worlds sold: approved sales, those with an anomaly among them."""

    sales: int = 0
    anomalies: int = 0


def gather(seeds: Sequence[int]) -> tuple[Pairs, Trade]:
    """Play the worlds and have the rule's own view weigh their pairs."""
    rows: list[tuple[list[float], int, bool, int]] = []
    trade = Trade()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows += _world(seed, Path(folder), trade)
    parts, kept, faults, worlds = zip(*rows, strict=True)
    return Pairs(np.array(parts), np.array(kept) / SCALE, np.array(faults, float), np.array(worlds)), trade


def _world(seed: int, folder: Path, trade: Trade) -> list[tuple[list[float], int, bool, int]]:
    story = write("dev", seed, shops=SHOPS, cases=CASES, profiles=brands())
    settings = bring(story, folder).settings
    lake, given = Lake(settings.lake.uri), parameters(settings)
    days = business_days(lake)
    linked = link(read_tables(lake, days[0]), shop_of(settings), days[0], days[-1])
    Docket(given).hear(linked)
    rule = replace(RULES[WINDOW], points=dict.fromkeys(RULES[WINDOW].points, 1))
    linked.execute(f"CREATE OR REPLACE TEMP VIEW parameter AS {given.sql(rule)}")
    found = linked.sql(f"SELECT * FROM ({rule.sql}) ORDER BY key").to_arrow_table().to_pylist()  # noqa: S608 - the rule's own view
    [(sales, anomalies)] = linked.sql(
        "SELECT count(*), count(*) FILTER (sendings > 1 OR reversal_sendings > 0) FROM life "
        "WHERE kind = 'SALE' AND exposed"
    ).fetchall()
    keys = {i: key_of(*k) for i, *k in linked.sql("SELECT id, terminal, batch, stan FROM life").fetchall()}
    linked.close()
    trade.sales, trade.anomalies = trade.sales + sales, trade.anomalies + anomalies
    rows = []
    for row in found:
        has, apart = row["score_parts"], row["seconds_apart"]
        kept = next(points for limit, points in TIMES.items() if apart <= limit)
        kept += sum(points for name, points in KEPT.items() if has[name])
        cases = [story.truth.cases[number] for number in story.truth.by_key.get(keys[row["key"]], ())]
        fault = any(WINDOW in case.rules for case in cases)
        rows.append(([float(bool(has[name])) for name in NAMES], kept, fault, seed))
    return rows


def fitted(pairs: Pairs, which: Any, anomaly: float, spread: float) -> dict[str, float]:
    """The regression's weights on some of the pairs, and its ``intercept``; a weight of the wrong sign is none."""
    start = np.array([anomaly, *(START[name] / SCALE for name in NAMES[1:])])
    free = list(range(len(NAMES)))
    while True:
        found = _newton(pairs.parts[which][:, free], pairs.kept[which], pairs.faults[which], start[free], spread)
        wrong = [place for place, weight in zip(free, found[1:], strict=True) if weight * START[NAMES[place]] < 0]
        if not wrong:
            told = {NAMES[place]: float(weight) for place, weight in zip(free, found[1:], strict=True)}
            return dict.fromkeys(NAMES, 0.0) | told | {"intercept": float(found[0])}
        free = [place for place in free if place not in wrong]


def _newton(parts: Any, kept: Any, faults: Any, start: Any, spread: float) -> Any:
    """The greatest posterior, by Newton's steps, halved while they do not better it."""
    design = np.c_[np.ones(len(parts)), parts]
    middle = np.r_[logit(REVIEW), start]
    weight = np.r_[1e-6, np.full(len(start), spread**-2)]

    def loss(at: Any) -> float:
        odds = design @ at + kept
        return float((np.logaddexp(0, odds) - faults * odds).sum() + (weight * (at - middle) ** 2).sum() / 2)

    at = middle
    for _ in range(200):
        chance = 1 / (1 + np.exp(-(design @ at + kept)))
        slope = design.T @ (chance - faults) + weight * (at - middle)
        step = np.linalg.solve((design.T * (chance * (1 - chance))) @ design + np.diag(weight), slope)
        while loss(at - step) > loss(at) and np.abs(step).max() > 1e-12:
            step = step / 2
        at = at - step
        if np.abs(step).max() < 1e-9:
            break
    return at


def left_out(pairs: Pairs, anomaly: float, spread: float) -> float:
    """The loss of each world's pairs under what the other worlds taught."""
    lost = 0.0
    for world in np.unique(pairs.worlds):
        own = pairs.worlds == world
        told = fitted(pairs, ~own, anomaly, spread)
        odds = told["intercept"] + pairs.parts[own] @ np.array([told[name] for name in NAMES]) + pairs.kept[own]
        lost += float((np.logaddexp(0, odds) - pairs.faults[own] * odds).sum())
    return lost


def points(pairs: Pairs, trade: Trade, anomaly: float) -> dict[str, int]:
    """All weights of the score, in points."""
    told = fitted(pairs, slice(None), anomaly, SPREAD)
    shift = math.log(BASE_RATE * trade.sales / pairs.faults.sum())
    begin = 70 + (told["intercept"] + shift - logit(ALERT)) * SCALE
    times = {f"within_{limit}_s": round(begin + points) for limit, points in TIMES.items()}
    return times | {name: round(told[name] * SCALE) for name in NAMES} | KEPT


def main() -> None:
    """Print the loss by spread, and the points."""
    pairs, trade = gather(SEEDS)
    disturbed = float(pairs.parts[:, 0] @ pairs.faults)
    in_faults = (disturbed + 0.5) / (pairs.faults.sum() + 1)
    in_others = (trade.anomalies - disturbed + 0.5) / (trade.sales + 1)
    anomaly = logit(in_faults) - logit(in_others)
    print(f"{len(pairs.faults)} pairs, {pairs.faults.sum():.0f} faults, {trade.sales:,} sales")
    for spread in SPREADS:
        print(f"spread {spread}: loss of worlds left out {left_out(pairs, anomaly, spread):.2f}")
    for name, each in points(pairs, trade, anomaly).items():
        print(f"{name:28} {each:4}")


if __name__ == "__main__":
    main()

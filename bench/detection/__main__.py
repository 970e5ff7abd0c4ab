"""POS-Recon-Bench: ``make bench-detection``, or ``python -m bench.detection --size small``.

Exit status: 0 measured, 3 a rule could not run, or a world's process ended before it was done.
"""

import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from bench.detection.casts import ACCOUNTS, SEASON, TILLS, WHOLE, Cast
from bench.detection.fees import figures
from bench.detection.figures import Total, calibrate, total
from bench.detection.pipeline import FIVE_PERCENT, PERTURBATIONS, Perturbation
from bench.detection.population import Split
from bench.detection.report import Results, page, plots, put, table, text
from bench.detection.worlds import Order, WorldLostError, play_all

ROOT = Path(__file__).parents[2]
FIRST_SEED: dict[Split, int] = {"dev": 20, "test": 60}
"""Of the test split: seeds of no world that rules were looked at with. Points are fitted on dev's (`fit`)."""

MORE_SEED = 200


@dataclass(frozen=True, slots=True)
class Size:
    """How much is acted: worlds of each split, merchants and cases of each play in a world, fees, and what is lost.

    ``accounts`` and ``tills`` are so many test worlds more, of what a merchant or a till has only once (`casts`);
    ``cast`` is that of the others.
    """

    test: int
    dev: int
    shops: int
    cases: int
    perturbed: int
    fees: int
    changes: int
    ways: tuple[Perturbation, ...] = PERTURBATIONS
    accounts: int = 0
    tills: int = 0
    cast: Cast = WHOLE


ACCOUNT_SHOPS = 300
SIZES = {
    "small": Size(test=1, dev=1, shops=16, cases=6, perturbed=6, fees=1_000_000, changes=300, ways=(FIVE_PERCENT,)),
    "middle": Size(test=2, dev=1, shops=24, cases=12, perturbed=4, fees=1_000_000, changes=1_000),
    "full": Size(
        test=14, dev=4, shops=30, cases=24, perturbed=12, fees=1_000_000, changes=3_000, accounts=14, tills=10
    ),
    "season": Size(
        test=67,
        dev=4,
        shops=30,
        cases=24,
        perturbed=12,
        fees=1_000_000,
        changes=3_000,
        accounts=14,
        tills=10,
        cast=SEASON,
    ),
}


@click.command()
@click.option("--size", type=click.Choice(list(SIZES)), default="full", show_default=True)
@click.option("--workers", default=2, show_default=True, help="Worlds at a time.")
@click.option("--write/--no-write", default=True, help="Put figures and plots into docs/ and bench/results/.")
def main(size: str, workers: int, write: bool) -> None:
    """Measure what the rules find, miss and accuse wrongly."""
    begun, of = time.monotonic(), SIZES[size]
    counts: dict[Split, int] = {"test": of.test, "dev": of.dev}
    orders = [
        Order(split, FIRST_SEED[split] + number, of.shops, of.cases, cast=of.cast)
        for split, count in counts.items()
        for number in range(count)
    ]
    more = [Order("test", MORE_SEED + number, ACCOUNT_SHOPS, 0, cast=ACCOUNTS) for number in range(of.accounts)]
    more += [
        Order("test", MORE_SEED + of.accounts + number, of.shops, of.cases, cast=TILLS) for number in range(of.tills)
    ]
    orders[of.test : of.test] = more
    tests = of.test + len(more)
    orders += [
        Order("test", FIRST_SEED["test"] - 1, of.shops // 2, of.perturbed, way) for way in (Perturbation(), *of.ways)
    ]
    click.echo(f"{len(orders)} worlds, {workers} at a time ...", err=True)
    try:
        outcomes = play_all(orders, workers, tell=partial(click.echo, err=True))
    except WorldLostError as lost:
        click.echo(f"could not measure: {lost}", err=True)
        sys.exit(3)
    perturbed: dict[str, Total] = {
        order.how.name: total([each]) for order, each in list(zip(orders, outcomes, strict=True))[tests + of.dev :]
    }
    test, dev = total(outcomes[:tests]), total(outcomes[tests : tests + of.dev])
    results = Results(
        size,
        "make bench-detection" if size == "full" else f"make bench-detection SIZE={size}",
        f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}",
        test,
        dev,
        calibrate(dev.scores, test.scores),
        perturbed,
        figures(of.fees, of.changes, 1),
    )
    click.echo(text(results))
    click.echo(f"{time.monotonic() - begun:.0f} s", err=True)
    if write:
        put(ROOT / "docs" / "detection.md", page(results))
        plots(results, ROOT / "docs")
        told = {"size": size, "table": table(results), "wrong": sorted([*k, n] for k, n in test.wrong.items())}
        file = ROOT / "bench" / "results" / "detection.json"
        file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if test.could_not_run:
        sys.exit(3)


if __name__ == "__main__":
    main()

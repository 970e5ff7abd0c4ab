"""POS-Recon-Bench: ``make bench-detection``, or ``python -m bench.detection --size small``.

Exit status: 0 measured, 3 a rule could not run, a world's process ended before it was done, or the folder of
``--keep`` is of other sources.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from bench.detection.baselines import OURS
from bench.detection.casts import ACCOUNTS, LONG, SEASON, TILLS, WHOLE, Cast
from bench.detection.fees import figures
from bench.detection.figures import calibrate, total, world
from bench.detection.keep import KeepError, Kept
from bench.detection.outcome import Order, Outcome
from bench.detection.paired import paired
from bench.detection.pipeline import FIVE_PERCENT, PERTURBATIONS, Perturbation
from bench.detection.plots import plots
from bench.detection.population import Split
from bench.detection.report import Lessened, Results, page, put, table, text
from bench.detection.worlds import WorldLostError, play_all

ROOT = Path(__file__).parents[2]
FIRST_SEED: dict[Split, int] = {"dev": 20, "test": 60}
"""Of the test split: seeds of no world that rules were looked at with. Points are fitted on dev's (`fit`)."""
MORE_SEED: dict[Split, int] = {"dev": 40, "test": 200}
"""Of the worlds of accounts, and behind them of tills, and of what takes long."""
ACCOUNT_SHOPS = 400
LONG_CASES = 100
"""Of each play in a world of what takes long: there is room for them in its 60 days."""


@dataclass(frozen=True, slots=True)
class Mix:
    """So many worlds: the whole catalogue, what a merchant or a till has only once, what takes long (`casts`)."""

    whole: int
    accounts: int = 0
    tills: int = 0
    long: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is acted: worlds of each split, merchants and cases of each play in a world, fees, and what is lost.

    ``dev`` is mixed as ``test`` is, so that a score is expected of such worlds as it is tried on. ``cast`` is that of
    the whole worlds; `Lost` tells of those that something is taken from.
    """

    test: Mix
    dev: Mix
    shops: int
    cases: int
    lost: "Lost"
    fees: int
    changes: int
    cast: Cast = WHOLE


@dataclass(frozen=True, slots=True)
class Lost:
    """In how many worlds each way of having less to go by is tried, of how many cases of each play; 5 % lost in more.

    What is proven and wrong is a share of a world's accusations, some 300: to tell it to half a percent takes five.
    """

    cases: int
    worlds: int = 1
    five_percent: int = 1
    ways: tuple[Perturbation, ...] = PERTURBATIONS


SIZES = {
    "small": Size(Mix(1), Mix(1), 16, 6, Lost(6, ways=(FIVE_PERCENT,)), fees=1_000_000, changes=300),
    "middle": Size(Mix(5, 5, 3, 1), Mix(2, 1, 1, 1), 30, 24, Lost(8, 1, 2), fees=1_000_000, changes=3_000),
    "full": Size(Mix(14, 14, 10, 4), Mix(4, 4, 3, 1), 30, 24, Lost(12, 1, 5), fees=1_000_000, changes=3_000),
    "season": Size(Mix(67, 14, 10), Mix(8, 2, 1), 30, 24, Lost(12, 3, 6), fees=1_000_000, changes=3_000, cast=SEASON),
}


def mixed(split: Split, mix: Mix, size: Size) -> list[Order]:
    """The worlds of a split."""
    whole, more = FIRST_SEED[split], MORE_SEED[split]
    accounts = range(more, more + mix.accounts)
    tills = range(accounts.stop, accounts.stop + mix.tills)
    long = range(tills.stop, tills.stop + mix.long)
    return [
        *(Order(split, seed, size.shops, size.cases, cast=size.cast) for seed in range(whole, whole + mix.whole)),
        *(Order(split, seed, ACCOUNT_SHOPS, size.cases, cast=ACCOUNTS) for seed in accounts),
        *(Order(split, seed, size.shops, size.cases, cast=TILLS) for seed in tills),
        *(Order(split, seed, size.shops, LONG_CASES, cast=LONG) for seed in long),
    ]


def taken_from(size: Size) -> list[Order]:
    """Worlds before the test split's own, as they are and with something taken away, way by way."""
    lost, first = size.lost, FIRST_SEED["test"] - 1
    often = {way: lost.five_percent if way == FIVE_PERCENT else lost.worlds for way in lost.ways}
    return [
        Order("test", first - number, size.shops // 2, lost.cases, way)
        for way, count in ({Perturbation(): max(often.values())} | often).items()
        for number in range(count)
    ]


def beside_whole(outcomes: Mapping[Order, Outcome]) -> dict[str, Lessened]:
    """Of each way its worlds together, and the same ones as they are."""
    by_way: dict[Perturbation, list[Order]] = {}
    for order in outcomes:
        by_way.setdefault(order.how, []).append(order)
    return {
        way.name: Lessened(
            total(outcomes[each] for each in orders),
            total(outcomes[each._replace(how=Perturbation())] for each in orders),
        )
        for way, orders in by_way.items()
    }


@click.command()
@click.option("--size", type=click.Choice(list(SIZES)), default="full", show_default=True)
@click.option("--workers", default=2, show_default=True, help="Worlds at a time.")
@click.option("--write/--no-write", default=True, help="Put figures and plots into docs/ and bench/results/.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each world's outcome in this folder as it ends; worlds that are there are not played again.",
)
def main(size: str, workers: int, write: bool, keep: Path | None) -> None:
    """Measure what the rules find, miss and accuse wrongly."""
    begun, of = time.monotonic(), SIZES[size]
    tests, devs, lost = mixed("test", of.test, of), mixed("dev", of.dev, of), taken_from(of)
    orders = [*tests, *devs, *lost]
    click.echo(f"{len(orders)} worlds, {workers} at a time ...", err=True)
    try:
        kept = None if keep is None else Kept(keep)
        played = play_all(orders, workers, tell=partial(click.echo, err=True), kept=kept)
    except (WorldLostError, KeepError) as why:
        click.echo(f"could not measure: {why}", err=True)
        sys.exit(3)
    outcomes = dict(zip(orders, played, strict=True))
    test, dev = total(outcomes[each] for each in tests), total(outcomes[each] for each in devs)
    results = Results(
        size,
        "make bench-detection" if size == "full" else f"make bench-detection SIZE={size}",
        f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}",
        test,
        dev,
        calibrate(dev.scores, test.scores),
        beside_whole({each: outcomes[each] for each in lost}),
        [world(each, outcomes[each]) for each in tests],
        paired(test.by_merchant, OURS),
        figures(of.fees, of.changes, 1),
    )
    click.echo(text(results))
    click.echo(f"{time.monotonic() - begun:.0f} s", err=True)
    if write:
        put(ROOT / "docs" / "detection.md", page(results))
        plots(results, ROOT / "docs")
        told = {
            "size": size,
            "table": table(results),
            "wrong": sorted([*k, n] for k, n in test.wrong.items()),
            "worlds": [each.as_dict() for each in results.worlds],
            "dossier_problems": test.dossiers.problems,
        }
        file = ROOT / "bench" / "results" / "detection.json"
        file.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if test.could_not_run:
        sys.exit(3)


if __name__ == "__main__":
    main()

"""What landing and checking take in one process and on Spark with one and two executors.

    python -m bench.spark land [FRAMES…]
    python -m bench.spark check [ATTEMPTS…]

Each run is a process of its own with a standalone cluster of its own on loopback, every executor with one core. All
land the same backlog of frames, or judge the same lake (`bench.trade`), and have to make the same tables, or nothing
is measured; of the lake the debits taken twice are known. Said of each are the seconds, and the processor seconds of
all processes together: driver, master, workers, executors and their Pythons. Figures go to `results/spark.json` as
they come, with the line t = fixed + size * each through those of rising size.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import backlog, trade
from bench.cluster import cluster
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.keys import create_keys
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    import pyarrow as pa

SIZES = {"land": (300_000, 1_000_000), "check": (50_000, 200_000)}
DAYS = 60
ROWS_OF_PARTITION = 500_000
JUDGED = ("findings", "life_cycles", "coverage")
RESULTS = Path(__file__).parent / "results" / "spark.json"
ENGINES = {"one process": 0, "spark, 1 executor": 1, "spark, 2 executors": 2}
_TICKS = os.sysconf("SC_CLK_TCK")
Figures = dict[str, Any]


def settings_of(folder: Path, lake: str, engine: Engine) -> Settings:
    """A shop whose spool is in a folder."""
    told = {"spool": {"directory": folder / "spool"}, "lake": {"uri": str(folder / lake)}}
    return Settings.model_validate(told | {"engine": engine.model_dump()})


class Processors:
    """Processor seconds of this process and all below it, looked at while they live."""

    def __init__(self) -> None:
        self._ended, self._most = threading.Event(), 0.0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            self._most = max(self._most, _below(os.getpid()))

    def ended(self) -> float:
        """The most that was seen."""
        self._ended.set()
        self._thread.join()
        return max(self._most, _below(os.getpid()))


def _below(root: int) -> float:
    times: dict[int, tuple[int, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        times[int(stat.parent.name)] = int(told[1]), sum(map(int, told[11:15]))
    spent, mine = 0, {root}
    while mine:
        spent += sum(times[each][1] for each in mine if each in times)
        mine = {each for each, (parent, _) in times.items() if parent in mine}
    return spent / _TICKS


@contextmanager
def engine_with(executors: int, size: int) -> Iterator[Engine]:
    """No cluster where there are none; for so many attempts or frames."""
    if not executors:
        yield Engine()
        return
    with tempfile.TemporaryDirectory() as folder:
        partitions = max(2 * executors, size // ROWS_OF_PARTITION)
        options = {
            "spark.sql.shuffle.partitions": str(partitions),
            "spark.driver.memory": "2g",
            "spark.executor.extraJavaOptions": "-XX:+UseParallelGC",
        }
        with cluster(Path(folder), workers=executors, memory="3g", options=options) as engine:
            yield engine


def run(work: str, executors: int, size: int, folder: Path) -> Figures:
    """One run's figures, and a sum of the tables it made."""
    processors = Processors()
    with engine_with(executors, size) as engine:
        began = time.perf_counter()
        done = WORKS[work](folder, executors, engine)
        seconds, spent = time.perf_counter() - began, processors.ended()
    lake = Lake(folder / (f"lake-{executors}" if work == "land" else "lake"))
    tables = {name: _sum(lake.read(name)) for name in (DERIVED if work == "land" else JUDGED)}
    return done | {"seconds": round(seconds, 1), "processor_seconds": round(spent, 1), "tables": tables}


def _sum(table: "pa.Table") -> str:
    """How many rows, and a sum of what each says, in whatever order they lie."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("rows", table)
        told = connection.execute("SELECT count(*), sum(hash(rows)), bit_xor(md5_number(rows::VARCHAR)) FROM rows")
        return " ".join(map(str, told.fetchone() or ()))


def _land(folder: Path, executors: int, engine: Engine) -> Figures:
    from ingest.landing import land

    return {"frames": land(settings_of(folder, f"lake-{executors}", engine)).frames}


def _check(folder: Path, executors: int, engine: Engine) -> Figures:
    from expectations.run import check

    del executors
    for table in JUDGED:
        shutil.rmtree(folder / "lake" / table, ignore_errors=True)
    result = check(settings_of(folder, "lake", engine))
    if result.could_not_run:
        sys.exit(f"could not run: {result.could_not_run}")
    return {
        "attempts": result.attempts,
        "findings": len(result.findings),
        "twice": sum(each.rule == "dup_stan_resent" for each in result.findings),
    }


WORKS: dict[str, Callable[[Path, int, Engine], Figures]] = {"land": _land, "check": _check}


def measure(work: str, size: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    """Every engine on one backlog or lake, one after the other."""
    if work == "land":
        backlog.write(folder / "spool", create_keys(folder / "key"), size)
    else:
        _, twice = trade.fill(Lake(folder / "lake"), size, DAYS)
    first: Figures = {}
    for name, executors in ENGINES.items():
        words = [sys.executable, "-m", "bench.spark", work, "--one", str(executors), str(size), str(folder)]
        load = round(os.getloadavg()[0], 1)
        each = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        first = first or each
        if each["tables"] != first["tables"] or (work == "check" and each["twice"] != twice):
            sys.exit(f"{name} made other tables: {each}, {first}")
        spent = f"{each['seconds']:7.1f} s  processor {each['processor_seconds']:7.1f} s"
        print(f"{work} {size:>9,} {name:18} {spent}", flush=True)
        yield name, each | {"load": load}


def fit(points: list[tuple[int, float]]) -> Figures:
    """The straight line through points by least squares: what is fixed, and what a million more take."""
    n, sum_x, sum_y = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    each = (n * sum(x * y for x, y in points) - sum_x * sum_y) / (n * sum(x * x for x, _ in points) - sum_x**2)
    return {"fixed": round((sum_y - each * sum_x) / n, 1), "per_million": round(each * 1e6, 1)}


@click.command()
@click.argument("work", type=click.Choice(["land", "check"]))
@click.argument("sizes", nargs=-1, type=click.IntRange(min=1))
@click.option(
    "--one", type=(int, int, click.Path(path_type=Path)), hidden=True, help="Executors, the size, and the folder."
)
def main(*, work: str, sizes: tuple[int, ...], one: tuple[int, int, Path] | None) -> None:
    """Measure landing of so many frames, or checking of so many attempts."""
    if one:
        click.echo(json.dumps(run(work, *one)))
        return
    sizes = sizes or SIZES[work]
    runs: list[Figures] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            runs.append({})
            for name, figures in measure(work, size, Path(folder)):
                runs[-1][name] = figures
                keep(work, sizes, runs)


def keep(work: str, sizes: Sequence[int], runs: list[Figures]) -> None:
    """Write down what was measured so far, in the place of what was measured of the same work before."""
    lines = {}
    for name in ENGINES:
        measured = [run[name] for run in runs if name in run]
        for unit in ("seconds", "processor_seconds") if len(measured) > 1 else ():
            points = [(each["frames" if work == "land" else "attempts"], each[unit]) for each in measured]
            lines[f"{name}, {unit}"] = fit(points)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    command = " ".join(["python -m bench.spark", work, *map(str, sizes)])
    known: Figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[work] = {"command": command, "machine": machine, "runs": runs, "fit": lines}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()

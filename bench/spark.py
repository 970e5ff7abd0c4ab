"""What landing and checking take on DuckDB and on Spark with one and two executors: python -m bench.spark [SIZE…].

Each run is a process of its own with a standalone cluster of its own on loopback, every executor with one core. Both
engines work on the same backlog of frames, and on the same lake of trade (`bench.trade`), whose debits taken twice
are known; findings must be equal, or nothing is measured. Said of each are the seconds, and the processor seconds of
all processes together: driver, master, workers, executors and their Pythons. Figures go to `results/spark.json`, with
the line t = fixed + size * each through those of rising size.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import backlog
from bench.cluster import cluster
from bench.trade import fill
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.keys import create_keys
from ingest.settings import Settings
from ingest.tables import Lake

SIZES = (100_000, 300_000)
DAYS = 30
RESULTS = Path(__file__).parent / "results" / "spark.json"
ENGINES = {"duckdb": 0, "spark, 1 executor": 1, "spark, 2 executors": 2}
_TICKS = os.sysconf("SC_CLK_TCK")
Figures = dict[str, Any]


def settings_of(folder: Path, lake: str, engine: Engine) -> Settings:
    """A shop whose spool is in a folder."""
    settings = {"spool": {"directory": folder / "spool"}, "lake": {"uri": str(folder / lake)}}
    return Settings.model_validate(settings | {"engine": engine.model_dump()})


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
def engine_with(executors: int) -> Iterator[Engine]:
    """DuckDB where there are none."""
    if not executors:
        yield Engine()
        return
    with tempfile.TemporaryDirectory() as folder:
        options = {"spark.sql.shuffle.partitions": str(2 * executors), "spark.driver.memory": "2g"}
        with cluster(Path(folder), workers=executors, memory="2g", options=options) as engine:
            yield engine


def one(what: str, executors: int, folder: Path) -> Figures:
    """One run's figures, and a sum of what it found."""
    processors = Processors()
    with engine_with(executors) as engine:
        began = time.perf_counter()
        if what == "land":
            from ingest.landing import land

            lake = f"landed-{executors}"
            done = land(settings_of(folder, lake, engine))
            found: Figures = {"frames": done.frames, "rows": done.rows}
        else:
            from expectations.run import check

            lake = "trade"
            for name in ("findings", "life_cycles", "coverage"):
                shutil.rmtree(folder / lake / name, ignore_errors=True)
            result = check(settings_of(folder, lake, engine))
            if result.could_not_run:
                sys.exit(f"could not run: {result.could_not_run}")
            found = {"attempts": result.attempts, "findings": len(result.findings)}
        seconds, spent = time.perf_counter() - began, processors.ended()
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(spent, 1),
        "found": found,
        "sum": _sum(Lake(folder / lake), tuple(DERIVED) if what == "land" else ("findings",)),
    }


def _sum(lake: Lake, names: tuple[str, ...]) -> str:
    rows = [sorted(map(repr, lake.read(name).to_pylist())) for name in names]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def apart(what: str, executors: int, folder: Path) -> Figures:
    """`one` in a process of its own."""
    words = [sys.executable, "-m", "bench.spark", "one", what, str(executors), str(folder)]
    figures: Figures = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    return figures


def measure(size: int, folder: Path) -> Figures:
    """Everything about one size."""
    backlog.write(folder / "spool", create_keys(folder / "key"), size)
    attempts, twice = fill(Lake(folder / "trade"), size, DAYS)
    told: Figures = {"size": size, "attempts": attempts, "taken_twice": twice, "load": round(os.getloadavg()[0], 1)}
    for what in ("land", "check"):
        told[what] = {name: apart(what, executors, folder) for name, executors in ENGINES.items()}
        if len({each["sum"] for each in told[what].values()}) != 1:
            sys.exit(f"{what}: the engines differ: {told[what]}")
        for name, each in told[what].items():
            spent = f"{each['seconds']:7.1f} s  processor {each['processor_seconds']:7.1f} s"
            print(f"{size:>9,} {what:5} {name:18} {spent}", flush=True)
    return told


def fit(points: list[tuple[int, float]]) -> Figures:
    """The straight line through points by least squares: what is fixed, and what a million more take."""
    n, sum_x, sum_y = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    each = (n * sum(x * y for x, y in points) - sum_x * sum_y) / (n * sum(x * x for x, _ in points) - sum_x**2)
    return {"fixed": round((sum_y - each * sum_x) / n, 1), "per_million": round(each * 1e6, 1)}


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["one"]:
        print(json.dumps(one(words[1], int(words[2]), Path(words[3]))))
        return
    sizes = [int(word) for word in words if word.isdigit()] or SIZES
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(size, Path(folder)))
    lines = {
        f"{what}, {name}, {unit}": fit([(each["size"], each[what][name][unit]) for each in measured])
        for what in ("land", "check")
        for name in ENGINES
        for unit in ("seconds", "processor_seconds")
        if len(measured) > 1
    }
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    command = " ".join(["python -m bench.spark", *map(str, sizes)])
    figures = {"command": command, "machine": machine, "runs": measured, "fit": lines}
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

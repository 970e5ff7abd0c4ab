"""What landing takes in one process and on Spark with one and two executors: python -m bench.spark [FRAMES…].

Each run is a process of its own with a standalone cluster of its own on loopback, every executor with one core. All
land the same backlog of frames, and have to make the same tables, or nothing is measured. Said of each are the
seconds, and the processor seconds of all processes together: driver, master, workers, executors and their Pythons.
Figures go to `results/spark.json`, with the line t = fixed + frames * each through those of rising size.
"""

import hashlib
import json
import os
import platform
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
from ingest.deriving import DERIVED
from ingest.engine import Engine
from ingest.keys import create_keys
from ingest.settings import Settings
from ingest.tables import Lake

SIZES = (300_000, 1_000_000)
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
def engine_with(executors: int) -> Iterator[Engine]:
    """No cluster where there are none."""
    if not executors:
        yield Engine()
        return
    with tempfile.TemporaryDirectory() as folder:
        options = {"spark.sql.shuffle.partitions": str(2 * executors), "spark.driver.memory": "2g"}
        with cluster(Path(folder), workers=executors, memory="2g", options=options) as engine:
            yield engine


def one(executors: int, folder: Path) -> Figures:
    """One run's figures, and a sum of the tables it made."""
    from ingest.landing import land

    processors, lake = Processors(), f"lake-{executors}"
    with engine_with(executors) as engine:
        began = time.perf_counter()
        done = land(settings_of(folder, lake, engine))
        seconds, spent = time.perf_counter() - began, processors.ended()
    rows = [sorted(map(repr, Lake(folder / lake).read(name).to_pylist())) for name in DERIVED]
    return {
        "frames": done.frames,
        "seconds": round(seconds, 1),
        "processor_seconds": round(spent, 1),
        "tables": hashlib.sha256(repr(rows).encode()).hexdigest(),
    }


def measure(frames: int, folder: Path) -> Figures:
    """Every engine on one backlog, one after the other."""
    backlog.write(folder / "spool", create_keys(folder / "key"), frames)
    told: Figures = {"frames": frames, "load": round(os.getloadavg()[0], 1)}
    for name, executors in ENGINES.items():
        words = [sys.executable, "-m", "bench.spark", "one", str(executors), str(folder)]
        told[name] = each = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        if each["tables"] != told["one process"]["tables"]:
            sys.exit(f"{name} made other tables: {told}")
        spent = f"{each['seconds']:7.1f} s  processor {each['processor_seconds']:7.1f} s"
        print(f"{frames:>9,} {name:18} {spent}", flush=True)
    return told


def fit(points: list[tuple[int, float]]) -> Figures:
    """The straight line through points by least squares: what is fixed, and what a million more take."""
    n, sum_x, sum_y = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    each = (n * sum(x * y for x, y in points) - sum_x * sum_y) / (n * sum(x * x for x, _ in points) - sum_x**2)
    return {"fixed": round((sum_y - each * sum_x) / n, 1), "per_million": round(each * 1e6, 1)}


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["one"]:
        print(json.dumps(one(int(words[1]), Path(words[2]))))
        return
    sizes = [int(word) for word in words if word.isdigit()] or SIZES
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(size, Path(folder)))
    lines = {
        f"{name}, {unit}": fit([(each["frames"], each[name][unit]) for each in measured])
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

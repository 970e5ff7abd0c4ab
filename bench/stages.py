"""Where the processor time of landing goes, step by step, and what its unavoidable parts take by themselves.

    python -m bench.stages [--frames 1000000] [--out bench/results/stages.json]

Each step's time is that of the thread it runs in (``time.thread_time``), without the steps inside it. Then decoding,
joining and pyarrow's writing of the same files, each by itself: no landing takes less than these.
"""

import functools
import importlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench import backlog, land
from ingest.keys import create_keys

ARROW = "Arrow's own threads"
NUMBA = "numba and its machine code loaded, once a process"
STEPS = {
    "segments read, hashed, made columns": ("ingest.landing:_read",),
    "frames decoded": ("protocols.columnar.decoder:ColumnDecoder.decode",),
    "what they say: facts, clocks, cards": ("ingest.decoding:frame_table", "ingest.deriving:decode"),
    "requests and answers paired": tuple(
        f"ingest.pairing:Pairing.{name}" for name in ("__init__", "touched", "reach", "pairs", "days_with")
    ),
    "exchanges assembled, their ids": ("ingest.exchange:assembled", "ingest.deriving:_select"),
    "Parquet written": ("pyarrow.parquet:ParquetWriter.write_table", "pyarrow.parquet:ParquetWriter.close"),
    "files read back and compared": ("ingest.datafile:_is_sound",),
    "partitions, statistics, hashes of files": (
        "ingest.lake:write",
        *(f"ingest.datafile:{name}" for name in ("content_hash", "statistics", "sync", "publish")),  # on two threads
    ),
    "the log, and what is old swept": ("ingest.deltalog:commit", "ingest.lake:Lake.sweep"),
    "the rest": ("ingest.landing:bring", "ingest.landing:derive", "ingest.alongside:staged_of"),
}
"""Step -> where the functions stand that are it."""


class _Watch:
    """Seconds by step, of all threads."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys((NUMBA, *STEPS), 0.0)
        self._inside = threading.local()
        self._lock = threading.Lock()

    def over(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted for a step."""

        @functools.wraps(function)
        def watched(*given: Any, **named: Any) -> Any:
            outer = getattr(self._inside, "seconds", 0.0)
            self._inside.seconds, began = 0.0, time.thread_time()
            try:
                return function(*given, **named)
            finally:
                whole = time.thread_time() - began
                with self._lock:
                    self.spent[step] += whole - self._inside.seconds
                self._inside.seconds = outer + whole

        return watched

    def put(self, step: str, where: str) -> None:
        """Watch a function where it stands (``module:name`` or ``module:Class.name``) for the rest of the process."""
        module, _, path = where.partition(":")
        *owners, name = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        setattr(owner, name, self.over(step, getattr(owner, name)))


def watched(folder: Path, lake: str) -> dict[str, float]:
    """Land a spool into a fresh lake: the processor seconds of each step, and of all."""
    land.load_libraries()
    watch = _Watch()
    for step, places in STEPS.items():
        for where in places:
            watch.put(step, where)
    began = time.process_time()
    watch.over(NUMBA, _load_numba)()
    importlib.import_module("ingest.landing").land(land.settings_of(folder, lake))
    whole = time.process_time() - began
    return {**watch.spent, ARROW: whole - sum(watch.spent.values()), "all": whole}


def _load_numba() -> None:
    """Have numba load the first of the loops, which is most of what it ever loads."""
    import numpy as np

    from protocols.columnar.loading import loops

    if loops() is not None:
        loops().follow(np.frombuffer(bytes(8), np.int8), 0, 0, 4, 1, np.empty(1, np.int64), 0)


def by_themselves(folder: Path, lake: str) -> dict[str, float]:
    """Processor seconds of decoding a lake's frames, of joining them, and of pyarrow's writing of its files."""
    from ingest.coded import Coded
    from ingest.decoding import decode
    from ingest.exchange import changed
    from ingest.lake import Lake
    from protocols.columnar.decoder import BATCH_FRAMES, column_decoder
    from protocols.profile import load_profile

    land.load_libraries()
    tables, zone = Lake(folder / lake), land.settings_of(folder, lake).zone
    decoder = column_decoder(load_profile(backlog.PROFILE), compiled=True)
    days = sorted({each["partition.day"] for each in tables.added("raw_frames")})
    frames: dict[Any, Any] = {}
    spent = {"decoding": 0.0}
    for day in days:
        recorded = tables.read("raw_frames", filters=[("day", "==", day)])
        recorded = recorded.filter(recorded["frame"].is_valid())
        batches = [recorded["frame"].slice(at, BATCH_FRAMES) for at in range(0, recorded.num_rows, BATCH_FRAMES)]
        batches = [each.combine_chunks() for each in batches]
        decoder.decode(batches[0])  # what is compiled is loaded
        began = time.process_time()
        for each in batches:
            decoder.decode(each)
        spent["decoding"] += time.process_time() - began
        frames[day] = decode(recorded, zone, compiled=True).frames
    began, there = time.process_time(), {*days}
    pair = functools.partial(changed, frames.__getitem__, there.intersection, coded=Coded(), compiled=True)
    for day in days:  # as landing does it, a day with the days beside it
        pair({day}, (), elsewhere=there - {day})
    spent["joining"] = time.process_time() - began
    spent["writing"] = land.written(folder, lake)["cpu_seconds"]
    return spent


def _apart(what: str, folder: Path) -> dict[str, float]:
    return land.in_its_own_process("bench.stages", what, folder, "lake")


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, help="Frames to land.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this file too.")
@click.option("--one", nargs=3, hidden=True, help="watched or by_themselves, a folder, a lake's name: its figures.")
def main(*, frames: int, out: Path | None, one: tuple[str, str, str] | None) -> None:
    """Print a table of processor seconds, as docs/performance.md has it."""
    if one:
        what, folder, lake = one
        run = {"watched": watched, "by_themselves": by_themselves}[what]
        click.echo(json.dumps(run(Path(folder), lake)))
        return
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        backlog.write(Path(name) / "spool", create_keys(Path(name) / "key"), frames)
        steps, parts = _apart("watched", Path(name)), _apart("by_themselves", Path(name))
    rows = [*sorted(((step, steps[step]) for step in (NUMBA, *STEPS, ARROW)), key=lambda row: -row[1])]
    rows += [("all", steps["all"])]
    click.echo("| step | processor seconds | of pyarrow's writing |\n|---|---|---|")
    for step, seconds in [*rows, *((f"{part} by itself", seconds) for part, seconds in parts.items())]:
        click.echo(f"| {step} | {seconds:.2f} | {seconds / parts['writing']:.2f} |")
    if out:
        figures = {"measured": time.strftime("%F"), "frames": frames, "machine": land.machine(load)}
        found = figures | {"steps": steps, "by_themselves": parts}
        out.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

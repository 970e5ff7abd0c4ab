"""How fast sealed segments become tables, against the time pyarrow alone takes to write the same files.

Every run is a process of its own: its wall time, its processor time on all cores, the most memory
it had. Landing and plain writing take turns; the ratio is the median of those within one
round. The growth run lands backlogs of rising size, each a day of 100,000 frames after the other.
Run: ``python -m bench.land [--frames 200000] [--rounds 3] [--up-to 1000000] [--out FILE]``.
"""

import datetime as dt
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from bench import backlog
from ingest import arrow_memory
from ingest.deriving import DERIVED
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.settings import Settings

GROWTH = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
MORE = 5
TABLES = ("raw_frames", *DERIVED)


def settings_of(folder: Path, lake: str) -> Settings:
    """A shop whose spool is in a folder."""
    return Settings.model_validate({"spool": {"directory": folder / "spool"}, "lake": {"uri": str(folder / lake)}})


def landed(folder: Path, lake: str) -> dict[str, Any]:
    """Land the spool into a fresh lake."""
    load_libraries()
    settings = settings_of(folder, lake)
    cpu, began = _cpu(), time.perf_counter()
    done = land(settings)
    spent: dict[str, Any] = {"seconds": time.perf_counter() - began, "cpu_seconds": _cpu() - cpu}
    sizes = {name: _size(folder / lake / name) for name in ("raw_frames", "transactions")}
    spent |= {"bytes": sizes | {"spool": _size(folder / "spool")}}
    return spent | {"frames": done.frames, "transactions": done.transactions, "peak_mib": _peak()}


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def written(folder: Path, lake: str) -> dict[str, Any]:
    """Write every file of a lake once more by pyarrow alone, with the same options; only the writing is timed."""
    import pyarrow.parquet as pq

    from ingest import datafile

    seconds = cpu_seconds = 0.0
    target = folder / "alone.parquet"
    for name in TABLES:
        for path in map(Path, Lake(folder / lake).files(name)):
            table = pq.read_table(path, partitioning=None)
            cpu, began = _cpu(), time.perf_counter()
            pq.write_table(table, target, **datafile.options(table.schema))
            seconds, cpu_seconds = seconds + time.perf_counter() - began, cpu_seconds + _cpu() - cpu
    target.unlink()
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def load_libraries() -> None:
    """What takes its time once a process, whatever it lands; pandas too, which pyarrow loads with the first array."""
    arrow_memory.keep()
    for name in ("deltalake", "duckdb", "pandas", "pyarrow.parquet"):
        importlib.import_module(name)


def machine(load: float) -> dict[str, Any]:
    """Where it ran, and what else ran there when it began."""
    return {"cores": os.cpu_count(), "load": round(load, 1), "python": platform.python_version()}


def _cpu() -> float:
    return time.process_time()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _apart(what: str, folder: Path, lake: str) -> dict[str, Any]:
    return in_its_own_process("bench.land", what, folder, lake)


def in_its_own_process(module: str, what: str, folder: Path, lake: str) -> dict[str, Any]:
    """What a module's ``--one`` prints."""
    words = [sys.executable, "-m", module, "--one", what, str(folder), lake]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    return found


def replayed(folder: Path, frames: int) -> dict[str, Any]:
    """Replay a capture of so many frames into a durable spool, by the command itself."""
    capture, config = folder / "shop.capture.jsonl", folder / "tillwatch.toml"
    backlog.capture(capture, frames)
    config.write_text(
        f'[spool]\ndirectory = "{folder}/replayed-{frames}"\n[keys]\npan_token = "{folder}/key"\n', encoding="utf-8"
    )
    words = [str(Path(sys.executable).with_name("tillwatch")), "replay", str(capture), "--profile", backlog.PROFILE]
    before, began = os.times(), time.perf_counter()
    subprocess.run([*words, "--config", str(config)], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"frames": frames, "seconds": seconds, "cpu_seconds": cpu}


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


@click.command()
@click.option(
    "--frames",
    default=200_000,
    show_default=True,
    help="Of the ratio and of the replay; both are measured again with five times as many.",
)
@click.option("--rounds", default=3, show_default=True, help="How often landing and plain writing take turns.")
@click.option(
    "--up-to",
    default=1_000_000,
    show_default=True,
    help="Frames of the largest backlog; 10 million need 10 GB of disk.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this file too.")
@click.option("--one", nargs=3, hidden=True, help="land or write, a folder, a lake's name: one run's figures.")
def main(*, frames: int, rounds: int, up_to: int, out: Path | None, one: tuple[str, str, str] | None) -> None:
    """Print what landing costs."""
    if one:
        what, folder, lake = one
        click.echo(json.dumps({"land": landed, "write": written}[what](Path(folder), lake)))
        return
    figures: dict[str, Any] = {
        "measured": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine(os.getloadavg()[0]),
    }
    figures["against_pyarrow"] = [_against(size, rounds) for size in (frames, MORE * frames)]
    with tempfile.TemporaryDirectory() as name:
        create_keys(Path(name) / "key")
        figures["replay"] = _replays(Path(name), frames)
    figures["growth"] = [_grown(size) for size in GROWTH if size <= up_to]
    if len(figures["growth"]) > 1:
        figures["line"] = _line(figures["growth"])
    text = json.dumps(figures, indent=2)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


def _against(frames: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backlog.write(folder / "spool", create_keys(folder / "key"), frames)
        lakes = [f"lake-{turn}" for turn in range(rounds)]
        turns = [(_apart("land", folder, lake), _apart("write", folder, lake)) for lake in lakes]
    medians = {
        f"{what}_{unit}": statistics.median(each[at][unit] for each in turns)
        for at, what in enumerate(("land", "write"))
        for unit in ("seconds", "cpu_seconds")
    }
    ratios = {
        f"{unit}_ratio": statistics.median(mine[unit] / plain[unit] for mine, plain in turns)
        for unit in ("seconds", "cpu_seconds")
    }
    rates = {"frames_per_cpu_second": round(frames / medians["land_cpu_seconds"])}
    peak = max(mine["peak_mib"] for mine, _ in turns)
    return {"frames": frames, "rounds": rounds} | _rounded(medians | ratios) | rates | {"peak_mib": peak}


def _replays(folder: Path, frames: int) -> dict[str, Any]:
    """A replay of so many frames and one of ``MORE`` times as many: what the start costs, and what a frame does."""
    few, many = replayed(folder, frames), replayed(folder, MORE * frames)
    each = (many["cpu_seconds"] - few["cpu_seconds"]) / (many["frames"] - few["frames"])
    reckoned = {"start_cpu_seconds": few["cpu_seconds"] - frames * each, "microseconds_a_frame": each * 1e6}
    return {"runs": [_rounded(few), _rounded(many)], "frames_per_cpu_second": round(1 / each)} | _rounded(reckoned)


def _line(grown: list[dict[str, Any]]) -> dict[str, float]:
    """The straight line through processor time over frames, by least squares, and how near they lie (1: on it)."""
    across, up = ([each[name] for each in grown] for name in ("frames", "cpu_seconds"))
    slope, start = statistics.linear_regression(across, up)
    return _rounded(
        {"start_cpu_seconds": start, "microseconds_a_frame": slope * 1e6, "r": statistics.correlation(across, up)}
    )


def _grown(frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backlog.write(folder / "spool", create_keys(folder / "key"), frames)
        return _rounded(_apart("land", folder, "lake"))


if __name__ == "__main__":
    main()

"""How long `tillwatch check` takes on lakes of growing size: python -m bench.check [ROWS…] [--new-day].

Each size is a lake of its own (`bench.trade`), judged in a process of its own. Said of each are the seconds, the
processor seconds (what counts on a machine that does other things), the peak of the process's memory, and the
same by stage. The debits taken twice in the lake are known: a check that finds fewer, or more, fails. Beside it
stand two peers that do one rule of them all, a debit taken twice under one number: one window over the Parquet files
in plain DuckDB, and pandas. Great Expectations is imported by a thread beside reading and linking, and its processor
seconds are counted there. Of three sizes or more the growth is told, as a line through all that stand in
`results/check.json`. `--new-day` puts one more day into the lake and judges that alone. `--lake FOLDER` keeps
the lake there for the next time. Figures go to `results/check.json`.
"""

import datetime as dt
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.trade import FIRST_DAY, fill
from ingest.settings import Settings
from ingest.storage import LakeSettings
from ingest.tables import Lake

SIZES = (100_000, 1_000_000)
DAYS, NEW_DAY_DAYS = 60, 90
RESULTS = Path(__file__).parent / "results" / "check.json"
STAGES = ("reading", "linking", "life cycles", "great expectations", "data docs", "cases")
Figures = dict[str, Any]


class Clock:
    """Seconds, and processor seconds, of each step until the next."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self._step = "start"
        self._at = (time.perf_counter(), time.process_time())

    def __call__(self, step: str) -> None:
        """The next step begins."""
        now = (time.perf_counter(), time.process_time())
        spent = self.spent.setdefault(self._step if self._step in STAGES else "rules", [0.0, 0.0])
        spent[0] += now[0] - self._at[0]
        spent[1] += now[1] - self._at[1]
        self._step, self._at = step, now


def judged(folder: Path, *, day: dt.date | None = None) -> Figures:
    """Check a lake; what it cost and what it found."""
    from expectations.run import check

    clock, begun, processor = Clock(), time.perf_counter(), time.process_time()
    result = check(Settings(lake=LakeSettings(uri=str(folder / "lake"))), start=day, end=day, progress=clock)
    clock("end")
    if result.could_not_run:
        sys.exit(f"could not run: {result.could_not_run}")
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "attempts_judged": result.attempts,
        "life_cycles_bytes": sum(each.stat().st_size for each in (folder / "lake" / "life_cycles").rglob("*.parquet")),
        "findings": dict(Counter(each.rule for each in result.findings)),
        "stages": {name: {"seconds": round(s, 1), "processor": round(p, 1)} for name, (s, p) in clock.spent.items()},
    }


def plain_duckdb(folder: Path) -> int:
    """Debits taken twice under one number, by one window over everything."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "2GB"})
    connection.execute(f"SET temp_directory = '{folder}/spilt'")
    files = f"{folder}/lake/transactions/**/*.parquet"
    [(number,)] = connection.sql(f"""
        SELECT count(*) FROM (
            SELECT 1 FROM read_parquet('{files}', hive_partitioning = true)
            WHERE outcome = 'approved' AND txn_type = 'SALE'
            QUALIFY row_number() OVER (PARTITION BY merchant_id, terminal_id, batch_no, stan ORDER BY event_at) = 2)
    """).fetchall()  # noqa: S608 - our own folder
    return int(number)


def with_pandas(folder: Path) -> int:
    """The same with pandas, in memory."""
    import pandas as pd

    columns = ["merchant_id", "terminal_id", "batch_no", "stan", "outcome", "txn_type"]
    rows = pd.read_parquet(folder / "lake" / "transactions", columns=columns)
    rows = rows[(rows["outcome"] == "approved") & (rows["txn_type"] == "SALE")]
    return int(rows.duplicated(["merchant_id", "terminal_id", "batch_no", "stan"]).sum())


PEERS: dict[str, Callable[[Path], int]] = {"plain duckdb, one rule": plain_duckdb, "pandas, one rule": with_pandas}


def peer(name: str, folder: Path, twice: int) -> Figures:
    """One peer's cost; it has to find what is there."""
    begun, processor = time.perf_counter(), time.process_time()
    found = PEERS[name](folder)
    if found != twice:
        sys.exit(f"{name}: {found} debits taken twice, of {twice}")
    return {
        "seconds": round(time.perf_counter() - begun, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def apart(one: str, *rest: str) -> Figures:
    """This file again, in a process of its own."""
    words = [sys.executable, "-m", "bench.check", "--one", one, *(word for each in rest for word in ("--with", each))]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def measure(attempts: int, folder: Path, *, new_day: bool) -> Figures:
    """Everything about one size."""
    days, lake = NEW_DAY_DAYS if new_day else DAYS, Lake(folder / "lake")
    if not (folder / "made.json").exists():
        total, twice = fill(lake, attempts, days)
        folder.joinpath("made.json").write_text(json.dumps([total, twice]))
    total, twice = json.loads((folder / "made.json").read_text())
    for table in ("findings", "life_cycles", "coverage"):
        shutil.rmtree(folder / "lake" / table, ignore_errors=True)
    figures: Figures = {"attempts": total, "days": days, "load": [round(each, 1) for each in os.getloadavg()]}
    figures["check"] = apart("judge", str(folder))
    if figures["check"]["findings"].get("dup_stan_resent") != twice:
        sys.exit(f"found {figures['check']['findings']}, and {twice} debits were taken twice")
    if new_day:
        fill(lake, attempts * (days + 1) // days, days + 1, first=days)
        figures["new day"] = apart("judge", str(folder), (FIRST_DAY + dt.timedelta(days=days)).isoformat())
        folder.joinpath("made.json").unlink()
    else:
        figures |= {name: apart("peer", name, str(folder), str(twice)) for name in PEERS}
    return figures


def show(figures: Figures) -> None:
    print(f"{figures['attempts']:,} attempts, {figures['days']} days, load {figures['load'][0]}")
    for name, each in figures.items():
        if isinstance(each, dict):
            told = ", ".join(f"{stage} {spent['processor']}" for stage, spent in each.get("stages", {}).items())
            print(
                f"  {name:24} {each['seconds']:7.1f} s  processor {each['processor_seconds']:7.1f} s  "
                f"peak {each['peak_mib']:5} MiB  {told}",
                flush=True,
            )


def growth(measured: list[Figures]) -> str:
    """The straight line through the checks of all sizes, and how far off it the worst of them is."""
    import numpy as np

    sizes = sorted((each["attempts"], each["check"]["processor_seconds"]) for each in measured if "new day" not in each)
    if len(sizes) < 3:
        return ""
    attempts, seconds = np.array(sizes, float).T
    slope, begin = np.polyfit(attempts, seconds, 1, w=1 / seconds)
    off = float(np.abs((begin + slope * attempts) / seconds - 1).max())
    return (
        f"{begin:.0f} processor seconds and {slope * 1e6:.1f} for each million attempts, "
        f"from {sizes[0][0]:,} to {sizes[-1][0]:,}: off by {off:.0%} at most"
    )


@click.command()
@click.argument("sizes", nargs=-1, type=click.IntRange(min=1))
@click.option("--new-day", is_flag=True, help="Put one more day into the lake and judge that alone, too.")
@click.option("--lake", "kept", type=click.Path(path_type=Path), help="Keep the lake here for the next time.")
@click.option("--one", nargs=1, hidden=True, help="One process of a measurement: judge or peer.")
@click.option("--with", "rest", multiple=True, hidden=True)
def main(*, sizes: tuple[int, ...], new_day: bool, kept: Path | None, one: str | None, rest: tuple[str, ...]) -> None:
    """Measure checks of lakes of so many attempts; 100,000 and a million where none is given."""
    if one == "judge":
        day = dt.date.fromisoformat(rest[1]) if len(rest) > 1 else None
        click.echo(json.dumps(judged(Path(rest[0]), day=day)))
        return
    if one == "peer":
        click.echo(json.dumps(peer(rest[0], Path(rest[1]), int(rest[2]))))
        return
    measured: list[Figures] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for size in sizes or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(size, kept or Path(folder), new_day=new_day)
        show(figures)
        command = f"python -m bench.check {size}" + (" --new-day" if new_day else "")
        machine = {"python": platform.python_version(), "cores": os.cpu_count(), "machine": platform.machine()}
        measured = [each for each in measured if each["command"] != command]
        measured.append({"command": command, "machine": machine, **figures})
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    click.echo(growth(measured))


if __name__ == "__main__":
    main()

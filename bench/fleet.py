"""A hundred collectors, one store, two landing workers, and kills: is every frame in the tables, and none twice?

Each collector's spool is written by the spool itself and shipped to a real S3-compatible store; the
lake lies there too. Meanwhile two workers land what has arrived, batch by batch, as the DAG does, and
then the tables are worked out. At random moments one of the processes is killed: what ships, what lands, what works
the tables out. Whoever was killed is started again, and nobody puts anything right by hand. In the end every
segment's records are counted in the lake against the spools'.
Run: ``python -m bench.fleet [--frames 1000000] [--collectors 100] [--kills 5] [--out FILE]``.
"""

import datetime as dt
import json
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO, cast

import click

from bench import backlog
from bench.store import store
from ingest.depot import Depot, Parcel
from ingest.keys import create_keys, load_keys
from ingest.landing import land
from ingest.segments import sealed_segments
from ingest.settings import Settings
from ingest.shares import land_share, share_out
from ingest.shipping import ship
from ingest.tables import Lake

SPOOLS, LAKE = "s3://fleet/spools", "s3://fleet/lake"
FRAMES_A_DAY = 10_000
"""Of one collector: 50 terminals with a hundred transactions each."""
SEGMENT_BYTES = 2 << 20
WORKERS = 2


def settings_of(folder: Path) -> Settings:
    """A machine that lands from the store."""
    return Settings.model_validate({"spool": {"directory": folder}, "lake": {"uri": LAKE, "take_from": SPOOLS}})


def record(folder: Path, collectors: int, frames: int) -> dict[str, int]:
    """Write every collector's spool: how many records are in each of their segments."""
    keys = create_keys(folder / "key")
    written = {}
    for number in range(collectors):
        spool = folder / f"shop-{number}"
        each = frames // collectors
        backlog.write(spool, keys, each, shop=number, frames_a_day=FRAMES_A_DAY, segment_bytes=SEGMENT_BYTES)
        for info in sealed_segments(spool):
            written[info.id] = info.count
    return written


def shipping(folder: Path, collectors: int) -> None:
    """Ship every spool, in a process that may be killed: started again it goes on where it was."""
    load_keys(folder / "key")
    for number in range(collectors):
        for _ in ship(folder / f"shop-{number}", Depot(SPOOLS, f"shop-{number}")):
            pass


def landing(folder: Path) -> None:
    """Land the batches that come on stdin, one a line, and answer each with a line."""
    for line in sys.stdin:
        parcels = [Parcel(*each) for each in json.loads(line)]
        print(land_share(settings_of(folder), parcels).frames, flush=True)


class Killer:
    """Kills processes at random moments, so many in all.

    Args:
        dice: the moments.
        kills: how many.
    """

    def __init__(self, dice: random.Random, kills: int) -> None:
        self._dice = dice
        self._left = kills
        self._lock = threading.Lock()
        self._timers: list[threading.Timer] = []
        self.killed: list[str] = []

    def watch(self, name: str, process: "subprocess.Popen[str]", seconds: float, odds: float = 1.0) -> None:
        """Perhaps kill a process that has just begun what takes about so many seconds."""
        with self._lock:
            if not self._left or self._dice.random() > odds:
                return
            self._left -= 1
            delay = self._dice.uniform(0, seconds)

        def strike() -> None:
            if process.poll() is None:
                process.kill()
                self.killed.append(name)
            else:  # it was quicker: another will be killed
                with self._lock:
                    self._left += 1

        timer = threading.Timer(delay, strike)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def is_done(self) -> bool:
        """Whether all have been killed; waits for the strikes that are on their way."""
        while self._timers:
            self._timers.pop().join()
        return not self._left


class Worker:
    """A landing process that is started again when it was killed."""

    def __init__(self, name: str, folder: Path, killer: Killer) -> None:
        self._name = name
        self._folder = folder
        self._killer = killer
        self._seconds = 2.0
        self._process = _start("landing", folder)

    def land(self, share: list[Parcel]) -> bool:
        """Land a batch; False when the process was killed over it."""
        began = time.monotonic()
        tell, hear = _ends(self._process)
        try:
            tell.write(json.dumps([[p.collector, p.name, p.size] for p in share]) + "\n")
            tell.flush()
            self._killer.watch(self._name, self._process, self._seconds, odds=0.5)
            answer = hear.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            self._seconds = time.monotonic() - began
            return True
        if self._process.wait() != -9:
            raise RuntimeError(f"{self._name} ended by itself")
        self._process = _start("landing", self._folder)
        return False

    def close(self) -> None:
        """End it."""
        _ends(self._process)[0].close()
        self._process.wait()


def _start(what: str, folder: Path, *more: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "bench.fleet", "--one", what, str(folder), *more]
    return subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _ends(process: "subprocess.Popen[str]") -> tuple[TextIO, TextIO]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("it was started without pipes")
    return cast("TextIO", process.stdin), cast("TextIO", process.stdout)


def ship_and_land(folder: Path, collectors: int, killer: Killer) -> None:
    """Ship on one process and land on two, until nothing is on its way; then work the tables out.

    The last task is run again while a kill is left: on a fast machine the others are often done before they are struck.
    """
    settings = settings_of(folder / "lander")
    workers = [Worker(f"worker {n}", folder / f"worker-{n}", killer) for n in range(WORKERS)]
    shipper = _start("shipping", folder, str(collectors))
    killer.watch("shipper", shipper, 3.0)
    with ThreadPoolExecutor(WORKERS) as hands:
        while True:
            ended = shipper.poll()
            if ended == -9:
                shipper = _start("shipping", folder, str(collectors))
            elif ended:
                raise RuntimeError("the shipper ended by itself")
            shares = share_out(settings)
            if not shares and ended == 0:
                break
            idle = list(workers)

            def one(share: list[Parcel], idle: list[Worker] = idle) -> None:
                worker = idle.pop()
                worker.land(share)
                idle.append(worker)

            list(hands.map(one, shares))
            if not shares:
                time.sleep(0.5)  # nothing has arrived yet
    for worker in workers:
        worker.close()
    while True:
        last = _start("last", folder / "lander")
        killer.watch("last task", last, 3.0)
        if last.wait() not in {0, -9}:
            raise RuntimeError("the last task ended by itself")
        if killer.is_done() and last.returncode == 0:
            return


def counted(written: dict[str, int], frames: int) -> dict[str, int]:
    """What the lake has of it: records that are missing, records that are there twice, transactions."""
    import duckdb

    lake, database = Lake(LAKE), duckdb.connect()
    database.register("raw", lake.read("raw_frames", columns=["segment_id", "seq", "kind"]))
    query = "SELECT segment_id, count(*), count(DISTINCT seq), count(*) FILTER (kind = 'frame') FROM raw GROUP BY 1"
    found = {row[0]: row[1:] for row in database.execute(query).fetchall()}
    database.register("trades", lake.read("transactions", columns=["transaction_id", "outcome"]))
    query = "SELECT count(*), count(DISTINCT transaction_id), count(*) FILTER (outcome = 'approved') FROM trades"
    [(all_trades, distinct, approved)] = database.execute(query).fetchall()
    return {
        "segments": len(written),
        "segments_landed": len(set(found) & set(written)),
        "foreign_segments": len(set(found) - set(written)),
        "frames": frames,
        "frames_landed": sum(framed for _, _, framed in found.values()),
        "lost": sum(max(0, count - found.get(name, (0, 0, 0))[1]) for name, count in written.items()),
        "doubled": sum(rows - distinct for rows, distinct, _ in found.values()),
        "transactions": all_trades,
        "transactions_twice": all_trades - distinct,
        "approved": approved,
        "rejects": lake.read("rejects", columns=["segment_id"]).num_rows,
    }


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, help="In all; 10 million need 10 GB of disk.")
@click.option("--collectors", default=100, show_default=True)
@click.option("--kills", default=5, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the moments of the kills.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this file too.")
@click.option("--one", nargs=1, hidden=True, help="One process of the fleet: shipping, landing or last.")
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def main(
    *, frames: int, collectors: int, kills: int, seed: int, out: Path | None, one: str | None, rest: tuple[str, ...]
) -> None:
    """Print what became of every frame, and what it cost."""
    if one:
        folder = Path(rest[0])
        if one == "shipping":
            shipping(folder, int(rest[1]))
        elif one == "landing":
            landing(folder)
        else:
            land(settings_of(folder))
        return
    figures = run(frames, collectors, kills, seed)
    text = json.dumps(figures, indent=2)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if is_whole(figures) else 1)


def run(frames: int, collectors: int, kills: int, seed: int) -> dict[str, Any]:
    """Record, ship, land and count: the figures."""
    figures: dict[str, Any] = {
        "measured": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": platform.python_version()},
        "collectors": collectors,
        "workers": WORKERS,
    }
    killer = Killer(random.Random(seed), kills)
    folder = Path(tempfile.mkdtemp(prefix="tillwatch-fleet-"))
    try:
        with store(folder / "store", "fleet"):
            cpu, began = _cpu(), time.monotonic()
            written = record(folder, collectors, frames)
            figures["record"] = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(_cpu() - cpu, 1)}
            cpu, began = _cpu(), time.monotonic()
            ship_and_land(folder, collectors, killer)
            seconds, spent = time.monotonic() - began, _cpu() - cpu
            figures["ship_and_land"] = {"seconds": round(seconds, 1), "cpu_seconds": round(spent, 1)}
            figures["killed"] = killer.killed
            figures["counted"] = counted(written, frames)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def is_whole(figures: dict[str, Any]) -> bool:
    """Whether every frame is there, once."""
    counts = figures["counted"]
    none = ("lost", "doubled", "foreign_segments", "transactions_twice", "rejects")
    return (
        not any(counts[name] for name in none)
        and counts["frames_landed"] == counts["frames"]
        and counts["segments_landed"] == counts["segments"]
        and counts["transactions"] == counts["approved"] == counts["frames"] // 2
    )


def _cpu() -> float:
    """Processor seconds of this process and of those that it has waited for, killed ones too; without the store's."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()

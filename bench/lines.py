"""Many terminals on one collector: 256 pseudo-terminals at the pace of 115,200 baud.

Each terminal sends a sale in two pieces, at the moments at which a UART of that speed would
have sent them, waits for the ACK, and has its next customer ``--every`` seconds after the
last (0: at once). Afterwards the spool is read: an acknowledged sale that is not in it is
lost. CPU and memory are the collector's own, from /proc; times are this process's, so a
busy machine shows in them. ``bench/results/lines.json`` holds the last run.
Run: ``python -m bench.lines [--lines 256] [--every 1] [--json]``.

Pseudo-terminals have no baud rate: the pace is kept here.
"""

import heapq
import json
import os
import random
import select
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import click

from bench.collector import ACK, RECEIVED, Terminal, collector, make_terminal
from ingest.records import Kind
from ingest.segments import read_segment, sealed_segments
from protocols.profile import load_profile

RESULTS = Path(__file__).parent / "results" / "lines.json"
BITS_A_BYTE = 10
TARGETS = {"lost": 0, "p99_ms": 20.0, "cores": 1.0, "rss_mib": 300.0}


class Till(Terminal):
    """A terminal with its sales built beforehand."""

    number = 0
    frames: list[bytes]
    acknowledged = 0
    stopped = False


def make_tills(lines: int, sales: int) -> list[Till]:
    profile = load_profile(RECEIVED)
    fields = {2: "6225880000000001", 3: "000000", 22: "021", 25: "00", 35: "6225880000000001D30122010000012345678"}
    fields |= {42: "898440300000001", 49: "156", 60: "22000001"}
    tills = []
    for number in range(lines):
        made = make_terminal()
        till = Till(made.master, made.device)
        till.number = number
        till.frames = [
            profile.build(
                "0200",
                dict(sorted({**fields, 4: f"{stan:012d}", 11: f"{stan:06d}", 41: f"{10_000_000 + number}"}.items())),
            )
            for stan in range(1, sales + 1)
        ]
        tills.append(till)
    return tills


def pump(tills: list[Till], baud: int, every: float, seconds: float) -> tuple[list[float], float]:
    """Send, hear, and wait; seconds to each ACK, and how late this process was at the most with a byte."""
    rng = random.Random(1)
    poll = select.epoll()
    by_fd = {till.master: till for till in tills}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    now = time.perf_counter()
    first_in = every or 0.5
    due: list[tuple[float, int, int]] = [(now + rng.uniform(0, first_in), till.number, 0) for till in tills]
    heapq.heapify(due)
    end = now + seconds
    times: list[float] = []
    waiting, late = 0, 0.0
    while due or waiting:
        now = time.perf_counter()
        while due and due[0][0] <= now:
            at, number, begun = heapq.heappop(due)
            till = tills[number]
            frame = till.frames[till.stan % len(till.frames)]
            if not begun:
                if now >= end or till.stan >= len(till.frames):
                    continue
                half = len(frame) // 2
                heapq.heappush(due, (at + len(frame) * BITS_A_BYTE / baud, number, half))
                os.write(till.master, frame[:half])
            else:
                late = max(late, now - at)
                os.write(till.master, frame[begun:])
                till.stan += 1
                till.sent_at.append(time.perf_counter())
                waiting += 1
        wait = max(0.0, min(due[0][0] - time.perf_counter(), 0.5)) if due else 0.5
        for fd, _ in poll.poll(wait):
            till = by_fd[fd]
            said = os.read(fd, 64)
            now = time.perf_counter()
            for byte in said:
                if byte != ACK:
                    raise SystemExit("the collector said NAK")
                times.append(now - till.sent_at.popleft())
                till.acknowledged += 1
                waiting -= 1
                heapq.heappush(due, (max(now, now + every * rng.uniform(0.5, 1.5)), till.number, 0))
        if now > end + 30:
            raise SystemExit(f"{waiting} sales were never acknowledged")
    poll.close()
    return times, late


def lost(spool: Path, tills: list[Till]) -> int:
    """Acknowledged sales that the sealed segments do not hold."""
    found: dict[str, set[bytes]] = {}
    for info in sealed_segments(spool):
        for record in read_segment(info.path):
            if record.kind is Kind.FRAME:
                found.setdefault(record.line, set()).add(record.digest)
    return sum(max(0, till.acknowledged - len(found.get(f"t{till.number}", ()))) for till in tills)


@click.command()
@click.option("--lines", default=256, show_default=True)
@click.option("--every", default=1.0, show_default=True, help="Seconds between a terminal's sales; 0: none.")
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--baud", default=115_200, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(lines: int, every: float, seconds: float, baud: int, *, as_json: bool) -> None:
    """Loss, time to ACK, CPU and memory with many lines."""
    tills = make_tills(lines, round(seconds / every * 2) + 5 if every else round(seconds * 60))
    words = [f"--receive=t{till.number}={till.device}:{RECEIVED}" for till in tills]
    with collector(words, lines) as running:
        spool = running.folder / "var/spool"
        time.sleep(1.0)
        cpu, began = running.cpu_seconds, time.perf_counter()
        times, late = pump(tills, baud, every, seconds)
        took = time.perf_counter() - began
        cores, rss = (running.cpu_seconds - cpu) / took, running.rss_mib
        os.kill(running.pid, signal.SIGTERM)
        while any(spool.glob("*.open")):
            time.sleep(0.1)
        missing = lost(spool, tills)
    cuts = statistics.quantiles(times, n=1000)
    found: dict[str, Any] = {
        "lines": lines,
        "baud": baud,
        "every_s": every,
        "sales": len(times),
        "sales_per_s": round(len(times) / took),
        "lost": missing,
        "p50_ms": round(cuts[499] * 1e3, 2),
        "p99_ms": round(cuts[989] * 1e3, 2),
        "max_ms": round(max(times) * 1e3, 2),
        "cores": round(cores, 2),
        "rss_mib": round(rss),
        "sender_late_ms": round(late * 1e3, 2),
        "load": round(os.getloadavg()[0], 1),
    }
    found["met"] = all(found[name] <= most for name, most in TARGETS.items())
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found) if as_json else "  ".join(f"{name}={value}" for name, value in found.items()))


if __name__ == "__main__":
    main()

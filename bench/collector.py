"""How fast the collector is: frames a second, time to ACK, time a relay adds.

A real ``tillwatch collect`` process on pseudo-terminals, with a real spool; the terminals
are in processes of their own (those that keep it busy beside a relay too), so nothing is
measured with the collector's own clock, and no interpreter is shared. ``cpu_us_per_frame``
is the collector's own processor time, which other programs change least. Every part is
bounded in frames and in seconds; ``bench/results/collector.json`` holds the last run.
Run: ``python bench/collector.py [--seconds 5] [--json]``.

Pseudo-terminals have no baud rate: these are the collector's figures, not a cable's.
"""

import json
import multiprocessing
import os
import platform
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ingest.keys import create_keys
from protocols.profile import available_profiles, load_profile

ACK = 6
RELAYED = "unionpay"
RECEIVED = next(  # the first whose terminals send messages of fields and wait for ACK
    name for name in available_profiles() if load_profile(name).link.ack and load_profile(name).speech.fields
)
RESULTS = Path(__file__).parent / "results" / "collector.json"
COLLECT = [sys.executable, "-c", "from ingest.cli import main; main()", "collect"]


@dataclass
class Terminal:
    """A pseudo-terminal's outer end, and what is under way on it."""

    master: int
    device: str
    sent_at: deque[float] = field(default_factory=deque)
    stan: int = 0


@dataclass(frozen=True)
class Running:
    """A collector that runs: its folder and its process."""

    folder: Path
    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def rss_mib(self) -> float:
        """The most memory it had."""
        words = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines())
        return int(words["VmHWM"].split()[0]) / 1024


def make_terminal() -> Terminal:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return Terminal(master, os.ttyname(slave))


def sales(profile_name: str, count: int = 512) -> list[bytes]:
    """Sales of one terminal, built before the clock runs."""
    profile = load_profile(profile_name)
    fields = {
        2: "6225880000000001",
        3: "000000",
        4: "000000012345",
        22: "021",
        25: "00",
        35: "6225880000000001D30122010000012345678",
        41: "10000001",
        42: "898440300000001",
        49: "156",
        60: "22000001",
    }
    return [profile.build("0200", {**fields, 11: f"{number:06d}"}) for number in range(1, count + 1)]


@contextmanager
def collector(words: list[str], ports: int) -> "Iterator[Running]":
    """A collector on these lines, in a folder of its own; ready when every port is open."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        create_keys(folder / "var/keys/pan-token.key")
        with subprocess.Popen([*COLLECT, *words], cwd=folder, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None  # noqa: S101
            opened = 0
            while opened < ports:
                line = process.stderr.readline()
                if not line:
                    raise SystemExit(f"the collector ended with {process.wait()}")
                opened += b" open " in line
            threading.Thread(target=process.stderr.read, daemon=True).start()
            try:
                yield Running(folder, process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)


def percentiles(times: list[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = statistics.quantiles(times, n=100)
    return {
        "p50_ms": round(cuts[49] * 1e3, 3),
        "p99_ms": round(cuts[98] * 1e3, 3),
        "max_ms": round(max(times) * 1e3, 3),
    }


def exchange(lines: int, window: int, seconds: float, limit: int) -> dict[str, Any]:
    """Terminals that send and wait for ACK, ``window`` frames ahead; frames a second and time to ACK."""
    terminals = [make_terminal() for _ in range(lines)]
    frames = sales(RECEIVED)
    words = [f"--receive=t{number}={each.device}:{RECEIVED}" for number, each in enumerate(terminals)]
    times: list[float] = []
    with collector(words, lines) as running:
        poll = select.epoll()
        for terminal in terminals:
            poll.register(terminal.master, select.EPOLLIN)
        by_fd = {terminal.master: terminal for terminal in terminals}
        sent = 0
        cpu, own, began = running.cpu_seconds, time.process_time(), time.perf_counter()
        for terminal in terminals:
            sent += send(terminal, frames, window)
        while len(times) < sent:
            going = time.perf_counter() - began < seconds and sent < limit
            for fd, _ in poll.poll(5):
                terminal = by_fd[fd]
                answers = os.read(fd, 4096)
                now = time.perf_counter()
                for byte in answers:
                    since = terminal.sent_at.popleft()
                    if byte != ACK:
                        raise SystemExit("the collector said NAK")
                    times.append(now - since)
                if going:
                    sent += send(terminal, frames, window - len(terminal.sent_at))
        took = time.perf_counter() - began
        cpu, own = running.cpu_seconds - cpu, time.process_time() - own
        size = sum(path.stat().st_size for path in (running.folder / "var/spool").glob("*-*"))
    for terminal in terminals:
        os.close(terminal.master)
    return {
        "terminals": lines,
        "ahead": window,
        "frames": len(times),
        "frames_per_s": round(len(times) / took),
        "spool_bytes_per_frame": round(size / len(times)),
        "cpu_us_per_frame": round(cpu / len(times) * 1e6, 1),
        "cores": round(cpu / took, 2),
        "terminals_cores": round(own / took, 2),
        **percentiles(times),
    }


def send(terminal: Terminal, frames: list[bytes], count: int) -> int:
    """Send so many frames; how many the wire took."""
    for done in range(count):
        try:
            frame = frames[terminal.stan % len(frames)]
            if os.write(terminal.master, frame) != len(frame):
                raise SystemExit("the wire took half a frame: use a smaller window")
        except BlockingIOError:
            return done
        terminal.stan += 1
        terminal.sent_at.append(time.perf_counter())
    return count


def relay(busy_terminals: int, count: int, seconds: float) -> dict[str, Any]:
    """One way through a relay, 128 bytes at a time, while other terminals keep the committer busy."""
    near, far = make_terminal(), make_terminal()
    others = [make_terminal() for _ in range(busy_terminals)]
    frames = sales(RECEIVED)
    words = [f"--relay=r={near.device},{far.device}:{RELAYED}"]
    words += [f"--receive=t{number}={each.device}:{RECEIVED}" for number, each in enumerate(others)]
    request = (sales(RELAYED, 1)[0] * 2)[:128]
    with collector(words, 2 + busy_terminals) as running, busy(others, frames) as acks:
        cpu, began = running.cpu_seconds, time.perf_counter()
        times = one_way(near.master, far.master, request, count, seconds)
        took = time.perf_counter() - began
        cpu = running.cpu_seconds - cpu
        acked = acks.value
    # the same bytes over one pseudo-terminal and nothing between, for what the wire itself takes
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    bare = one_way(master, slave, request, count, seconds)
    added = [each - statistics.median(bare) for each in times]
    return {
        "busy_terminals": busy_terminals,
        "busy_frames_per_s": round(acked / took),
        "cores": round(cpu / took, 2),
        "messages": len(times),
        "bare_wire": percentiles(bare),
        "added": percentiles(added),
    }


@contextmanager
def busy(terminals: list[Terminal], frames: list[bytes]) -> Iterator[Any]:
    """Terminals that send four frames ahead, in a process of their own; how many ACKs they had, as it goes."""
    own = multiprocessing.get_context("fork")
    acks = own.Value("Q", 0, lock=False)
    crowd = own.Process(target=keep_busy, args=(terminals, frames, acks), daemon=True)
    if terminals:
        crowd.start()
        while not acks.value:
            time.sleep(0.01)
        acks.value = 0
    try:
        yield acks
    finally:
        if terminals:
            crowd.terminate()
            crowd.join()


def keep_busy(terminals: list[Terminal], frames: list[bytes], acks: Any) -> None:
    """Send and hear until ended."""
    poll = select.epoll()
    by_fd = {each.master: each for each in terminals}
    for each in terminals:
        poll.register(each.master, select.EPOLLIN)
        send(each, frames, 4)
    while True:
        for fd, _ in poll.poll():
            got = len(os.read(fd, 4096))
            acks.value += got
            for _ in range(got):
                by_fd[fd].sent_at.popleft()
            send(by_fd[fd], frames, got)


def one_way(source: int, target: int, text: bytes, count: int, seconds: float) -> list[float]:
    """Write at one end, wait for the last byte at the other, so many times."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < count and time.perf_counter() < end:
        began = time.perf_counter()
        os.write(source, text)
        missing = len(text)
        while missing:
            if not select.select([target], [], [], 5)[0]:
                raise SystemExit("the relay passed nothing on for 5 s")
            missing -= len(os.read(target, missing))
        times.append(time.perf_counter() - began)
        time.sleep(0.002)
    return times


@click.command()
@click.option("--seconds", default=5.0, show_default=True, help="Longest time for each part.")
@click.option("--frames", default=30_000, show_default=True, help="Most frames for each part.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def main(seconds: float, frames: int, as_json: bool) -> None:
    """Frames a second, time to ACK, time a relay adds."""
    parts: list[tuple[str, dict[str, Any]]] = [
        *(("stop-and-wait", exchange(lines, 1, seconds, frames)) for lines in (1, 8, 32)),
        *(("ahead", exchange(lines, 16, seconds, frames)) for lines in (1, 8, 32)),
        *(("relay", relay(busy, 1500, seconds)) for busy in (0, 8)),
    ]
    for name, figures in parts:
        if as_json:
            print(json.dumps({"part": name, **figures}))
        else:
            print(f"{name:14}", "  ".join(f"{key}={value}" for key, value in figures.items()))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}
    found = {"machine": machine, "parts": [{"part": name, **figures} for name, figures in parts]}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

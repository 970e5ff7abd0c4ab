"""Faults of every kind, one after the other at random, for half an hour: terminals, collector, disk, clock, landing.

The oracle: A what was acknowledged is recorded; B what is recorded is in the tables, each
record once and each sale one row; C no card data anywhere; D terminals are served again
after each fault, with nobody's help; E each fault was told. The seed makes the order of the
faults; ``SOAK_SECONDS`` another length than CI's or the full one.
"""

import collections
import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.segments import read_segment, sealed_segments
from ingest.tables import Lake
from tests.artefacts import blobs
from tests.faults import clock
from tests.faults.lengths import length
from tests.faults.power import PowerDisk, why_not
from tests.faults.real import CALL, Collect, Crowd, Terminal, check
from tests.faults.shop import PAN, TRACK
from tests.faults.tools import why_without

SECONDS = int(os.environ.get("SOAK_SECONDS", length(60, 1800)))
SEED = 20261122
TERMINALS = 6
SERVED_WITHIN = 30.0
"""Seconds in which every terminal has its next ACK after a fault; the longest wait for a spool or port is 5."""
INJECTED_WITHIN = 300.0
"""Seconds in which strace begins to fail syncs; from then on the collector has its time."""

CLOCKS = {"-1784000000": "the clock says 1970", "+315360000": "days ahead while this ran"}
"""Seconds against the true time, and what is told of them."""
LACKS = why_not() or clock.why_not() or why_without("strace", "strace")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300 + SECONDS * 2),
    pytest.mark.skipif(bool(LACKS), reason=f"NO SOAK: {LACKS}"),
]


class Shop:
    """Terminals, a collector on a small disk with a clock of its own, and somebody who breaks things.

    The tables lie on another disk, as they do where the shop's computer ships its segments away.
    """

    def __init__(self, folder: Path, power: PowerDisk, rng: random.Random) -> None:
        self.folder, self.disk, self._power = folder, power.mounted_at, power
        self._rng = rng
        terminals = [
            Terminal(number, pace=0.05, card=True, link=folder / f"cable{number}") for number in range(1, TERMINALS + 1)
        ]
        self.crowd = Crowd(terminals)
        self.words = [each.word for each in terminals]
        words = f"[spool]\nseal_seconds = 5\n[lake]\nuri = '{folder / 'lake'}'\n"
        (self.disk / "tillwatch.toml").write_text(words, "utf-8")
        os.sync()  # the settings were there long before the first power cut
        self._clock = folder / "clock"
        self._clock.write_text("+0")
        self.said: list[str] = []
        self.collector = self.start()
        self.crowd.start()

    def start(self) -> Collect:
        """A collector; what the one before said is kept."""
        if hasattr(self, "collector"):
            self.said += self.collector.said
        return Collect(self.disk, self.words, opens=TERMINALS, **clock.clock(self._clock))

    def until_told(self, *words: str, since: int) -> None:
        """E: the collector says so in one line, within the time."""
        deadline = time.monotonic() + SERVED_WITHIN
        while not any(all(word in line for word in words) for line in self.collector.said[since:]):
            assert time.monotonic() < deadline, f"nobody said {' '.join(words)}; {self.collector.waits()}"
            time.sleep(0.02)

    def until_served(self) -> None:
        """D: every terminal has one more ACK."""
        before = [len(each.acknowledged) for each in self.crowd.terminals]
        deadline = time.monotonic() + SERVED_WITHIN
        while not all(len(each.acknowledged) > then for each, then in zip(self.crowd.terminals, before, strict=True)):
            assert time.monotonic() < deadline, f"a terminal is no longer served; {self.collector.waits()}"
            time.sleep(0.02)

    def killed(self) -> None:
        """Kill -9, and a new one at once; it tells what it found."""
        self.collector.process.kill()
        self.collector.process.wait()
        self.collector = self.start()
        self.until_told(" recording ", since=0)

    def stopped(self) -> None:
        """SIGTERM, and a new one; the old one tells what each line had."""
        status, _ = self.collector.stop()
        assert status == 0, self.collector.said[-3:]
        assert sum(" closed " in line for line in self.collector.said) == TERMINALS
        self.collector = self.start()

    def stopped_and_killed(self) -> None:
        """SIGTERM, and kill -9 before it was done."""
        self.collector.process.send_signal(signal.SIGTERM)
        time.sleep(self._rng.uniform(0, 0.4))
        self.killed()

    def cut(self) -> None:
        """The power goes and comes back: what was not synced is gone; a start tells where the numbers go on."""
        self.collector.process.kill()
        self.collector.process.wait()
        self._power.cut()
        self._power.switch_on()
        self.collector = self.start()
        self.until_told(" recording ", since=0)

    def frozen(self) -> None:
        """The machine stands still for a while; nobody is there to tell of it."""
        self.collector.process.send_signal(signal.SIGSTOP)
        time.sleep(self._rng.uniform(0.2, 3.0))
        self.collector.process.send_signal(signal.SIGCONT)

    def clock_stepped(self) -> None:
        """The wall clock says 1970, or ten years ahead, until somebody sets it right."""
        step = self._rng.choice(list(CLOCKS))
        since = len(self.collector.said)
        self._clock.write_text(step)
        self.until_told(" alarm ", CLOCKS[step], since=since)
        self._clock.write_text("+0")
        self.until_told(" alarm-over ", " what=clock", since=since)

    def sync_failed(self) -> None:
        """Each fdatasync is an EIO for a while: nothing is acknowledged until a new segment works.

        An attached strace holds up every call of the collector, twice: where the machine is busy it has to come first,
        or half a minute goes by in which the collector hardly moves (seen at a load of 11 to 20).
        """
        since = len(self.collector.said)
        calls = self.folder / "calls"
        words = ["nice", "-n", "-20", "strace", "-f", "-qq", "-o", str(calls), "-e", "trace=fdatasync"]
        words += ["-e", "inject=fdatasync:error=EIO", "-p", str(self.collector.process.pid)]
        strace = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
        deadline = time.monotonic() + INJECTED_WITHIN
        try:
            while not (calls.exists() and "INJECTED" in calls.read_text()):
                assert time.monotonic() < deadline, f"nothing was injected; {self.collector.waits()}"
                time.sleep(0.02)
            self.until_told("spool-failed", since=since)
        finally:
            strace.terminate()
            complained = strace.communicate()[1]
            calls.unlink(missing_ok=True)
        assert not complained, complained
        self.until_told("spool-back", since=since)

    def pulled(self) -> None:
        """A cable, or several."""
        since = len(self.collector.said)
        for each in self._rng.sample(self.crowd.terminals, self._rng.randint(1, TERMINALS)):
            self.crowd.replug(each)
        self.until_told("unplugged", since=since)
        self.until_told("reopened", since=since)

    def noisy(self) -> None:
        """Noise on a line: told once in ten seconds, and counted."""
        terminal = self._rng.choice(self.crowd.terminals)
        terminal.garbage = self._rng.randint(1, 3000)
        self.until_told(f" {terminal.name} noise ", since=0)
        terminal.garbage = 0

    def full(self) -> None:
        """No room on the disk, and then there is."""
        since = len(self.collector.said)
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 24, 1 << 20, 1 << 16, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            self.until_told("spool-failed", since=since)
        filler.unlink()
        self.until_told("spool-back", since=since)

    def doubled(self) -> None:
        """Somebody starts a second collector."""
        done = subprocess.run(
            [*CALL, "collect", *self.words], cwd=self.disk, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 3
        assert "belongs to process" in done.stderr

    def landed(self) -> None:
        """The tables are made while all this goes on; sometimes that is killed too."""
        land = subprocess.Popen([*CALL, "land"], cwd=self.disk, stderr=subprocess.PIPE)
        if self._rng.random() < 0.3:
            time.sleep(self._rng.uniform(0, 3))
            land.kill()
        _, said = land.communicate(timeout=300)
        assert land.returncode in {0, -signal.SIGKILL}, said.decode()


FAULTS: list[Callable[[Shop], None]] = [
    *(Shop.killed, Shop.killed, Shop.stopped, Shop.stopped_and_killed, Shop.frozen, Shop.pulled, Shop.pulled),
    *(Shop.noisy, Shop.full, Shop.doubled, Shop.landed, Shop.cut, Shop.cut, Shop.clock_stepped, Shop.sync_failed),
]


def in_turn(rng: random.Random) -> Iterator[Callable[[Shop], None]]:
    """Each fault once, and again, each time in another order: a short run has tried as many as a long one can."""
    while True:
        yield from rng.sample(FAULTS, len(FAULTS))


def test_whatever_happens_the_books_are_right(tmp_path: Path, record_property: Any) -> None:
    """All faults: recorded what was acknowledged, in the tables what was recorded, no card data, served again, told."""
    rng = random.Random(SEED)
    counts: collections.Counter[str] = collections.Counter()
    began = time.monotonic()
    power = PowerDisk(tmp_path, "512M")
    disk = power.mounted_at
    with power.powered():
        shop = Shop(tmp_path, power, rng)
        try:
            for fault in in_turn(rng):
                if time.monotonic() - began >= SECONDS:
                    break
                fault(shop)
                counts[fault.__name__] += 1
                shop.until_served()
                time.sleep(rng.uniform(0, 0.5))
            shop.crowd.finish(SERVED_WITHIN)
            assert shop.collector.stop()[0] == 0
        finally:
            if shop.collector.process.poll() is None:
                shop.collector.process.kill()
                shop.collector.process.wait()
            if shop.crowd.is_alive():
                shop.crowd.finish(0)
            shop.crowd.close()
        took = time.monotonic() - began
        frames = check(disk, shop.crowd.terminals)  # A
        rows = _tables(disk, tmp_path / "lake")  # B
        acknowledged = {(each.tid, stan) for each in shop.crowd.terminals for stan in each.acknowledged}
        assert acknowledged <= set(rows)
        shop.said += shop.collector.said
        assert sum("recovered" in line or "recording" in line for line in shop.said) >= counts["killed"]
        _no_card_data([disk, tmp_path / "lake"], "".join(shop.said))  # C
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
    record_property("tried", f"{took:.0f} s, seed {SEED}: {told}; {shop.crowd.acknowledged} sales, {frames} frames")
    record_property("lost", f"0 acknowledged, 0 of {len(rows)} rows twice, 0 card data")


def _tables(disk: Path, tables: Path) -> list[tuple[str, int]]:
    """B: every sealed record is in raw_frames, once, and each sale is one row; the sales."""
    landed = subprocess.run([*CALL, "land"], cwd=disk, capture_output=True, text=True, check=False)
    assert landed.returncode == 0, landed.stderr
    lake = Lake(str(tables))
    spooled = [
        (info.id, record.seq) for info in sealed_segments(disk / "var/spool") for record in read_segment(info.path)
    ]
    raw = lake.read("raw_frames", columns=["segment_id", "seq"]).to_pylist()
    assert collections.Counter((row["segment_id"], row["seq"]) for row in raw) == collections.Counter(spooled)
    rows = lake.read("transactions", columns=["terminal_id", "stan"]).to_pylist()
    found = [(row["terminal_id"], row["stan"]) for row in rows]
    assert len(found) == len(set(found)), "a sale is two rows"
    return found


def _no_card_data(folders: list[Path], said: str) -> None:
    """C: neither number nor track, in digits, in BCD or in hex of either, in any file, packed or not, or any word."""
    forms = [PAN.encode(), bytes.fromhex(PAN), PAN.encode().hex().encode(), TRACK[17:].encode()]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    packed = (data for path in files for _, data in blobs(path))
    assert not any(form in data for data in itertools.chain([said.encode()], packed) for form in forms)

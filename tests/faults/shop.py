"""A shop to harm: a collector in this process, on real pseudo-terminals, a real profile and a real spool."""

import gc
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from ingest.acknowledging import ACK
from ingest.collector import Collector
from ingest.committer import Committer
from ingest.disk import Disk
from ingest.lines import Line, make_line
from ingest.occupant import Occupant
from ingest.recording import Recorder
from ingest.records import Kind, Record
from ingest.segments import read_segment, sealed_segments
from ingest.spool import Spool
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from tests.faults.spool_writer import KEYS
from tests.ingest.collecting.conftest import Told, Wire

PROFILE = load_profile("leshua")
SANITISER = Sanitiser(PROFILE, KEYS)


PAN = "6225880000000001"  # a test number
TRACK = f"{PAN}D30122010000012345678"


def sale(stan: int, terminal: str = "10000001", *, card: bool = False) -> bytes:
    """A sale of one fen a trace number; no two are the same. With its card's number and track, if asked for."""
    fields = {3: "000000", 4: f"{stan:012d}", 11: f"{stan:06d}", 25: "00", 41: terminal}
    fields |= {42: "898440300000001", 49: "156", 60: "22000001"}
    fields |= {2: PAN, 22: "021", 35: TRACK} if card else {}
    return PROFILE.build("0200", dict(sorted(fields.items())))


def digest(frame: bytes) -> bytes:
    """What the spool knows a frame by."""
    return SANITISER.sanitise(frame).digest


class Shop:
    """Terminals that send and wait for ACK, and their collector.

    Args:
        folder: its spool is in it.
        wires: a line's name -> its cable.
        disk: the spool's file system calls.
        options: of the spool.
    """

    def __init__(self, folder: Path, wires: dict[str, Wire], *, disk: Disk | None = None, **options: Any) -> None:
        self.spool_folder = folder / "spool"
        self.wires = wires
        self.told = Told()
        self._disk = disk
        self._options = options
        self.lines: list[Line] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """A new collector on the old spool."""
        self.lines = [_line(name, wire) for name, wire in self.wires.items()]
        self.committer = Committer(self._open_spool, tell=self.told)
        self.collector = Collector(self.lines, self.committer, self.told)
        self.collector.open_all()
        self.committer.start(self.collector.answer, self._open_spool())
        self.collector.start()

    def stop(self) -> None:
        """As SIGTERM does it."""
        assert self.collector.failure is None
        assert self.collector.stop_reading(30)
        assert self.committer.stop(30)
        assert self.collector.stop(30)
        self.collector.close()
        assert self.committer.committed.bugs == 0
        assert self.told.named("bug") == []

    def _open_spool(self) -> Spool:
        return Spool(self.spool_folder, KEYS, disk=self._disk, **self._options)

    def records(self) -> list[Record]:
        """Everything in the sealed segments, none of it damaged."""
        return [record for info in sealed_segments(self.spool_folder) for record in read_segment(info.path)]

    def frames(self) -> list[Record]:
        """The frames among them."""
        return [record for record in self.records() if record.kind is Kind.FRAME]

    def is_open(self, name: str) -> bool:
        """Whether a line's port is there."""
        return any(line.name == name and line.sides[0].port is not None for line in self.lines)


def _line(name: str, wire: Wire) -> Line:
    link = PROFILE.link
    made = make_line(
        name, PROFILE.name, "receive", [str(wire.name)], link=link, start=lambda: Recorder(PROFILE, KEYS, name)
    )
    made.streams[0].occupant = Occupant([PROFILE])
    for side in made.sides:  # a thousand replugs should not take an hour
        side.backoff._first = side.backoff._next = 0.005
        side.backoff._longest = 0.05
    return made


def deliver(wire: Wire, frame: bytes, *, patience: float = 20.0, timer: float = 1.0) -> int:
    """Send a frame until it is acknowledged, as a terminal does; how often it was sent."""
    deadline = time.monotonic() + patience
    sent = 0
    while time.monotonic() < deadline:
        wire.write(frame)
        sent += 1
        if wire.read(1, timer) == ACK:
            return sent
    raise AssertionError(f"not acknowledged, though sent {sent} times")


def wait_until(condition: Any, timeout: float = 60.0) -> None:
    """Until it is so."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def resources() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()


def wait_until_no_more_than(before: tuple[int, int]) -> None:
    """Until this process has no more descriptors and threads than then."""
    wait_until(lambda: all(now <= then for now, then in zip(resources(), before, strict=True)))


def check(shop: Shop, acknowledged: Sequence[bytes], sent: Sequence[bytes]) -> list[Record]:
    """Law A and its converse: what was acknowledged is there, nothing is that nobody sent; the frames."""
    frames = shop.frames()
    found = {record.digest for record in frames}
    assert {digest(frame) for frame in acknowledged} <= found, "acknowledged and lost"
    assert found <= {digest(frame) for frame in sent}, "invented"
    seqs = [record.seq for record in shop.records()]
    assert seqs == list(range(1, len(seqs) + 1))
    return frames

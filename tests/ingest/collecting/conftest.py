"""Wires to pull, a spool that fails on command, a tiny link: what the collector's tests stand on."""

import contextlib
import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from hashlib import blake2b
from operator import xor
from pathlib import Path

import pytest

from ingest.keys import create_keys
from ingest.ports import Port
from ingest.records import Direction, Kind, PendingRecord
from ingest.threads import ThreadWaiting
from ingest.waiting import EpollWaiting
from tests.ingest.collecting.collectprocess import Process
from tests.ingest.collecting.committer_bench import Bench

PATIENCE = 60.0
"""Seconds that a busy machine may take for what is there at once on a free one."""


class Wire:
    """A pseudo-terminal behind a name that survives replugging, as udev makes them."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master = -1
        self._slave = -1
        self.plug()

    def plug(self) -> None:
        """A new device (with a new number) under the old name."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.name.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """The cable is pulled: the name goes, whoever has it open gets a hang-up."""
        if self.master < 0:
            return
        self.name.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self.master)
        self.master = self._slave = -1

    def write(self, data: bytes, timeout: float = PATIENCE) -> None:
        """All of it, waiting for room."""
        view = memoryview(data)
        deadline = time.monotonic() + timeout
        while view:
            assert time.monotonic() < deadline, "nobody reads the wire"
            select.select([], [self.master], [], 0.1)
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self.master, view) :]

    def read(self, count: int, timeout: float = PATIENCE) -> bytes:
        """Exactly so many bytes, or fewer when the time is over."""
        got = b""
        deadline = time.monotonic() + timeout
        while len(got) < count and (left := deadline - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                with contextlib.suppress(BlockingIOError):
                    got += os.read(self.master, count - len(got))
        return got

    def read_nothing(self, seconds: float) -> bytes:
        """What came although nothing should have."""
        return self.read(1, seconds)


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[Callable[[str], Wire]]:
    """Makes wires; pulls them all at the end."""
    made: list[Wire] = []

    def make(name: str) -> Wire:
        made.append(Wire(tmp_path / name))
        return made[-1]

    yield make
    for wire in made:
        wire.unplug()


def fill(port: Port) -> int:
    """Write until the device is full and stays so (the kernel moves a pty's bytes on a little later); how many."""
    taken, refused = 0, 0
    while refused < 5:
        step = port.write_some(b"x" * 4096)
        taken, refused = taken + step, 0 if step else refused + 1
        if not step:
            time.sleep(0.02)
    return taken


def tiny_frame(body: bytes) -> bytes:
    """``02 length body 03 lrc``: as much of a link as these tests need."""
    covered = bytes([len(body)]) + body + b"\x03"
    return b"\x02" + covered + bytes([reduce(xor, covered)])


class TinyRecorder:
    """Reads tiny frames: a wrong LRC is noise of the link, a body starting with ``X`` is one nobody can make safe."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._direction: Direction = ""
        self._buffer = b""

    def take_controls(self) -> bytes:
        return b""

    def pending(self, direction: Direction) -> int:
        del direction
        return len(self._buffer)

    def feed(self, direction: Direction, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        self._direction = direction
        self._buffer += data
        records: list[PendingRecord] = []
        while self._buffer:
            start = self._buffer.find(b"\x02")
            if start:
                dropped = len(self._buffer) if start < 0 else start
                records.append(self._noise(dropped, "link", "start", wall_ns, mono_ns))
                self._buffer = self._buffer[dropped:]
                continue
            if len(self._buffer) < 2 or len(self._buffer) < self._buffer[1] + 4:
                break
            size = self._buffer[1] + 4
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            body = frame[2:-2]
            if frame != tiny_frame(body):
                records.append(self._noise(size, "link", "lrc", wall_ns, mono_ns))
            elif body.startswith(b"!"):
                raise ZeroDivisionError("a bug that quotes 6212345678901232")
            elif body.startswith(b"X"):
                records.append(self._noise(size, "field", "bcd", wall_ns, mono_ns))
            else:
                digest = blake2b(body, digest_size=16).digest()
                records.append(
                    PendingRecord(
                        Kind.FRAME, self._line, "tiny", wall_ns, mono_ns, self._direction, frame=frame, digest=digest
                    )
                )
        return records

    def flush(self, direction: Direction, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        self._direction = direction
        rest, self._buffer = self._buffer, b""
        return [self._noise(len(rest), "link", "cut", wall_ns, mono_ns)] if rest else []

    def _noise(self, length: int, layer: str, code: str, wall_ns: int, mono_ns: int) -> PendingRecord:
        error = {"layer": layer, "code": code}
        return PendingRecord(
            Kind.NOISE, self._line, "tiny", wall_ns, mono_ns, self._direction, length=length, error=error
        )


@dataclass
class FakeSpool:
    """A spool in memory: can be slow (``gate``), and can fail (``failing``)."""

    records: list[PendingRecord] = field(default_factory=list)
    failing: BaseException | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    attempts: int = 0
    batches: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    def append_many(self, records: Sequence[PendingRecord]) -> list[int]:
        self.attempts += 1
        assert self.gate.wait(20)
        if self.failing is not None:
            raise self.failing
        self.batches += 1
        self.records += records
        return []

    def seal_if_due(self) -> None:
        if self.failing is not None:
            raise self.failing

    def close(self) -> None:
        self.closed = True

    def frames(self, line: str | None = None, direction: str | None = None) -> list[bytes]:
        """The bodies of the frames on the disk, in order."""
        return [
            record.frame[2:-2]
            for record in list(self.records)
            if record.kind is Kind.FRAME and line in {None, record.line} and direction in {None, record.direction}
        ]

    def kinds(self, kind: Kind) -> list[PendingRecord]:
        """The records of a kind."""
        return [record for record in list(self.records) if record.kind is kind]


class Told:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []

    def __call__(self, line: str, event: str, /, **facts: object) -> None:
        self.events.append((line, event, facts))

    def named(self, event: str) -> list[tuple[str, str, dict[str, object]]]:
        """Those with this name."""
        return [each for each in self.events if each[1] == event]


@pytest.fixture
def told() -> Told:
    """An event log to look into."""
    return Told()


@pytest.fixture
def spool() -> FakeSpool:
    """A spool to fail."""
    return FakeSpool()


@pytest.fixture
def frame() -> Callable[[bytes], bytes]:
    """Builds a tiny frame."""
    return tiny_frame


@pytest.fixture
def recorder() -> Callable[[str], TinyRecorder]:
    """Makes recorders of tiny frames."""
    return TinyRecorder


@pytest.fixture
def until() -> Callable[[Callable[[], object], float], None]:
    """Waits until something is so."""

    def wait(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)

    return wait


@pytest.fixture(params=[EpollWaiting, ThreadWaiting], ids=["epoll", "threads"])
def _each_waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs twice: with one thread for all ports, and with two threads a port, as on Windows."""
    monkeypatch.setattr("ingest.collector.waiting_here", request.param)


@pytest.fixture
def bench(spool: FakeSpool, told: Told, recorder: Callable[[str], TinyRecorder]) -> Iterator[Bench]:
    """A started committer; stopped at the end."""
    made = Bench(spool, told, recorder)
    made.start()
    yield made
    spool.gate.set()
    assert made.committer.stop(30)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts collectors with a key; ends them with the test."""
    create_keys(tmp_path / "var/keys/pan-token.key")
    made: list[Process] = []

    def start(*words: str, **environment: str) -> Process:
        made.append(Process(tmp_path, *words, **environment))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()

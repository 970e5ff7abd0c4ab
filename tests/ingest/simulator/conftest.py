"""Seats, tills, and a collector that does the least that a collector does."""

import contextlib
import datetime as dt
import os
import random
import select
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.simulator.cards import Wallet
from ingest.simulator.draft import DIALECT
from ingest.simulator.scenario import Seat, take_seats
from ingest.simulator.scenarios import MERCHANTS
from ingest.simulator.till import Till
from protocols.deframe import Frame
from protocols.profile import Profile, load_profile, profiles_speaking

DAY = dt.date(2026, 11, 21)
SEAT = Seat(
    line="lane-1",
    profile="unionpay",
    mode="relay",
    terminal_id="10010001",
    merchant_id=MERCHANTS[0],
    stan=100,
    batch_no=7,
    serial="TW000001",
)


@pytest.fixture
def till() -> Till:
    """A till of its own at 10:00."""
    rng = random.Random(5)
    made = Till(SEAT, rng, Wallet(rng), set())
    made.at(DAY, "10:00:00")
    return made


@pytest.fixture(scope="session")
def four_seats() -> tuple[Seat, ...]:
    """The seats that `tillwatch simulate` takes for four lines."""
    return take_seats(
        [(name, load_profile(name).link.ack) for name in profiles_speaking(DIALECT)], 4, merchants=MERCHANTS
    )


class FakeCollector:
    """Opens devices by path and keeps the frames: passes on, listens, or acknowledges."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, bytes]] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def relay(self, near: Path, far: Path, profile: Profile) -> None:
        """Pass bytes on between two devices."""
        self._start(near, far, profile, acknowledge=None)

    def listen(self, requests: Path, answers: Path, profile: Profile) -> None:
        """Read two devices and write nothing."""
        self._start(requests, answers, profile, acknowledge=None, silent=True)

    def receive(self, port: Path, profile: Profile, acknowledge: Callable[[bytes], bytes] = lambda _: b"\x06") -> None:
        """Answer each frame."""
        self._start(port, None, profile, acknowledge=acknowledge)

    def stop(self) -> None:
        """Let the devices go, as a killed process does."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._stop.clear()

    def _start(
        self,
        first: Path,
        second: Path | None,
        profile: Profile,
        *,
        acknowledge: Callable[[bytes], bytes] | None,
        silent: bool = False,
    ) -> None:
        arguments = (first, second, profile, acknowledge, silent)
        self._threads.append(threading.Thread(target=self._run, args=arguments))
        self._threads[-1].start()

    def _run(
        self,
        first: Path,
        second: Path | None,
        profile: Profile,
        acknowledge: Callable[[bytes], bytes] | None,
        silent: bool,
    ) -> None:
        paths = [path for path in (first, second) if path is not None]
        fds = [os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for path in paths]
        deframers = [profile.deframer() for _ in fds]
        try:
            while not self._stop.is_set():
                for index, fd in enumerate(fds):
                    if fd not in select.select(fds, (), (), 0.02)[0]:
                        continue
                    data = b""
                    with contextlib.suppress(BlockingIOError):
                        data = os.read(fd, 4096)
                    if data and len(fds) == 2 and not silent:
                        os.write(fds[1 - index], data)
                    for event in deframers[index].feed(data):
                        if isinstance(event, Frame):
                            frame = bytes(event.data)
                            self.frames.append((paths[index].name, frame))
                            if acknowledge is not None:
                                os.write(fd, acknowledge(frame))
        finally:
            for fd in fds:
                os.close(fd)


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    """A collector that lets go at the end."""
    fake = FakeCollector()
    yield fake
    fake.stop()

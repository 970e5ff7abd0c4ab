"""Sans-io machines on real devices: one thread carries bytes between each machine and its end.

A terminal that is asked is a machine; so are a till and a terminal that talk to each other
with a collector between them. The machines keep the protocol's times by the wall clock.
"""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ingest.simulator.wires import REPEAT, TICK
from ingest.stopping import Stop
from protocols.answering import Machine


class End(Protocol):
    """A device as the simulator holds it."""

    @property
    def device(self) -> str:
        """What a collector is told to open."""

    @property
    def is_there(self) -> bool:
        """Whether a collector is at the other side."""

    def fileno(self) -> int:
        """What to wait on; -1 for nothing."""

    def read(self) -> bytes:
        """What came; empty when nothing did."""

    def offer(self, data: bytes) -> int:
        """Hand over what is taken now; the number of bytes."""

    def unclaim(self) -> None:
        """Take back what a killed collector claimed."""


@dataclass(slots=True)
class Actor:
    """A machine at its end."""

    machine: Machine
    end: End
    outgoing: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class StagedLine:
    """One line of the play.

    Attributes:
        words: its devices, and what `tillwatch collect` is told of them.
        actors: who speaks on it.
        truth: the rows that must be in the tables afterwards.
        is_over: whether nothing more will be said on it; a terminal that is asked waits for ever.
    """

    words: dict[str, Any]
    actors: tuple[Actor, ...]
    truth: list[dict[str, Any]]
    is_over: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Carried:
    """What went over the ends."""

    heard: int = 0
    said: int = 0


class Stage:
    """Lines with their machines.

    Args:
        lines: who plays.
    """

    def __init__(self, lines: Sequence[StagedLine]) -> None:
        self.carried = Carried()
        self._lines = lines
        self._actors = [actor for line in lines for actor in line.actors]
        self._waiting = list(lines)
        self._stop = Stop()

    def stop(self) -> None:
        """End the play; `run` then returns."""
        self._stop.set()

    def run(self) -> bool:
        """Carry until every line is over; False when it was stopped before."""
        quiet_since = time.monotonic()
        while not all(line.is_over() for line in self._lines):
            if self._stop.is_set():
                return False
            self._wait()
            now = time.monotonic()
            moved = False
            self._waiting = [line for line in self._waiting if not _is_open(line)]
            for line in self._lines:
                if line not in self._waiting:
                    for actor in line.actors:
                        moved = self._turn(actor, now) or moved
            if moved:
                quiet_since = now
            elif now - quiet_since > REPEAT:
                quiet_since = now
                for actor in self._actors:
                    actor.end.unclaim()
        return True

    def _wait(self) -> None:
        poll = select.poll()
        for actor in self._actors:
            if actor.end.fileno() < 0:
                continue
            poll.register(actor.end, select.POLLIN | (select.POLLOUT if actor.outgoing else 0))
        now = time.monotonic()
        dues = [actor.machine.due for line in self._lines if line not in self._waiting for actor in line.actors]
        waits = [due - now for due in dues if due is not None]
        poll.poll(max(0.0, min([TICK, *waits])) * 1000)

    def _turn(self, actor: Actor, now: float) -> bool:
        data = actor.end.read()
        said = actor.machine.feed(data, now) if data else b""
        if actor.machine.due is not None and now >= actor.machine.due:
            said += actor.machine.tick(now)
        self.carried.heard += len(data)
        self.carried.said += len(said)
        actor.outgoing += said
        if actor.outgoing:
            actor.outgoing = actor.outgoing[actor.end.offer(actor.outgoing) :]
        return bool(data or said)


def _is_open(line: StagedLine) -> bool:
    """Whether a collector is at every end; each is asked, because one that calls only calls when it is."""
    there = [actor.end.is_there for actor in line.actors]
    return all(there)

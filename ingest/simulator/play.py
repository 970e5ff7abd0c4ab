"""A scenario on its wires: a thread for each line, one host for all.

The order of lines does not matter to what is said: reference numbers count by
terminal, and a step that refers to another terminal's sale waits for it. Each line
keeps its own pace through the scenario, so that all end at about the same time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from ingest.simulator.draft import Draft
from ingest.simulator.host import Host
from ingest.simulator.pty import DeviceFolder
from ingest.simulator.rehearsal import Rehearsal
from ingest.simulator.scenario import Record, Scenario, Seat, Step
from ingest.simulator.terminal import Terminal
from ingest.simulator.wires import TICK, Listen, Patience, Receive, Relay, SimulationError, StoppedError, Wire
from ingest.stopping import Stop
from protocols.profile import Profile

REQUEST_TPDU, ANSWER_TPDU = "6000030000", "6000000003"
"""The answer swaps destination and source (docs/protocols.md)."""


class Records(dict[str, Record]):
    """What became of labelled steps; a line can wait for another line's."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def __setitem__(self, label: str, record: Record) -> None:
        with self._changed:
            super().__setitem__(label, record)
            self._changed.notify_all()

    def wait_for(self, label: str, stop: Stop) -> None:
        """Wait until the labelled step has been answered.

        Raises:
            StoppedError: the play is over.
        """
        with self._changed:
            while label not in self or not self[label].rrn:
                if stop.is_set():
                    raise StoppedError
                self._changed.wait(TICK)


@dataclass(slots=True)
class Tally:
    """What was said, over all lines."""

    steps: int = 0
    frames: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the steps of a line follow each other.

    Args:
        seconds: wall time that a scenario with an end is spread over; 0 plays as fast as the lines go.
        rate: steps a second and line of an endless one; 0 likewise.
        steps: steps after which a line ends; None when the scenario says.
    """

    seconds: float = 0.0
    rate: float = 0.0
    steps: int | None = None


@dataclass(slots=True)
class _Lane:
    seat: Seat
    wire: Wire
    terminal: Terminal
    patience: Patience
    profile: Profile
    gap: float
    failure: BaseException | None = None


class Play:
    """One performance of a scenario.

    Args:
        scenario: what is played.
        profiles: the profile of each seat, by name.
        folder: where the devices are made.
        pace: how fast.
        patience: seconds without progress after which a line is given up.

    Attributes:
        on_step: called after each step, from the lines' threads.
    """

    def __init__(
        self,
        scenario: Scenario,
        profiles: Mapping[str, Profile],
        folder: DeviceFolder,
        *,
        pace: Pace,
        patience: float = 60.0,
    ) -> None:
        self.scenario = scenario
        self.host = Host()
        self.records: MutableMapping[str, Record] = Records()
        self.tally = Tally()
        self._pace = pace
        self.on_step: Callable[[], None] = lambda: None
        self._stop = Stop()
        self._turn = threading.Lock()
        self._lanes = [self._lane(seat, profiles[seat.profile], folder, patience) for seat in scenario.seats]

    def devices(self) -> Iterator[dict[str, Any]]:
        """Each line's devices, and the words that `tillwatch collect` takes for it."""
        for lane in self._lanes:
            paths = [str(pty.path) for pty in lane.wire.ptys]
            option = {"relay": "--relay", "listen": "--line", "receive": "--receive"}[lane.seat.mode]
            yield {
                "line": lane.seat.line,
                "profile": lane.seat.profile,
                "mode": lane.seat.mode,
                "device": paths[0],
                "peer": paths[1] if len(paths) > 1 else None,
                "terminal_id": lane.seat.terminal_id,
                "merchant_id": lane.seat.merchant_id,
                "option": option,
                "value": f"{lane.seat.line}={','.join(paths)}:{lane.seat.profile}",
            }

    @property
    def attached(self) -> list[str]:
        """The lines on which a collector has been heard."""
        return [lane.seat.line for lane in self._lanes if lane.patience.attached]

    def stop(self) -> None:
        """End the play at the next message; `run` then returns."""
        self._stop.set()

    def run(self) -> bool:
        """Play to the end; False when it was stopped before.

        Raises:
            SimulationError: a line came to a halt.
        """
        threads = [threading.Thread(target=self._perform, args=(lane,), name=lane.seat.line) for lane in self._lanes]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(TICK)
        finally:
            stopped = self._stop.is_set()
            self._stop.set()
            for thread in threads:
                thread.join()
        for lane in self._lanes:
            if isinstance(lane.wire, Receive):
                self.tally.repeats += lane.wire.repeats
        failures = [lane.failure for lane in self._lanes if lane.failure is not None]
        if failures:
            raise failures[0]
        return not stopped

    def compare(self, rehearsal: Rehearsal) -> None:
        """Hold the performance against the rehearsal.

        Raises:
            SimulationError: a step came out differently, so the truth would not be true.
        """
        different = [label for label, record in rehearsal.records.items() if self.records.get(label) != record]
        if different:
            raise SimulationError(
                f"step {different[0]} came out otherwise than rehearsed ({len(different)} in all)",
                hint="a fault of the simulator: report it with scenario and seed",
            )

    def _lane(self, seat: Seat, profile: Profile, folder: DeviceFolder, limit: float) -> _Lane:
        patience = Patience(seat.line, limit, self._stop)
        near = folder.make(seat.line)
        wire: Wire
        if seat.mode == "relay":
            wire = Relay(near, folder.make(f"{seat.line}.host"), profile.deframer, patience)
        elif seat.mode == "listen":
            wire = Listen(near, folder.make(f"{seat.line}.host"), patience)
        else:
            wire = Receive(near, patience)
        terminal = Terminal(seat, self.records, max_reversal_tries=profile.max_reversal_tries)
        if self.scenario.total is None:
            gap = 1 / self._pace.rate if self._pace.rate else 0.0
        else:
            gap = self._pace.seconds / max(sum(1 for _ in self.scenario.steps(seat)), 1)
        return _Lane(seat, wire, terminal, patience, profile, gap)

    def _perform(self, lane: _Lane) -> None:
        try:
            self._play_line(lane)
        except StoppedError:
            return
        except BaseException as wrong:  # noqa: BLE001 - handed to the thread that waits in run()
            lane.failure = wrong
            self._stop.set()

    def _play_line(self, lane: _Lane) -> None:
        started: float | None = None
        for index, step in enumerate(self.scenario.steps(lane.seat)):
            if self._pace.steps is not None and index >= self._pace.steps:
                return
            if started is not None:
                self._stop.wait(max(0.0, started + index * lane.gap - time.monotonic()))
            if self._stop.is_set():
                return
            if step.of:
                self._wait_for(step.of)
            self._play_step(lane, step)
            if started is None:
                started = time.monotonic()  # the first exchange waits for the collector
            with self._turn:
                self.tally.steps += 1
            self.on_step()

    def _wait_for(self, label: str) -> None:
        if isinstance(self.records, Records):
            self.records.wait_for(label, self._stop)

    def _play_step(self, lane: _Lane, step: Step) -> None:
        if step.do == "reprint":
            lane.wire.report_again()
            return
        with self._turn:
            self.host.order(lane.seat.terminal_id, step.orders)
        draft = lane.terminal.start(step)
        while draft is not None:
            draft = lane.terminal.receive(self._exchange(lane, draft))
        if step.quirk == "ack_lost":
            lane.wire.report_again()

    def _exchange(self, lane: _Lane, draft: Draft) -> Draft | None:
        profile = lane.profile
        answered: list[Draft] = []

        def respond(frame: bytes) -> bytes | None:
            message = profile.decode(frame)
            with self._turn:
                reply = self.host.handle(Draft(message.mti, message.fields, draft.at))
                self.tally.frames += 2 if reply.delivered else 1
            if reply.answer is None or not reply.delivered:
                return None
            answered.append(reply.answer)
            return profile.build(reply.answer.mti, reply.answer.fields, tpdu=ANSWER_TPDU)

        frame = lane.wire.exchange(profile.build(draft.mti, draft.fields, tpdu=REQUEST_TPDU), respond)
        if frame is None:
            return None
        message = profile.decode(frame)
        return replace(answered[-1], mti=message.mti, fields=message.fields)

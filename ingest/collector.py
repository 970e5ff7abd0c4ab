"""The collector: one thread that waits on every port at once, and pumps.

It reads, passes on (relay) before anything else, hands what all ports said in a turn to
the committer's bounded queue, and goes back to waiting. It never touches the disk, never decodes, never
opens a port (a driver may take seconds: that happens in a thread a try), never writes a
log line itself. So a payment on a relay does not depend on the spool, the disk, the
sanitiser or stderr; when one of them fails, bytes keep passing and what was not recorded
is counted.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingest.acknowledging import Answers
from ingest.committer import Committer
from ingest.flow import Flow
from ingest.handover import SET, Chunk, Happened, Tell, ask_for_priority
from ingest.lines import Line, Side, Stream
from ingest.opening import Opening
from ingest.ports import Port, PortError
from ingest.records import Kind
from ingest.waiting import GONE, READ, WRITE, Waiting, waiting_here

if TYPE_CHECKING:
    from ingest.speeds import LineSetting

LONGEST_WAIT = 0.5
_READ_BY = ("baud", "bytesize", "parity")
"""What of a setting decides which bytes are read from what comes."""
PRIORITY = -10
"""Nice value of the pump's own thread: a busy machine must not hold up a payment."""
CONGESTED_WAIT = 0.02
"""Seconds between looks at the committer's queue while pausable lines are paused."""


class Collector:
    """Any number of lines on one thread.

    Args:
        lines: the lines; their sides belong to this object's thread from ``start`` on.
        committer: takes what was read.
        tell: where events go; must not wait.
        waiting: how the thread waits on its ports; what this system does best by default.
    """

    def __init__(
        self, lines: Sequence[Line], committer: Committer, tell: Tell, *, waiting: Waiting[Side] | None = None
    ) -> None:
        self._lines = list(lines)
        self._committer = committer
        self._tell = tell
        self._line_of = {side: line for line in self._lines for side in line.sides}
        self._side_of = {side.stream: side for side in self._line_of}
        self._has_relay = not all(side.pausable for side in self._line_of)
        self._waiting: Waiting[Side] = waiting_here() if waiting is None else waiting
        self._flow = Flow(list(self._line_of), self._waiting)
        self._opening = Opening(self._waiting.nudge)
        self._stopping = False
        self._quiet = threading.Event()
        self._answers: queue.SimpleQueue[Answers] = queue.SimpleQueue()
        self._tunings: queue.SimpleQueue[tuple[Stream, LineSetting]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self.failure: BaseException | None = None
        self.turned = time.monotonic()
        """When the thread last went round: half a second ago at most, or it hangs."""

    # -- other threads call these ------------------------------------------------------------

    def open_all(self) -> None:
        """Open every port once, before the thread starts: a missing one will be waited for.

        Raises:
            PortError: a port is busy, denied or no serial device; every port is closed again.
        """
        try:
            for side in self._line_of:
                if side.follows:
                    continue
                try:
                    self._opened(side, side.open())
                except PortError as wrong:
                    if wrong.reason != "missing":
                        raise
                    self._not_opened(side, wrong)
        except PortError:
            self.close()
            raise
        self._committer.hand_over()

    def start(self) -> None:
        """Begin to pump."""
        self._thread.start()

    def answer(self, answers: Answers) -> None:
        """Have bytes written to the terminals of these streams; returns at once."""
        self._answers.put(answers)
        self._waiting.nudge()

    def tune(self, stream: Stream, setting: "LineSetting") -> None:
        """Have the ports of a stream's line set so; returns at once."""
        self._tunings.put((stream, setting))
        self._waiting.nudge()

    def stop_reading(self, timeout: float = 1.0) -> bool:
        """Read nothing more; answers still go out. When it returns True, all that was read has been offered."""
        self._flow.reading = False
        self._waiting.nudge()
        return self._quiet.wait(timeout) if self._thread.is_alive() else True

    def stop(self, timeout: float = 2.0) -> bool:
        """Write what is waiting while the devices take it, and close; False when that hung."""
        self._flow.reading = False
        self._stopping = True
        self._waiting.nudge()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs; when it ended on its own, ``failure`` says why."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Let every port and descriptor go; only when the thread does not run."""
        for side in self._line_of:
            side.close()
        self._waiting.close()

    # -- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        ask_for_priority(PRIORITY)
        try:
            while not self._stopping:
                self._turn(self._wait())
                if not self._flow.reading and not self._quiet.is_set():
                    self._hush()
            self._last_words()
        except BaseException as bug:  # noqa: BLE001  the command reports it and ends with status 3
            self.failure = bug
        finally:
            self._committer.hand_over()
            for side in self._line_of:
                side.close()

    def _wait(self) -> float:
        if self._flow.paused:
            return CONGESTED_WAIT
        return self._opening.patience(LONGEST_WAIT) if self._flow.reading else LONGEST_WAIT

    def _turn(self, timeout: float) -> None:
        events = self._waiting.wait(timeout)
        self.turned = time.monotonic()
        if self._has_relay and len(events) > 1:
            events.sort(key=_can_wait)
        for side, mask in events:
            if side is None:
                self._woken()
                continue
            if side.port is None:  # let go earlier in this turn
                continue
            try:
                self._serve(side, mask)
            except PortError as wrong:
                self._lost(side, wrong)
        self._committer.hand_over()
        if self._flow.reading:
            self._opening.try_due()
        if self._flow.paused and self._committer.has_room:
            self._flow.pause(paused=False)

    def _serve(self, side: Side, mask: int) -> None:
        if mask & WRITE:
            side.send_waiting()
            self._flow.update(side)
            if side.other is not None:
                self._flow.update(side.other)
        if self._flow.reading and mask & (READ | GONE):
            self._read(side)
        elif mask & GONE:  # it would be reported for ever
            raise PortError(f"{side.device}: went away while stopping", reason="lost")

    def _read(self, side: Side) -> None:
        assert side.port is not None  # noqa: S101  it was waited for
        data = side.port.read_some()
        if not data:
            side.pumped.stolen += 1
            line = self._line_of[side]
            self._tell(line.name, "stolen", device=side.device, hint="another program reads this port")
            return
        if side.other is not None:
            self._forward(side, side.other, data)
        side.pumped.bytes_read += len(data)
        side.last_read_at = self.turned
        self._hear(side, data)

    def _forward(self, source: Side, target: Side, data: bytes) -> None:
        """Pass bytes on. To a side that is unplugged they are lost, as on a wire that is cut: a request that
        waited for its host and arrived minutes later would be worse.
        """
        try:
            undeliverable = target.send(data)
        except PortError as wrong:
            undeliverable = len(data)
            self._lost(target, wrong)
        else:
            if target.outgoing:
                self._flow.update(target)
                self._flow.update(source)
        if undeliverable:
            source.pumped.bytes_not_forwarded += undeliverable
            self._tell(self._line_of[source].name, "not-forwarded", to=target.role, bytes=undeliverable)
        source.pumped.bytes_forwarded += len(data) - undeliverable

    def _hear(self, side: Side, data: bytes) -> None:
        chunk = Chunk(side.stream, data, time.time_ns(), time.monotonic_ns(), side.session)
        if side.lost_bytes and self._committer.has_room:
            self._confess(side)
        if self._committer.offer(chunk):
            if side.pausable and not self._flow.paused and not self._committer.has_room:
                self._flow.pause(paused=True)
            return
        side.lost_since_ns = side.lost_since_ns or chunk.wall_ns
        side.lost_bytes += len(data)
        side.pumped.bytes_lost += len(data)
        self._tell(self._line_of[side].name, "not-recorded", reason="queue", bytes=side.lost_bytes)

    def _confess(self, side: Side) -> None:
        """Have it recorded that bytes went by unrecorded."""
        facts = {"reason": "queue", "bytes": side.lost_bytes, "since_ns": side.lost_since_ns}
        self._note(side, Kind.GAP, facts)
        side.lost_bytes = side.lost_since_ns = 0

    def _note(self, side: Side, kind: Kind, facts: dict[str, Any], *, breaks: bool = True) -> None:
        now, mono = time.time_ns(), time.monotonic_ns()
        self._committer.note(Happened(side.stream, kind, facts, now, mono, breaks, side.session))

    # -- what other threads asked for --------------------------------------------------------

    def _woken(self) -> None:
        while not self._answers.empty():
            for stream, said, session in self._answers.get():
                side = self._side_of[stream]
                if session == side.session:  # else the frame came from what was plugged in before
                    self._say(side, said)
        while not self._tunings.empty():
            self._set_line(*self._tunings.get())
        for side, port, wrong_open in self._opening.arrived():
            if port is not None:
                self._opened(side, port)
            elif wrong_open is not None:
                self._not_opened(side, wrong_open)

    def _say(self, side: Side, said: bytes) -> None:
        try:
            side.send(said)
            if side.outgoing:
                self._flow.update(side)
        except PortError as wrong:
            self._lost(side, wrong)

    def _set_line(self, stream: Stream, setting: "LineSetting") -> None:
        """Both sides of a line speak at one speed; a port that is not there has it when it opens.

        A frame half read goes on where only the stop bits change: a receiver looks at the first alone.
        """
        asking = self._side_of[stream]
        breaks = any(getattr(asking.link, each) != getattr(setting, each) for each in _READ_BY)
        for side in self._line_of[asking].sides:
            side.link = setting
            try:
                if side.port is not None:
                    side.port.tune(setting)
            except PortError as wrong:
                self._lost(side, wrong)
        self._note(asking, Kind.EVENT, {"event": SET, "setting": str(setting)}, breaks=breaks)

    # -- coming and going ------------------------------------------------------------------------

    def _opened(self, side: Side, port: Port) -> None:
        line = self._line_of[side]
        if side.follows and side.other is not None and side.other.port is None:  # it left while we were connecting
            port.close()
            return
        try:
            side.port = self._waiting.adopt(side, port)
        except OSError:  # it went away again while it was on its way here
            port.close()
            self._not_opened(side, PortError(f"{side.device}: went away at once", reason="lost"))
            return
        self._opening.never(side)
        side.trouble = ""
        side.identity = port.identity()
        side.backoff.reset()
        self._flow.update(side)
        if side.session:
            side.pumped.reconnects += 1
        self._tell(line.name, "reopened" if side.session else "open", side=side.role, device=side.device)
        side.session += 1
        self._note(side, Kind.SESSION, line.session_facts())
        if side.other is not None and side.other.follows and side.other.port is None:
            self._opening.later(side.other, 0.0)

    def _not_opened(self, side: Side, wrong: PortError) -> None:
        self._opening.later(side, side.backoff.delay())
        if side.trouble != wrong.reason:
            side.trouble = wrong.reason
            line = self._line_of[side]
            self._tell(line.name, "waiting", side=side.role, why=str(wrong), hint=wrong.hint)
        if side.follows and side.other is not None:
            self._opening.never(side)
            self._forget(side)
            self._hang_up(side.other)

    def _lost(self, side: Side, wrong: PortError) -> None:
        """Unplugged: close before anything else, never go on with the same descriptor."""
        if side.port is None:
            return
        line = self._line_of[side]
        self._waiting.forget(side.port)
        self._forget(side)
        side.trouble = "lost"
        if not side.follows:
            self._opening.later(side, side.backoff.delay())
        self._tell(line.name, "unplugged", side=side.role, why=str(wrong), **side.driver_errors)
        self._note(
            side, Kind.EVENT, {"event": "unplugged", "role": side.role, "device": side.device, **side.driver_errors}
        )
        if side.other is not None and (side.follows or side.other.follows):
            self._hang_up(side.other)

    def _forget(self, side: Side) -> None:
        """Close its port; what waited for it is lost, and counted."""
        forgotten = side.drop()
        if side.other is not None:
            side.other.pumped.bytes_not_forwarded += forgotten
            self._flow.update(side.other)

    def _hang_up(self, side: Side) -> None:
        """The connection of the other side is over, and so is this one; what still waits leaves first."""
        if side.port is None:
            self._forget(side)
            return
        with contextlib.suppress(PortError):
            side.send_waiting()
        self._lost(side, PortError(f"{side.device}: let go, for the other side is gone", reason="lost"))

    # -- the end ---------------------------------------------------------------------------------

    def _hush(self) -> None:
        self._flow.update_all()
        for side in self._line_of:
            if side.lost_bytes:
                self._confess(side)
        self._committer.hand_over()
        self._quiet.set()

    def _last_words(self) -> None:
        """What a relay still holds for a slow side leaves, for half a second at most."""
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and any(side.outgoing for side in self._line_of):
            for side in self._line_of:
                try:
                    side.send_waiting()
                except PortError:
                    side.drop()
            time.sleep(0.005)


def _can_wait(event: tuple[Side | None, int]) -> bool:
    side, _ = event
    return side is None or side.pausable

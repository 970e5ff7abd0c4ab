"""The three ways in which a collector can sit on a terminal's line, as wires of bytes.

``Relay``: terminal and host each at a pseudo-terminal, the collector passes on.
``Listen``: terminal and host talk among themselves; two taps repeat what each says.
``Receive``: the terminal reports each frame to its log port and waits for ACK.

A lost answer is the host's word (`respond` gives None), never the wall clock's, so a
slow machine invents no faults. The wall clock only repeats what nobody took, and
gives up at last: that is the simulator's failure, not a fault of the scenario.
"""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ingest.errors import TillwatchError
from ingest.simulator.pty import Pty
from ingest.stopping import Stop
from protocols.deframe import Frame
from protocols.dialect import Deframing
from protocols.envelope import ACK, NAK

Respond = Callable[[bytes], bytes | None]

TICK = 0.1
POLL = 0.001
REPEAT = 2.0
"""Seconds after which a frame that was read and came to nothing is sent again."""
ACKNOWLEDGED, REFUSED = bytes([ACK]), bytes([NAK])


class SimulationError(TillwatchError):
    """The simulated line came to a halt: nobody reads it, or nobody passes it on."""


class StoppedError(Exception):
    """The simulator was told to stop."""


@dataclass(slots=True)
class Patience:
    """How long a wire waits, and whether it is to stop.

    Args:
        line: the line's name, for the message.
        limit: seconds without progress after which it gives up.
        stop: set by whoever ends the play.
    """

    line: str
    limit: float
    stop: Stop
    attached: bool = False
    _since: float = field(default_factory=time.monotonic)

    def progress(self) -> None:
        """Something moved."""
        self._since = time.monotonic()

    def check(self) -> float:
        """Seconds without progress.

        Raises:
            StoppedError: the play is over.
            SimulationError: nothing moved for too long, though a collector had been there.
        """
        if self.stop.is_set():
            raise StoppedError
        waited = time.monotonic() - self._since
        if self.attached and waited > self.limit:
            raise SimulationError(
                f"{self.line}: nothing moved for {self.limit:.0f} s",
                hint="is the collector still running? look at its log",
            )
        return waited


class Wire(Protocol):
    """One terminal's line."""

    @property
    def ptys(self) -> Sequence[Pty]:
        """Its devices: the terminal's first."""

    def exchange(self, request: bytes, respond: Respond) -> bytes | None:
        """Carry a request to the host and its answer back; None when the host's answer is lost."""

    def report_again(self) -> None:
        """Say the last exchange's frames once more, where a terminal does that."""


class Relay:
    """Terminal and host at a pseudo-terminal each; whoever sits between them passes bytes on."""

    def __init__(self, near: Pty, far: Pty, deframer: Callable[[], Deframing], patience: Patience) -> None:
        self.ptys = (near, far)
        self._patience = patience
        self._deframers = {near: deframer(), far: deframer()}
        self._poll = select.poll()
        for pty in self.ptys:
            self._poll.register(pty, select.POLLIN)

    def exchange(self, request: bytes, respond: Respond) -> bytes | None:
        """See `Wire`. What was taken and never came out at the other side is sent again."""
        near, far = self.ptys
        answer: bytes | None = None
        asked = False
        self._patience.progress()
        near.write(request)
        repeat_at = REPEAT
        while True:
            for frame in self._frames(far):
                if frame != request:
                    continue
                if not asked:
                    asked = True
                    self._patience.attached = True
                    self._patience.progress()
                    answer = respond(request)
                    if answer is None:
                        return None
                    repeat_at = REPEAT
                if answer is not None:
                    far.write(answer)
            for frame in self._frames(near):
                if answer is not None and frame == answer:
                    return answer
            waited = self._patience.check()
            if waited > repeat_at:
                repeat_at += REPEAT
                self._repeat(far if asked else near, answer if answer is not None else request)
            self._poll.poll(TICK * 1000)

    def report_again(self) -> None:
        """A reprint is not sent to the host."""

    def _repeat(self, pty: Pty, frame: bytes) -> None:
        pty.unclaim()
        if not pty.unread:
            pty.write(frame)

    def _frames(self, pty: Pty) -> list[bytes]:
        data = pty.read()
        return _only_frames(self._deframers[pty], data) if data else []


class Listen:
    """Two taps: what the terminal says, and what the host says."""

    def __init__(self, requests: Pty, answers: Pty, patience: Patience) -> None:
        self.ptys = (requests, answers)
        self._patience = patience

    def exchange(self, request: bytes, respond: Respond) -> bytes | None:
        """See `Wire`. The answer is said when the request has been read, so that their order is the line's."""
        requests, answers = self.ptys
        self._say(requests, request)
        answer = respond(request)
        if answer is not None:
            self._say(answers, answer)
        return answer

    def report_again(self) -> None:
        """A reprint is not said on the line."""

    def _say(self, pty: Pty, frame: bytes) -> None:
        self._patience.progress()
        pty.write(frame)
        nudge_at = REPEAT
        while pty.unread:
            waited = self._patience.check()
            if waited > nudge_at:
                nudge_at += REPEAT
                pty.unclaim()
            time.sleep(POLL if self._patience.attached else TICK)
        self._patience.attached = True


class Receive:
    """A log port: every frame of the terminal's exchanges is reported there and acknowledged, or sent again."""

    def __init__(self, port: Pty, patience: Patience) -> None:
        self.ptys = (port,)
        self._patience = patience
        self._last: list[bytes] = []
        self.repeats = 0

    def exchange(self, request: bytes, respond: Respond) -> bytes | None:
        """See `Wire`. Trade waits while a report is not acknowledged, so none is ever lost."""
        self._report(request)
        answer = respond(request)
        if answer is not None:
            self._report(answer)
        self._last = [request] if answer is None else [request, answer]
        return answer

    def report_again(self) -> None:
        """Report the last exchange once more."""
        for frame in self._last:
            self._report(frame)

    def _report(self, frame: bytes) -> None:
        port = self.ptys[0]
        port.read()  # what was said after the last ACK belongs to no frame
        self._patience.progress()
        port.write(frame)
        poll = select.poll()
        poll.register(port, select.POLLIN)
        repeat_at = REPEAT
        while True:
            poll.poll(TICK * 1000)
            said = port.read()
            if ACKNOWLEDGED in said:
                self._patience.attached = True
                return
            waited = self._patience.check()
            if REFUSED not in said and waited < repeat_at:
                continue
            repeat_at = waited + REPEAT
            port.unclaim()
            if not port.unread:
                self.repeats += 1
                port.write(frame)


def _only_frames(deframer: Deframing, data: bytes) -> list[bytes]:
    return [bytes(event.data) for event in deframer.feed(data) if isinstance(event, Frame)]

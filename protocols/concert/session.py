"""One end of the link, sans-io: saying a message until the other end has it, and taking what it says.

Serial, E+ (pyTeliumManager, MIT): ENQ, the other end's ACK, the frame, its ACK, EOT. A frame that
came damaged is answered with NAK and said again; so is what nobody acknowledges, three times in
all. The same frame again before EOT means that our ACK was lost: it is acknowledged and not taken
twice. Caisse-AP over IP has none of this: a message is said once.

How often and after how long is not public: the tries and ``protocols.talking.Times`` are assumed.
"""

from collections import deque
from typing import TYPE_CHECKING, Literal, Protocol

from protocols.concert.link import deframer
from protocols.deframe import Control, Event, Frame, Noise
from protocols.envelope import ACK, ENQ, EOT, NAK
from protocols.talking import Times

if TYPE_CHECKING:
    from protocols.profile import Profile

TRIES = 3
"""How often ENQ and frame are said at most."""

State = Literal["rest", "called", "sent", "hearing", "taken"]
_ACK, _NAK, _ENQ, _EOT = (bytes((byte,)) for byte in (ACK, NAK, ENQ, EOT))


class Station(Protocol):
    """One end: messages to say go in, messages that were heard come out."""

    heard: deque[bytes]
    lost: int

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""

    @property
    def is_busy(self) -> bool:
        """Something is being said."""

    def say(self, frame: bytes, now: float) -> bytes:
        """Say a message, when the line is free; what to send now."""

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes came; what to send."""

    def tick(self, now: float) -> bytes:
        """Time went by; what to send."""


class Serial:
    """An end of the serial link.

    Args:
        profile: its link.
        times: how long to wait.
        yields: give way when both ends call at once; the terminal does.

    Attributes:
        heard: messages taken whole, oldest first; whoever uses them takes them out.
        lost: messages given up because nobody acknowledged them.
    """

    def __init__(self, profile: "Profile", times: Times, *, yields: bool) -> None:
        self.heard: deque[bytes] = deque()
        self.lost = 0
        self.state: State = "rest"
        self._times = times
        self._yields = yields
        self._deframer = deframer(profile)
        self._to_say: deque[bytes] = deque()
        self._taken: bytes | None = None
        self._tries = 0
        self._wait: float | None = None  # for the other end's next word
        self._pause: float | None = None  # for the rest of a frame

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""
        waits = [each for each in (self._wait, self._pause) if each is not None]
        return min(waits) if waits else None

    @property
    def is_busy(self) -> bool:
        """Something is being said."""
        return bool(self._to_say)

    def say(self, frame: bytes, now: float) -> bytes:
        """Call the other end, or wait until the line is free."""
        self._to_say.append(frame)
        return self._call(now) if self.state == "rest" else b""

    def feed(self, data: bytes, now: float) -> bytes:
        """Bytes came; what to send."""
        if not data:
            return b""
        said = b"".join(self._hear(event, now) for event in self._deframer.feed(data))
        self._pause = now + self._times.pause if self._deframer.pending else None
        return said

    def tick(self, now: float) -> bytes:
        """Time went by: half a frame is given up, what is not acknowledged is said again."""
        said = b""
        if self._pause is not None and now >= self._pause:
            self._pause = None
            said = b"".join(self._hear(event, now) for event in self._deframer.flush())
        if self._wait is not None and now >= self._wait:
            said += self._late(now)
        return said

    def _hear(self, event: Event, now: float) -> bytes:
        if isinstance(event, Frame):
            return self._take(bytes(event.data), now)
        if isinstance(event, Noise):
            return self._refuse(now) if self.state == "hearing" else b""
        return self._control(event, now)

    def _control(self, event: Control, now: float) -> bytes:
        if event.byte == ENQ:
            return self._called(now)
        if event.byte == EOT:
            if self.state in {"hearing", "taken"}:
                return self._rest(now)
            return b""
        if event.byte == NAK:
            return self._again(now) if self.state in {"called", "sent"} else b""
        if self.state == "called":
            self._tries = 1
            self._go("sent", now)
            return self._to_say[0]
        if self.state == "sent":
            self._to_say.popleft()
            return _EOT + self._rest(now)
        return b""

    def _called(self, now: float) -> bytes:
        """The other end wants to speak."""
        if self.state == "called" and not self._yields:
            return b""  # it gives way
        if self.state == "sent":  # it has what we said, for it goes on: its ACK was lost
            self._to_say.popleft()
        self._deliver()
        self._tries = 0
        self._go("hearing", now)
        return _ACK

    def _take(self, frame: bytes, now: float) -> bytes:
        if self.state in {"called", "sent"}:
            return b""  # not its turn
        if self._taken != frame:
            self._deliver()
        self._taken = frame
        self._go("taken", now)
        return _ACK

    def _refuse(self, now: float) -> bytes:
        self._tries += 1
        if self._tries > TRIES:
            return _EOT + self._rest(now)
        self._go("hearing", now)
        return _NAK

    def _late(self, now: float) -> bytes:
        return self._again(now) if self.state in {"called", "sent"} else self._rest(now)

    def _again(self, now: float) -> bytes:
        if self._tries >= TRIES:
            self._to_say.popleft()
            self.lost += 1
            return _EOT + self._rest(now)
        self._tries += 1
        self._go(self.state, now)
        return _ENQ if self.state == "called" else self._to_say[0]

    def _call(self, now: float) -> bytes:
        self._tries = 1
        self._go("called", now)
        return _ENQ

    def _rest(self, now: float) -> bytes:
        """What was said or heard is over; the next of ours, if there is one."""
        self._deliver()
        self.state, self._wait = "rest", None
        return self._call(now) if self._to_say else b""

    def _deliver(self) -> None:
        if self._taken is not None:
            self.heard.append(self._taken)
            self._taken = None

    def _go(self, state: State, now: float) -> None:
        self.state, self._wait = state, now + self._times.ack


class Net:
    """An end of a connection: what is said is said once; see ``Serial`` for the rest.

    A message ends where the next begins, with a silence, or, as far as this end is concerned, with a whole last tag.
    """

    def __init__(self, profile: "Profile", times: Times) -> None:
        self.heard: deque[bytes] = deque()
        self.lost = 0
        self.is_busy = False
        self.due: float | None = None
        self._pause = times.pause
        self._deframer = deframer(profile)

    def say(self, frame: bytes, now: float) -> bytes:
        """Say it."""
        del now
        return frame

    def feed(self, data: bytes, now: float) -> bytes:
        """Take what is complete."""
        if not data:
            return b""
        self._keep(self._deframer.feed(data))
        self.due = now + self._pause if self._deframer.pending else None
        return b""

    def tick(self, now: float) -> bytes:
        """A silence ends a message."""
        if self.due is not None and now >= self.due:
            self.due = None
            self._keep(self._deframer.flush())
        return b""

    def _keep(self, events: list[Event]) -> None:
        self.heard.extend(bytes(event.data) for event in events if isinstance(event, Frame))


def station(profile: "Profile", times: Times, *, yields: bool) -> Station:
    """An end of the profile's link."""
    return Net(profile, times) if profile.link.envelope == "tags" else Serial(profile, times, yields=yields)

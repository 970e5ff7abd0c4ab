"""A line: one terminal's link, in one of four ways of sitting on it.

``listen``  a tap: nothing is ever written; a second tap may hear the other direction.
``relay``   between the terminal and its host or till: what one side says goes to the other at once.
``receive`` the terminal sends to us and waits for ACK.
``pull``    we ask, and the terminal answers (`ingest.asking`).

A `Line` has one or two `Side`s (a device each; touched by the selector thread alone)
and a `Stream` for each direction (what was heard, on its way to frames; touched by the
committer thread alone). Counters have one writer each, so nobody needs a lock.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ingest.netport import LISTEN_SCHEME, SCHEME, Listener, open_connection
from ingest.ports import REOPEN_SECONDS, Port, open_port
from ingest.records import Direction, PendingRecord

if TYPE_CHECKING:
    from ingest.asking import Asker
    from ingest.detection import Detection
    from ingest.occupant import Occupant

Mode = Literal["listen", "relay", "receive", "pull"]

LONGEST_DELAY = 5.0
DRIVER_ERRORS = ("frame", "overrun", "parity", "brk", "buf_overrun")
OUTGOING_LIMIT = 65536  # bytes a relay holds for a slow side (5.7 s at 115200 baud) before it stops reading the other
SILENCE_NS = {"listen": 3_000_000_000, "relay": 3_000_000_000, "receive": 300_000_000, "pull": 300_000_000}
"""A pause inside a frame that ends it. A receiver must NAK before the terminal's own timer runs out; a tap need not."""


class Backoff:
    """How long to wait before the next try: 0.2 s (1.5 s on Windows), doubling to 5 s, for ever."""

    def __init__(self, first: float = REOPEN_SECONDS, longest: float = LONGEST_DELAY) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def delay(self) -> float:
        """Seconds to wait now; the next answer is twice as long, up to the longest."""
        now, self._next = self._next, min(self._next * 2, self._longest)
        return now

    def reset(self) -> None:
        """It worked: start small again."""
        self._next = self._first


class LinkSettings(Protocol):
    """What a port needs to know of a profile's link."""

    @property
    def baud(self) -> int:
        """Bits a second."""

    @property
    def bytesize(self) -> int:
        """Data bits."""

    @property
    def parity(self) -> str:
        """``N``, ``E`` or ``O``."""

    @property
    def stopbits(self) -> float:
        """1, 1.5 or 2."""


def open_device(device: str, link: LinkSettings) -> Port:
    """A serial device with these line settings, or a connection.

    Raises:
        PortError: missing, busy, denied or unfit.
    """
    if device.startswith(SCHEME):
        return open_connection(device)
    return open_port(device, baud=link.baud, bytesize=link.bytesize, parity=link.parity, stopbits=link.stopbits)


class Recording(Protocol):
    """Bytes become records (`ingest.recording.Recorder`)."""

    def feed(self, direction: Direction, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """Take what was read; the records that are complete now."""

    def flush(self, direction: Direction, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The stream broke off: what is half there becomes noise."""

    def pending(self, direction: Direction) -> int:
        """Bytes of a frame that is not complete."""

    def take_controls(self) -> bytes:
        """The lone control bytes heard since the last call."""


@dataclass(slots=True)
class Heard:
    """What a stream became; written by the committer thread alone."""

    frames: int = 0
    noise_bytes: int = 0
    rejects: int = 0
    duplicates: int = 0
    acks: int = 0
    naks: int = 0
    unrecorded: int = 0  # records that no segment took
    last_frame_ns: int = 0  # monotonic


@dataclass(slots=True)
class Pumped:
    """What a side carried; written by the selector thread alone."""

    bytes_read: int = 0
    bytes_forwarded: int = 0
    bytes_not_forwarded: int = 0  # the other side was unplugged
    bytes_lost: int = 0  # read and forwarded, but the committer's queue was full
    reconnects: int = 0
    stolen: int = 0  # readiness without bytes: another process read them


class Stream:
    """One direction of a line as heard: bytes in, records out, and the pause that breaks a frame off.

    Args:
        line: the line's name.
        profile: the profile's name; ``auto`` where it is to be found out.
        mode: how we sit on the line; a receiving stream is answered with ACK and NAK.
        direction: ``rx`` from the terminal, ``tx`` to it.
        start: makes a fresh recorder.
    """

    def __init__(
        self, line: str, profile: str, *, mode: Mode, direction: Direction, start: Callable[[], Recording]
    ) -> None:
        self.line = line
        self._profile = profile
        self.direction: Direction = direction
        self.answers = mode == "receive"
        self.asker: Asker | None = None  # on a pulled line
        self.detection: Detection | None = None  # on a line whose profile is to be found
        self.occupant: Occupant | None = None  # of the terminal's own direction
        self.heard = Heard()
        self.session = 0
        """How often its port had been opened when what is heard now was read."""
        self._silence_ns = SILENCE_NS[mode]
        self._start = start
        self._recorder = start()
        self._last_ns = 0  # when bytes came last; monotonic
        self._waits = False  # the recorder may hold half a frame

    @property
    def profile(self) -> str:
        """The profile's name, as far as it is known."""
        return self._profile if self.detection is None else self.detection.profile

    def feed(self, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """Records complete with these bytes; a frame that a long pause broke off becomes noise first."""
        paused = mono_ns - self._last_ns >= self._silence_ns
        before = self.flush(wall_ns, mono_ns) if paused and self._waits else []
        self._last_ns = mono_ns
        records = self._recorder.feed(self.direction, data, wall_ns, mono_ns)
        self._waits = self._recorder.pending(self.direction) > 0 or self.detection is not None
        if self.occupant is not None:
            if paused:
                self.occupant.look_again()
            records = self.occupant.watch(records)
        return before + records if before else records

    def flush(self, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The line broke off or fell silent here: what is half there is noise."""
        self._waits = False
        records = self._recorder.flush(self.direction, wall_ns, mono_ns)
        if self.occupant is not None:
            self.occupant.look_again()
            records = self.occupant.watch(records)  # a search for the profile may end with the pause
        return records

    def close(self, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The last word: what is half there is noise, and a search for the profile ends."""
        undecided = self.detection.close(wall_ns, mono_ns) if self.detection is not None else []
        return undecided + self.flush(wall_ns, mono_ns)

    @property
    def due_ns(self) -> int | None:
        """Monotonic time at which what waits is given up; None when nothing does."""
        return self._last_ns + self._silence_ns if self._waits else None

    def take_controls(self) -> bytes:
        """The lone control bytes heard since the last call, on a line where they matter."""
        return self._recorder.take_controls()

    def restart(self) -> int:
        """Begin again after a failure inside the recorder; the number of bytes that were half a frame."""
        lost = self._recorder.pending(self.direction)
        self._recorder = self._start()
        self._waits = False
        return lost


@dataclass(eq=False)
class Side:
    """One device of a line: its port when it is there, and what waits to be written to it."""

    device: str
    role: Literal["terminal", "host"]
    stream: Stream
    pausable: bool
    link: LinkSettings
    other: "Side | None" = None
    listener: Listener | None = None  # its device is an address that others connect to
    follows: bool = False  # connected to when somebody has connected to the other side; both end together
    port: Port | None = None
    identity: dict[str, str] | None = None
    pumped: Pumped = field(default_factory=Pumped)
    outgoing: bytearray = field(default_factory=bytearray)
    backoff: Backoff = field(default_factory=Backoff)
    retry_at: float | None = None  # monotonic seconds; None = open, or being opened
    trouble: str = ""  # the reason that was last told, so that it is told once
    session: int = 0  # how often it has been opened
    driver_errors: dict[str, int] = field(default_factory=dict)  # overrun, parity, … as the driver last counted them
    lost_since_ns: int = 0
    lost_bytes: int = 0
    last_read_at: float = field(default_factory=time.monotonic)  # or since when it is there

    def open(self) -> Port:
        """The device, opened with the profile's line settings.

        Raises:
            PortError: missing, busy, denied or unfit.
        """
        if self.listener is not None:
            return self.listener.open()
        return open_device(self.device, self.link)

    def send(self, data: bytes | bytearray) -> int:
        """Write at once what the device takes and keep the rest in order; bytes that nobody will ever get.

        A side that is being connected to because the other one was keeps them until it is there.

        Raises:
            PortError: the device went away; nothing of ``data`` is kept.
        """
        if self.port is None and not self.follows:
            return len(data)
        taken = 0 if self.port is None or self.outgoing else self.port.write_some(data)
        if taken < len(data):
            self.outgoing += memoryview(data)[taken:]
        return 0

    def send_waiting(self) -> None:
        """Write more of what waits.

        Raises:
            PortError: the device went away.
        """
        if self.port is not None and self.outgoing:
            taken = self.port.write_some(self.outgoing)
            del self.outgoing[:taken]

    @property
    def is_congested(self) -> bool:
        """The device takes less than comes: stop reading the other side (the wire's own flow control)."""
        return len(self.outgoing) >= OUTGOING_LIMIT

    def close(self) -> None:
        """Close the port for good, and listen no more."""
        self.drop()
        if self.listener is not None:
            self.listener.close()

    def drop(self) -> int:
        """Close the port and forget what waited for it; the number of bytes forgotten."""
        forgotten = len(self.outgoing)
        self.outgoing.clear()
        if self.port is not None:
            counted = self.port.counters()
            self.driver_errors = {name: counted[name] for name in DRIVER_ERRORS if counted.get(name)}
            self.port.close()
            self.port = None
        return forgotten


@dataclass(eq=False)
class Line:
    """A terminal's line, as configured."""

    name: str
    profile: str
    mode: Mode
    sides: list[Side]

    @property
    def shown_profile(self) -> str:
        """For people: the profile, and how it was found where that was left to us."""
        detection = self.sides[0].stream.detection
        return self.profile if detection is None else detection.shown

    @property
    def streams(self) -> list[Stream]:
        """One for each device that is read."""
        return [side.stream for side in self.sides]

    def session_facts(self) -> dict[str, Any]:
        """What the session record says: how we sit on the line and which hardware is on each side now."""
        sides = [
            {"role": side.role, "open": side.port is not None, **(side.identity or {"device": side.device})}
            for side in self.sides
        ]
        return {"mode": self.mode, "sides": sides}


def make_line(
    name: str,
    profile: str,
    mode: Mode,
    devices: list[str],
    *,
    link: LinkSettings,
    start: Callable[[], Recording],
) -> Line:
    """A line on one device, or two.

    Args:
        name: the line's name.
        profile: the profile's name.
        mode: listen, relay or receive.
        devices: the terminal's side, then the host's (relay) or the second tap (listen).
        link: the profile's link.
        start: makes a fresh recorder; each direction has its own.
    """
    roles: tuple[Literal["terminal", "host"], ...] = ("terminal", "host")
    directions: tuple[Direction, ...] = ("rx", "tx")
    sides = []
    for device, role, direction in zip(devices, roles, directions, strict=False):
        stream = Stream(name, profile, mode=mode, direction=direction, start=start)
        side = Side(device, role, stream, pausable=mode != "relay", link=link)
        side.listener = Listener(device) if device.startswith(LISTEN_SCHEME) else None
        sides.append(side)
    if mode == "relay":
        for side, other in (sides, sides[::-1]):
            side.other = other
            side.follows = other.listener is not None and side.device.startswith(SCHEME)
    return Line(name, profile, mode, sides)

"""From the bytes of one line to records: deframe, make safe, and count every byte.

Nothing is dropped: the lengths of the FRAME and NOISE records, the control bytes
and what the deframer still holds add up to the bytes fed. A record's time is when its last
byte came, also where only the next message or a silence says that it was the last. A frame that cannot be
parsed cannot be made safe, so only its length, digest and error are kept; noise
has no digest, for its bytes are gone before they get here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.records import NO_DIGEST, Direction, Kind, PendingRecord
from protocols.deframe import Control, Event, Noise
from protocols.dialect import Deframing
from protocols.errors import ProtocolError
from protocols.profile import Profile
from protocols.sanitise import CardKeys, Sanitiser

MOST_CONTROLS = 16


@dataclass(slots=True)
class Counters:
    """What came over a line in one direction, in this run. ``noise_bytes`` holds those of unparsable frames too."""

    frames: int = 0
    frame_bytes: int = 0
    unparsable: int = 0
    noise_bytes: int = 0
    control_bytes: int = 0


@dataclass(slots=True)
class _Arrivals:
    """When the bytes came that are in no record yet."""

    fed: int = 0
    chunks: deque[tuple[int, int, int]] = field(default_factory=deque)  # offset after it, wall clock, monotonic

    def came(self, size: int, wall_ns: int, mono_ns: int) -> None:
        self.fed += size
        self.chunks.append((self.fed, wall_ns, mono_ns))

    def of(self, end: int, now: tuple[int, int]) -> tuple[int, int]:
        """When the byte before the offset ``end`` came."""
        return next(((wall, mono) for upto, wall, mono in self.chunks if upto >= end), now)

    def forget(self, pending: int) -> None:
        """Only so many bytes are still waiting."""
        done = self.fed - pending
        while self.chunks and self.chunks[0][0] <= done:
            self.chunks.popleft()


class Recorder:
    """One line's bytes, in both directions, turned into records.

    Args:
        profile: the line's profile: its deframer and grammar.
        keys: keys of card tokens and digests.
        line: the line's name.
    """

    def __init__(self, profile: Profile, keys: CardKeys, line: str) -> None:
        self.line = line
        self._profile = profile
        self._sanitiser = Sanitiser(profile, keys)
        self._deframers: dict[Direction, Deframing] = {}
        self._counters: dict[Direction, Counters] = {}
        self._arrivals: dict[Direction, _Arrivals] = {}
        self._controls = bytearray()

    def counters(self, direction: Direction) -> Counters:
        """What came in one direction so far."""
        return self._counters.setdefault(direction, Counters())

    def pending(self, direction: Direction) -> int:
        """Bytes that are in no record yet: the beginning of a frame, or noise that goes on. ``flush`` ends them."""
        deframer = self._deframers.get(direction)
        return deframer.pending if deframer else 0

    def take_controls(self) -> bytes:
        """The last lone control bytes since the previous call, in order."""
        taken = bytes(self._controls)
        self._controls.clear()
        return taken

    def feed(self, direction: Direction, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The records that these bytes complete, in the order of the line."""
        deframer = self._deframers.get(direction)
        if deframer is None:
            deframer = self._deframers[direction] = self._profile.deframer()
            self._arrivals[direction] = _Arrivals()
        self._arrivals[direction].came(len(data), wall_ns, mono_ns)
        return self._record(direction, deframer.feed(data), wall_ns, mono_ns)

    def flush(self, direction: Direction, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The line fell silent or ended: what is begun will not be finished, so it is noise."""
        deframer = self._deframers.get(direction)
        return self._record(direction, deframer.flush(), wall_ns, mono_ns) if deframer else []

    def _record(self, direction: Direction, events: Sequence[Event], wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        counters = self.counters(direction)
        arrivals = self._arrivals[direction]
        records: list[PendingRecord] = []
        for event in events:
            if isinstance(event, Control):
                counters.control_bytes += 1
                self._controls.append(event.byte)
                del self._controls[:-MOST_CONTROLS]
            elif isinstance(event, Noise):
                counters.noise_bytes += event.length
                came = arrivals.of(event.offset + event.length, (wall_ns, mono_ns))
                records.append(self._noise(direction, event.length, NO_DIGEST, event.error, *came))
            else:
                came = arrivals.of(event.offset + len(event.data), (wall_ns, mono_ns))
                records.append(self._safe(direction, event.data, *came))
        arrivals.forget(self.pending(direction))
        return records

    def _safe(self, direction: Direction, frame: bytes, wall_ns: int, mono_ns: int) -> PendingRecord:
        counters = self.counters(direction)
        try:
            safe = self._sanitiser.sanitise(frame)
        except ProtocolError as wrong:
            counters.unparsable += 1
            counters.noise_bytes += len(frame)
            return self._noise(direction, len(frame), self._sanitiser.digest(frame), wrong, wall_ns, mono_ns)
        counters.frames += 1
        counters.frame_bytes += len(frame)
        return PendingRecord(
            Kind.FRAME,
            self.line,
            self._profile.name,
            wall_ns,
            mono_ns,
            direction,
            frame=safe.frame,
            digest=safe.digest,
            card_token=safe.card_token,
            length=len(safe.frame),
        )

    def _noise(  # noqa: PLR0917  the record's own order of fields
        self, direction: Direction, length: int, digest: bytes, wrong: ProtocolError, wall_ns: int, mono_ns: int
    ) -> PendingRecord:
        return PendingRecord(
            Kind.NOISE,
            self.line,
            self._profile.name,
            wall_ns,
            mono_ns,
            direction,
            digest=digest,
            length=length,
            error=wrong.as_dict(),
        )

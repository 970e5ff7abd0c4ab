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
from protocols.deframe import Control, Event, Frame
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
class _Way:
    """One direction: its deframer, what came, and when the bytes came that are in no record yet."""

    direction: Direction
    deframer: Deframing
    counters: Counters
    fed: int = 0
    chunks: deque[tuple[int, int, int]] = field(default_factory=deque)  # offset after it, wall clock, monotonic

    def came(self, end: int, now: tuple[int, int]) -> tuple[int, int]:
        """When the byte before the offset ``end`` came: with an earlier chunk, or now."""
        for upto, wall_ns, mono_ns in self.chunks:
            if upto >= end:
                return wall_ns, mono_ns
        return now

    def remember(self, now: tuple[int, int]) -> None:
        """When the bytes came that still wait; the others are forgotten."""
        pending = self.deframer.pending
        if not pending:
            self.chunks.clear()
            return
        self.chunks.append((self.fed, *now))
        done = self.fed - pending
        while self.chunks[0][0] <= done:
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
        self._ways: dict[Direction, _Way] = {}
        self._controls = bytearray()

    def counters(self, direction: Direction) -> Counters:
        """What came in one direction so far."""
        return self._way(direction).counters

    def pending(self, direction: Direction) -> int:
        """Bytes that are in no record yet: the beginning of a frame, or noise that goes on. ``flush`` ends them."""
        way = self._ways.get(direction)
        return way.deframer.pending if way else 0

    def count_frames(self, direction: Direction, frames: int, frame_bytes: int) -> None:
        """So many whole frames came in, made safe elsewhere (``ingest.replaying``)."""
        counters = self.counters(direction)
        counters.frames += frames
        counters.frame_bytes += frame_bytes

    def take_controls(self) -> bytes:
        """The last lone control bytes since the previous call, in order."""
        taken = bytes(self._controls)
        self._controls.clear()
        return taken

    def feed(self, direction: Direction, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The records that these bytes complete, in the order of the line."""
        way = self._ways.get(direction) or self._way(direction)
        way.fed += len(data)
        return self._record(way, way.deframer.feed(data), (wall_ns, mono_ns))

    def flush(self, direction: Direction, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The line fell silent or ended: what is begun will not be finished, so it is noise."""
        way = self._ways.get(direction)
        return self._record(way, way.deframer.flush(), (wall_ns, mono_ns)) if way else []

    def _way(self, direction: Direction) -> _Way:
        if direction not in self._ways:
            self._ways[direction] = _Way(direction, self._profile.deframer(), Counters())
        return self._ways[direction]

    def _record(self, way: _Way, events: Sequence[Event], now: tuple[int, int]) -> list[PendingRecord]:
        counters = way.counters
        records: list[PendingRecord] = []
        for event in events:
            if isinstance(event, Frame):
                came = way.came(event.offset + len(event.data), now) if way.chunks else now
                records.append(self._safe(way, event.data, *came))
            elif isinstance(event, Control):
                counters.control_bytes += 1
                self._controls.append(event.byte)
                del self._controls[:-MOST_CONTROLS]
            else:
                counters.noise_bytes += event.length
                came = way.came(event.offset + event.length, now)
                records.append(self._noise(way.direction, event.length, NO_DIGEST, event.error, *came))
        way.remember(now)
        return records

    def _safe(self, way: _Way, frame: bytes, wall_ns: int, mono_ns: int) -> PendingRecord:
        counters = way.counters
        try:
            safe = self._sanitiser.sanitise(frame)
        except ProtocolError as wrong:
            counters.unparsable += 1
            counters.noise_bytes += len(frame)
            return self._noise(way.direction, len(frame), self._sanitiser.digest(frame), wrong, wall_ns, mono_ns)
        counters.frames += 1
        counters.frame_bytes += len(frame)
        return PendingRecord(
            Kind.FRAME,
            self.line,
            self._profile.name,
            wall_ns,
            mono_ns,
            way.direction,
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

"""From a stream of bytes to frames: sans-io, bounded, and nothing is lost on the way.

The bytes of frames, of controls and of noise add up to the bytes read. A candidate
is judged as its bytes come in: it is a frame, it needs more bytes, or it is
corrupt. A corrupt one loses ONE byte and the search goes on behind it, so a frame
hidden behind noise is always found. A length is compared with the bound before
anything is waited for or kept; garbage that claims to be a long frame can hide a
real one for ``max_frame`` bytes at most, or until ``flush`` is called at the
inter-byte timeout. The same bytes give the same events however they are cut.

On a length-prefixed link a candidate is a frame only when length, TPDU, header,
MTI, bitmap and every field's length agree with the last byte.
"""

from dataclasses import dataclass, field

from protocols.envelope import (
    CONTROLS,
    ETX,
    HEADER_BYTES,
    LENGTH_BYTES,
    STX,
    STX_OVERHEAD,
    TPDU_BYTES,
    Link,
    lrc,
)
from protocols.errors import FrameError
from protocols.locate import TPDU_ID, walk_error
from protocols.walk import HEAD_BYTES, Place, Walk, Wrong

NOISE_RUN = 4096  # an endless babble is reported piece by piece
LINK_ERRORS = {
    "babble": ("no frame starts here", "check baud rate, parity and the profile's envelope"),
    "claim": ("the length is not possible", "check the profile's length coding"),
    "tpdu": ("no TPDU after the length", "check the profile's envelope and baud rate"),
    "header": ("no message header after the TPDU", "check the profile's envelope"),
    "etx": ("no ETX where the length says", "check the profile's length coding"),
    "lrc": ("the LRC does not agree", "check the cable, the baud rate and the parity"),
    "cut": ("the frame was not finished in time", "check the cable; the terminal stopped in the middle"),
    "too_long": ("the message is beyond the longest frame", "raise link.max_frame if such messages are real"),
}


@dataclass(slots=True)
class Frame:
    """A whole link frame and its place in the stream; the bytes are not in its repr.

    Nobody changes one (frozen, it would take thrice as long).
    """

    data: bytes = field(repr=False)
    offset: int


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that were no frame: how many, where, and why; the bytes themselves are gone."""

    length: int
    offset: int
    error: FrameError


@dataclass(frozen=True, slots=True)
class Control:
    """A lone ACK, NAK, ENQ or EOT between frames."""

    byte: int
    offset: int


Event = Frame | Noise | Control


class Deframer:
    """One direction of one line.

    Args:
        link: envelope and bounds.
        walk: the field walk that proves a length-prefixed frame.
        protocol: the profile's name, for errors.
    """

    def __init__(self, link: Link, walk: Walk, protocol: str) -> None:
        self._link = link
        self._walk = walk
        self._protocol = protocol
        self._in_stx = link.envelope == "stx"
        self._buffer = bytearray()
        self._base = 0  # stream offset of the buffer's first byte
        self._place: Place | None = None  # the head candidate's walk, when it waits for bytes
        self._end = 0  # where that candidate says it ends
        self._noise = 0
        self._noise_at = 0
        self._noise_wrong: Wrong | None = None
        self._judge = {"length": self._judge_length, "stx": self._judge_stx, "bare": self._judge_bare}[link.envelope]
        head = link.before_message
        self._least = {"length": LENGTH_BYTES, "stx": STX_OVERHEAD, "bare": 0}[link.envelope] + head + HEAD_BYTES
        self._mark = {
            "length": (TPDU_ID, 2) if head else None,
            "stx": (STX, 0),
            "bare": (TPDU_ID, 0) if head else None,
        }[link.envelope]

    @property
    def pending(self) -> int:
        """Bytes read and not yet handed out."""
        return len(self._buffer) + self._noise

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they come; hand out what they complete."""
        events: list[Event] = []
        room = self._link.max_frame
        if self._in_stx and not self._buffer and len(data) <= room and self._link.is_whole(data):
            self._end_noise(events)
            events.append(Frame(bytes(data), self._base))
            self._base += len(data)
            return events
        for start in range(0, len(data), room):
            self._buffer += data[start : start + room]
            self._drain(events)
        return events

    def flush(self) -> list[Event]:
        """End of stream, or a pause inside a frame: what cannot become a frame any more is noise."""
        events: list[Event] = []
        while self._buffer:
            wanting, self._place = self._place, None
            if self._at_missing_mac(wanting):
                self._take(events, 0, len(self._buffer))
                self._cut(len(self._buffer))
            elif self._buffer[0] in CONTROLS and self._link.ack and not self._noise:
                events.append(Control(self._buffer[0], self._base))
                self._cut(1)
            else:
                self._drop(events, 1, Wrong("cut", 0, 0, "the rest of the frame", "silence"), 0)
                self._cut(1)
            self._drain(events)
        self._end_noise(events)
        return events

    def _at_missing_mac(self, place: Place | None) -> bool:
        return (
            self._link.envelope == "bare"
            and place is not None
            and place.index == len(place.steps) - 1
            and place.steps[-1].last
            and place.at == len(self._buffer)
        )

    def _drain(self, events: list[Event]) -> None:
        """Judge candidates until the head one needs more bytes."""
        at = 0
        buffer = self._buffer
        while at < len(buffer):
            verdict = self._judge(at)
            if verdict is None:
                break
            self._place = None
            if isinstance(verdict, Wrong):
                if self._link.ack and not self._noise and buffer[at] in CONTROLS:
                    events.append(Control(buffer[at], self._base + at))
                    at += 1
                    continue
                skipped = self._next(at) - at
                self._drop(events, skipped, verdict, at)
                at += skipped
            else:
                self._take(events, at, verdict)
                at = verdict
        self._cut(at)

    def _next(self, at: int) -> int:
        """The next place a candidate can start: one byte on, or further where every byte between fails at once."""
        if self._mark is None:
            return at + 1
        mark, offset = self._mark
        found = self._buffer.find(mark, at + 1 + offset)
        return found - offset if found >= 0 else max(at + 1, len(self._buffer) - offset)

    def _cut(self, count: int) -> None:
        """Forget the first ``count`` bytes of the buffer."""
        if count:
            del self._buffer[:count]
            self._base += count
            if self._place is not None:
                self._place.at -= count
                self._end -= count
        if count and not self._buffer:
            self._place = None

    def _take(self, events: list[Event], at: int, end: int) -> None:
        self._end_noise(events)
        events.append(Frame(bytes(self._buffer[at:end]), self._base + at))

    def _drop(self, events: list[Event], count: int, wrong: Wrong, at: int) -> None:
        offset = self._base + at
        while count:
            if not self._noise:
                self._noise_at = offset
                self._noise_wrong = wrong._replace(offset=max(wrong.offset - at, 0))
            part = min(count, NOISE_RUN - self._noise)
            self._noise += part
            offset += part
            count -= part
            if self._noise == NOISE_RUN:
                self._end_noise(events)
                wrong = Wrong("babble", 0, at, "a frame", "more noise")

    def _end_noise(self, events: list[Event]) -> None:
        if self._noise and self._noise_wrong is not None:
            events.append(Noise(self._noise, self._noise_at, self._error(self._noise_wrong)))
        self._noise = 0
        self._noise_wrong = None

    def _error(self, wrong: Wrong) -> FrameError:
        if wrong.code in LINK_ERRORS:
            message, hint = LINK_ERRORS[wrong.code]
            layer, path = "link", ""
        else:
            inner = walk_error(wrong, self._protocol)
            message, hint, layer, path = inner.message, inner.hint, inner.layer, inner.path
        return FrameError(
            message,
            protocol=self._protocol,
            layer=layer,
            path=path,
            offset=wrong.offset,
            code=wrong.code,
            expected=wrong.expected,
            got=wrong.got,
            hint=hint,
        )

    def _judge_length(self, at: int) -> int | Wrong | None:
        """The candidate's end, None for NEED MORE, or why it is corrupt."""
        buffer = self._buffer
        have = len(buffer)
        if self._place is None:
            there = have - at
            if there < LENGTH_BYTES:
                return None
            link = self._link
            body = link.read_length(buffer[at], buffer[at + 1])
            if not self._least - LENGTH_BYTES <= body <= link.max_frame - LENGTH_BYTES:
                bounds = f"{self._least - LENGTH_BYTES} … {link.max_frame - LENGTH_BYTES} bytes"
                return Wrong("claim", 0, at, bounds, f"{body}" if body >= 0 else "no length")
            wrong = self._head(at + LENGTH_BYTES, have)
            if wrong is not None:
                return wrong
            if there < self._least:
                return None
            place = self._walk.start(buffer, at + LENGTH_BYTES + link.before_message)
            if isinstance(place, Wrong):
                return place
            self._place = place
            self._end = at + LENGTH_BYTES + body
        verdict = self._walk.advance(buffer, self._place, have, self._end)
        if verdict is True:
            return self._end if have >= self._end else None
        return verdict if isinstance(verdict, Wrong) else None

    def _head(self, at: int, have: int) -> Wrong | None:
        """What is wrong with TPDU and header as far as they are there."""
        if not self._link.before_message:
            return None
        buffer = self._buffer
        if have > at and buffer[at] != TPDU_ID:
            return Wrong("tpdu", 0, at, "TPDU id 60", "another byte")
        tpdu = buffer[at + 1 : min(at + TPDU_BYTES, have)]
        if tpdu and not tpdu.hex().isdigit():
            return Wrong("tpdu", 0, at, "a TPDU of packed digits", "another nibble")
        if have > at + TPDU_BYTES and buffer[at + TPDU_BYTES] >> 4 != 6:
            return Wrong("header", 0, at + TPDU_BYTES, "application class 60 … 69", "another byte")
        return None

    def _judge_stx(self, at: int) -> int | Wrong | None:
        buffer = self._buffer
        there = len(buffer) - at
        if buffer[at] != STX:
            return Wrong("babble", 0, at, "STX", "another byte")
        if there < 1 + LENGTH_BYTES:
            return None
        body = self._link.read_length(buffer[at + 1], buffer[at + 2])
        most = self._link.max_frame - STX_OVERHEAD
        if not 1 <= body <= most:
            return Wrong("claim", 0, at + 1, f"1 … {most} bytes", f"{body}" if body >= 0 else "no length")
        end = at + STX_OVERHEAD + body
        if there < STX_OVERHEAD + body:
            return None
        if buffer[end - 2] != ETX:
            return Wrong("etx", 0, end - 2, "ETX", "another byte")
        if buffer[end - 1] != lrc(buffer[at + 1 : end - 1]):
            return Wrong("lrc", 0, end - 1, "XOR of length, body and ETX", "another value")
        return end

    def _judge_bare(self, at: int) -> int | Wrong | None:
        buffer = self._buffer
        have = len(buffer)
        if self._place is None:
            wrong = self._head(at, have)
            if wrong is not None:
                return wrong
            message = at + HEADER_BYTES + TPDU_BYTES if self._link.before_message else at
            if have - message < HEAD_BYTES:
                return None if have <= message or buffer[message] <= 0x09 else _no_mti(message)
            place = self._walk.start(buffer, message)
            if isinstance(place, Wrong):
                return place
            self._place = place
        verdict = self._walk.advance(buffer, self._place, have, None)
        if self._place.at - at > self._link.max_frame:
            return Wrong("too_long", 0, at, f"at most {self._link.max_frame} bytes", "more")
        if verdict is True:
            return self._place.at
        if verdict is None and have - at >= self._link.max_frame:
            return Wrong("too_long", 0, at, f"at most {self._link.max_frame} bytes", "more")
        return verdict if isinstance(verdict, Wrong) else None


def _no_mti(at: int) -> Wrong:
    return Wrong("mti", 0, at, "four digits, the first one 0", "something else")

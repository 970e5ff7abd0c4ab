"""Finding frames of ``02 | length, 2 bytes | data | 03 | LRC``; LRC = XOR of length to ETX.

How the length is written (BCD or binary) and what it counts (the data, or data and ETX)
is the profile's ``[link]``: ``length_coding``, ``length_counts``. The data is not looked
at: what is sound here and wrong inside is for whoever reads the data. Between frames the
two ends say ACK 06, NAK 15, ENQ 05 and EOT 04 alone, where ``link.ack`` says that they do.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.deframe import LINK_ERRORS
from protocols.envelope import CONTROLS, ETX, LENGTH_BYTES, STX, STX_OVERHEAD, Link, lrc
from protocols.errors import FrameError
from protocols.search import Search
from protocols.walk import Wrong

if TYPE_CHECKING:
    from protocols.profile import Profile

DATA_AT = 1 + LENGTH_BYTES
_MESSAGES = {**LINK_ERRORS, "length": ("the length does not agree with the bytes there are", LINK_ERRORS["etx"][1])}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The data of a link frame, or bare data.

    Attributes:
        data: what stands between length and ETX, as far as it is there.
        at: its first byte in the frame.
        kind: ``stx``, or ``none`` for bare data.
        error: what is wrong with the envelope; the data may be sound all the same.
    """

    data: bytes = field(repr=False)
    at: int
    kind: str
    error: FrameError | None = None


def deframer(profile: "Profile") -> Search:
    """A fresh deframer of the profile's link."""
    link, name = profile.link, profile.name

    def judge(buffer: bytearray, at: int) -> int | Wrong | None:
        return _judge(link, buffer, at)

    controls = CONTROLS if link.ack else frozenset[int]()
    return Search(judge, error=lambda wrong: _error(wrong, name), room=link.max_frame, controls=controls)


def wrap(link: Link, data: bytes) -> bytes:
    """The link frame around data.

    Raises:
        DecodeError: the frame would be beyond ``link.max_frame``.
    """
    return link.wrap(data, tpdu="", header="")


def unwrap(link: Link, frame: bytes, protocol: str) -> Unwrapped:
    """The data of one whole frame, or of bytes that have no envelope; never raises."""
    if frame[:1] != bytes((STX,)):
        return Unwrapped(frame, 0, "none")
    wrong = _envelope_wrong(link, frame)
    tail = len(frame) - 2 if len(frame) >= STX_OVERHEAD and frame[-2] == ETX else len(frame)
    return Unwrapped(frame[DATA_AT:tail], DATA_AT, "stx", None if wrong is None else _error(wrong, protocol))


def rewrap(frame: bytes, data: bytes | bytearray) -> bytes:
    """The frame with other data of the same length, its LRC made anew; bare data stays bare.

    Args:
        frame: a whole frame whose envelope is sound, or bare data.
        data: what takes the place of its data.
    """
    if frame[:1] != bytes((STX,)):
        return bytes(data)
    covered = frame[1:DATA_AT] + data + bytes((ETX,))
    return frame[:1] + covered + bytes((lrc(covered),))


def _judge(link: Link, buffer: bytearray, at: int) -> int | Wrong | None:
    """The candidate's end, None for NEED MORE, or why it is corrupt."""
    there = len(buffer) - at
    if buffer[at] != STX:
        return Wrong("babble", 0, at, "STX", "another byte")
    if there < DATA_AT:
        return None
    size = link.read_length(buffer[at + 1], buffer[at + 2])
    most = link.max_frame - STX_OVERHEAD
    if not 1 <= size <= most:
        return Wrong("claim", 0, at + 1, f"1 … {most} bytes", f"{size}" if size >= 0 else "no length")
    end = at + STX_OVERHEAD + size
    if end - 2 < len(buffer) and buffer[end - 2] != ETX:
        return Wrong("etx", 0, end - 2, "ETX", "another byte")
    if there < STX_OVERHEAD + size:
        return None
    if buffer[end - 1] != lrc(buffer[at + 1 : end - 1]):
        return Wrong("lrc", 0, end - 1, "XOR of length, data and ETX", "another value")
    return end


def _envelope_wrong(link: Link, frame: bytes) -> Wrong | None:
    size = link.read_length(frame[1], frame[2]) if len(frame) >= DATA_AT else -1
    if size != len(frame) - STX_OVERHEAD:
        claimed = f"{size} bytes of data" if size >= 0 else f"a {link.length_coding} length"
        return Wrong("length", 0, 1, claimed, f"{max(len(frame) - STX_OVERHEAD, 0)}")
    if frame[-2] != ETX:
        return Wrong("etx", 0, len(frame) - 2, "ETX", "another byte")
    if frame[-1] != lrc(frame[1:-1]):
        return Wrong("lrc", 0, len(frame) - 1, "XOR of length, data and ETX", "another value")
    return None


def _error(wrong: Wrong, protocol: str) -> FrameError:
    message, hint = _MESSAGES[wrong.code]
    return FrameError(
        message,
        protocol=protocol,
        layer="link",
        offset=wrong.offset,
        code=wrong.code,
        expected=wrong.expected,
        got=wrong.got,
        hint=hint,
    )

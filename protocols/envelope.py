"""The link envelope around a message: how a frame starts, says its length, and ends.

Three kinds are met. ``length``: a length, then TPDU, header and message. ``stx``:
STX, length, body, ETX, LRC (XOR of length to ETX). ``bare``: no envelope, the
message's own fields say where it ends. How the length is written and what it
counts is a setting, because every vendor differs (docs/protocols.md).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import construct as c

from protocols.errors import DecodeError, ProfileError

STX, ETX, EOT, ENQ, ACK, NAK = 0x02, 0x03, 0x04, 0x05, 0x06, 0x15
CONTROLS = frozenset((EOT, ENQ, ACK, NAK))
LENGTH_BYTES = 2
TPDU_BYTES, HEADER_BYTES = 5, 6
STX_OVERHEAD = 1 + LENGTH_BYTES + 2

ENVELOPES = ("length", "stx", "bare", "dle", "apdu", "stx-etx", "tags", "record")
"""The first three are made here; the others belong to one dialect each, which makes them."""
LENGTH_CODINGS = ("binary", "bcd")
BCD = tuple(high * 10 + low if high < 10 and low < 10 else -1 for high in range(16) for low in range(16))
"""What two packed digits say, by their byte; -1 where one is no digit."""
LENGTH_COUNTS = {"body": 0, "body+etx": 1, "frame": LENGTH_BYTES}
"""What the length counts -> bytes more than the body."""
BODIES = ("tpdu+header+message", "message")


@dataclass(frozen=True)
class Link:
    """One terminal's link: its line settings and its envelope.

    Attributes:
        envelope: one of the dialect's (``Dialect.envelopes``); ``ENVELOPES`` are the built-in ones.
        length_coding: ``binary`` (big-endian) or ``bcd``; two bytes either way.
        length_counts: ``body``, ``body+etx`` or ``frame`` (the length itself included).
        body: what the envelope holds.
        ack: the receiver answers each frame with ACK (06) or NAK (15).
        max_frame: most bytes of a frame; a length beyond it is never waited for.
        inter_byte_ms: a pause inside a frame after which what came is noise.
        baud, bytesize, parity, stopbits: the serial line.
        transport: ``serial``, or ``tcp`` where the terminal listens on the network.
    """

    envelope: str = "length"
    length_coding: Literal["binary", "bcd"] = "binary"
    length_counts: Literal["body", "body+etx", "frame"] = "body"
    body: Literal["tpdu+header+message", "message"] = "tpdu+header+message"
    ack: bool = False
    max_frame: int = 2048
    inter_byte_ms: int = 1000
    baud: int = 9600
    bytesize: int = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: int = 1
    transport: Literal["serial", "tcp"] = "serial"

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            ProfileError: a value is not one of the valid ones.
        """
        valid: dict[str, tuple[Any, ...]] = {
            "length_coding": LENGTH_CODINGS,
            "length_counts": tuple(LENGTH_COUNTS),
            "body": BODIES,
            "ack": (False, True),
            "bytesize": (7, 8),
            "parity": ("N", "E", "O"),
            "stopbits": (1, 2),
            "transport": ("serial", "tcp"),
        }
        for key, values in valid.items():
            if getattr(self, key) not in values:
                raise _bad(key, ", ".join(map(str, values)), str(getattr(self, key)))
        for key, low, high in (
            ("max_frame", 64, 9999 if self.length_coding == "bcd" else 0xFFFF),
            ("inter_byte_ms", 1, 60_000),
            ("baud", 300, 4_000_000),
        ):
            value = getattr(self, key)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise _bad(key, f"{low} … {high}", str(value))
        if self.envelope != "stx" and self.length_counts == "body+etx":
            raise _bad("length_counts", "body or frame (there is no ETX)", self.length_counts)

    @property
    def extra(self) -> int:
        """How many bytes more than the body the length counts."""
        return LENGTH_COUNTS[self.length_counts]

    @property
    def before_message(self) -> int:
        """Bytes of TPDU and header in the body."""
        return 0 if self.body == "message" else TPDU_BYTES + HEADER_BYTES

    def read_length(self, first: int, second: int) -> int:
        """Bytes of the body, or -1 when the two bytes are no length."""
        if self.length_coding == "binary":
            return (first << 8 | second) - self.extra
        high, low = BCD[first], BCD[second]
        return high * 100 + low - self.extra if high >= 0 and low >= 0 else -1

    def is_whole(self, data: bytes) -> bool:
        """Whether these bytes are one sound frame between STX and LRC, of any length that can be written."""
        size = len(data)
        return (
            size > STX_OVERHEAD
            and data[0] == STX
            and data[-2] == ETX
            and self.read_length(data[1], data[2]) == size - STX_OVERHEAD
            and folded(int.from_bytes(data, "big"), size) == STX  # the LRC is the XOR of all between STX and itself
        )

    @cached_property
    def declaration(self) -> Any:
        """The construct of a whole link frame around its body bytes."""
        body = "body" / c.Prefixed(_Length(self), c.GreedyBytes)
        if self.envelope == "length":
            return c.Struct(body)
        if self.envelope == "bare":
            return c.Struct("body" / c.GreedyBytes)
        return c.Struct(
            "stx" / c.Const(bytes([STX])),
            "covered" / c.RawCopy(c.Struct(body, "etx" / c.Const(bytes([ETX])))),
            "lrc" / c.Checksum(c.Int8ub, lrc, c.this.covered.data),
        )

    def wrap(self, message: bytes, *, tpdu: str, header: str) -> bytes:
        """The link frame around a message.

        Args:
            message: MTI to the last field.
            tpdu: 10 hex digits; not used when the body is the message alone.
            header: 12 hex digits; likewise.

        Raises:
            DecodeError: TPDU or header of another size, or the frame is beyond ``max_frame``.
        """
        body = message
        if self.before_message:
            head = _hex(tpdu, TPDU_BYTES, "tpdu") + _hex(header, HEADER_BYTES, "header")
            body = head + message
        whole = len(body) + {"length": LENGTH_BYTES, "stx": STX_OVERHEAD, "bare": 0}[self.envelope]
        if whole > self.max_frame:
            raise DecodeError(
                "frame is too long",
                layer="link",
                code="length",
                expected=f"at most {self.max_frame} bytes",
                got=str(whole),
            )
        content: dict[str, Any] = {"body": body}
        if self.envelope == "stx":
            content = {"covered": {"value": content}}
        built: bytes = self.declaration.build(content)
        return built


class _Length(c.Adapter):  # type: ignore[misc]  # construct has no types
    """The two length bytes: bytes of the body on our side, what the link counts on the wire."""

    def __init__(self, link: Link) -> None:
        super().__init__(c.Bytes(LENGTH_BYTES))
        self.link = link

    def _decode(self, obj: bytes, context: Any, path: str) -> int:
        del context, path
        return self.link.read_length(obj[0], obj[1])

    def _encode(self, obj: int, context: Any, path: str) -> bytes:
        del context, path
        count = obj + self.link.extra
        return count.to_bytes(2, "big") if self.link.length_coding == "binary" else bytes.fromhex(f"{count:04d}")


def lrc(covered: bytes | bytearray) -> int:
    """XOR of the bytes from the length to ETX."""
    return folded(int.from_bytes(covered, "big"), len(covered))


def folded(number: int, size: int) -> int:
    """XOR of the bytes of a number that has ``size`` of them."""
    shift = 4 << max(size - 1, 0).bit_length()
    while shift >= 8:  # what was folded stays in the upper bytes, and reaches the last one no more
        number ^= number >> shift
        shift >>= 1
    return number & 0xFF


def _hex(text: str, size: int, name: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise DecodeError(
            f"{name} has another size",
            layer="header",
            path=name,
            code="length",
            expected=f"{2 * size} hex digits",
            got=str(len(text)),
        )
    return raw


def _bad(key: str, expected: str, got: str) -> ProfileError:
    return ProfileError(
        f"link.{key} is not valid", layer="profile", path=f"link.{key}", code="link", expected=expected, got=got
    )

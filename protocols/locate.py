"""Where the message lies in the bytes at hand, told from evidence.

A frame off the line has the profile's own envelope. A dump from a log or a book
may have lost its length, its TPDU and its header; what is missing is said, not
guessed over: each layout is tried and the first whose fields end exactly with
the bytes wins.
"""

from dataclasses import dataclass

from protocols.envelope import (
    ETX,
    HEADER_BYTES,
    LENGTH_BYTES,
    LENGTH_CODINGS,
    LENGTH_COUNTS,
    STX,
    STX_OVERHEAD,
    TPDU_BYTES,
    Link,
    lrc,
)
from protocols.errors import DecodeError, FrameError, ProtocolError
from protocols.walk import HEAD_BYTES, Step, Walk, Wrong

TPDU_ID = 0x60
_HEAD = TPDU_BYTES + HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to read the bytes: what stands around the message, and where it starts and ends."""

    kind: str  # "length", "stx" or "none"
    head: int  # where the TPDU starts, or -1
    message: int
    end: int


@dataclass(frozen=True, slots=True)
class Located:
    """A layout whose message could be walked, or the best one and why it could not."""

    layout: Layout
    steps: tuple[Step, ...]
    walked: int  # how many steps the walk came
    error: ProtocolError | None


def locate(link: Link, walk: Walk, data: bytes, protocol: str) -> Located:
    """Find the message in ``data``; ``error`` is set when no layout fits."""
    first: Located | None = None
    for layout, error in layouts(link, data):
        found = _try(walk, data, layout, error, protocol)
        if found.error is None:
            return found
        first = first or found
    if first is not None:
        return first
    return Located(Layout("none", -1, 0, len(data)), (), 0, nothing_found(link, data, protocol))


def own_layout(link: Link, data: bytes) -> Layout | None:
    """The layout of a sound frame of this very link; None when it is none, or could be read otherwise too.

    It is the one that ``locate`` finds, in fewer steps.
    """
    size = len(data)
    if size < 2 + STX_OVERHEAD:
        return None
    if link.envelope == "stx":
        return _inside("stx", data, 1 + LENGTH_BYTES, size - 2) if link.is_whole(data) else None
    if link.envelope == "length" and not (data[0] == STX and data[-2] == ETX):
        sound = link.read_length(data[0], data[1]) == size - LENGTH_BYTES
        return _inside("length", data, LENGTH_BYTES, size) if sound else None
    return None


def nothing_found(link: Link, data: bytes, protocol: str) -> FrameError:
    """The error of bytes that look like no frame at all."""
    return FrameError(
        "not a frame: no length, STX, TPDU or MTI found",
        protocol=protocol,
        layer="link",
        offset=0,
        code="envelope",
        expected=f"a {link.envelope} envelope, a TPDU (60…) or an MTI (0…)",
        got=f"{len(data)} bytes of something else",
        hint="check the profile's link settings (envelope, length coding) and the baud rate",
    )


def layouts(link: Link, data: bytes) -> list[tuple[Layout, ProtocolError | None]]:
    """Every layout the first bytes allow, the profile's own first."""
    size = len(data)
    layouts: list[tuple[Layout, ProtocolError | None]] = []
    if size > STX_OVERHEAD and data[0] == STX and (link.envelope == "stx" or data[-2] == ETX):
        error = _stx_error(link, data)
        layouts.append((_inside("stx", data, 1 + LENGTH_BYTES, size - 2), error))
    if link.envelope == "length" and size > LENGTH_BYTES:
        claimed = link.read_length(data[0], data[1])
        if claimed == size - LENGTH_BYTES:
            layouts.append((_inside("length", data, LENGTH_BYTES, size), None))
    if size > _HEAD and data[0] == TPDU_ID:
        layouts.append((Layout("none", 0, _HEAD, size), None))
    if size and data[0] <= 0x09:
        tpdu_follows = size > LENGTH_BYTES + _HEAD and data[2] == TPDU_ID and data[LENGTH_BYTES + _HEAD] <= 0x09
        bare = (Layout("none", -1, 0, size), None)
        if tpdu_follows and not layouts:
            claimed = (data[0] << 8) | data[1]
            wrong = None
            if claimed != size - LENGTH_BYTES or link.envelope == "length":
                wrong = FrameError(
                    "the length does not agree with the bytes there are",
                    layer="link",
                    offset=0,
                    code="length",
                    expected=f"{link.read_length(data[0], data[1])} bytes after the length",
                    got=f"{size - LENGTH_BYTES}",
                    hint="check whether the dump was cut, and the profile's length coding",
                )
            layouts += [(Layout("length", LENGTH_BYTES, LENGTH_BYTES + _HEAD, size), wrong)]
        layouts.append(bare)
    return layouts


def _inside(kind: str, data: bytes, start: int, end: int) -> Layout:
    if data[start] == TPDU_ID and end - start > _HEAD:
        return Layout(kind, start, start + _HEAD, end)
    return Layout(kind, -1, start, end)


def _stx_error(link: Link, data: bytes) -> ProtocolError | None:
    """What is wrong with the envelope of a whole STX frame."""
    codings = (
        [link]
        if link.envelope == "stx"
        else [
            Link(envelope="stx", length_coding=coding, length_counts=counts)  # type: ignore[arg-type]  # the literals' own tuples
            for coding in LENGTH_CODINGS
            for counts in LENGTH_COUNTS
        ]
    )
    body = len(data) - STX_OVERHEAD
    claims = [each.read_length(data[1], data[2]) for each in codings]
    if body not in claims:
        return FrameError(
            "the length does not agree with the bytes there are",
            layer="link",
            offset=1,
            code="length",
            expected=f"{claims[0]} bytes of body" if claims[0] >= 0 else f"a {link.length_coding} length",
            got=f"{body}",
            hint="check whether the dump was cut, and the profile's length coding",
        )
    if data[-2] != ETX:
        return FrameError(
            "no ETX where the length says",
            layer="link",
            offset=len(data) - 2,
            code="etx",
            expected="03",
            got="another byte",
        )
    if data[-1] != lrc(data[1:-1]):
        return FrameError(
            "the LRC does not agree",
            layer="link",
            offset=len(data) - 1,
            code="lrc",
            expected="XOR of length, body and ETX",
            got="another value",
            hint="check the cable, the baud rate and the parity",
        )
    return None


def _try(walk: Walk, data: bytes, layout: Layout, error: ProtocolError | None, protocol: str) -> Located:
    if error is not None:
        error.protocol = protocol
    if layout.end - layout.message < HEAD_BYTES:
        left = max(layout.end - layout.message, 0)
        return Located(layout, (), 0, error or too_short(layout.message, left, protocol))
    place = walk.start(data, layout.message)
    if isinstance(place, Wrong):
        return Located(layout, (), 0, error or walk_error(place, protocol))
    verdict = walk.advance(data, place, layout.end, layout.end)
    if isinstance(verdict, Wrong):
        error = error or walk_error(verdict, protocol)
    return Located(layout, place.steps, place.index, error)


def too_short(at: int, left: int, protocol: str) -> FrameError:
    """The error of a message that ends before its fields begin."""
    return FrameError(
        "ends before the bitmap does",
        protocol=protocol,
        layer="header",
        path="MTI",
        offset=at,
        code="short",
        expected=f"{HEAD_BYTES} bytes of MTI and bitmap",
        got=f"{left}",
    )


def walk_error(wrong: Wrong, protocol: str) -> DecodeError:
    """The error of a walk that went wrong."""
    layer, path, message, hint = {
        "mti": ("header", "MTI", "no message type here", "check that the profile's envelope is the link's"),
        "bitmap": ("bitmap", "F1", "bit 1 is set; this dialect has 64 fields", ""),
        "unknown_field": (
            "bitmap",
            f"F{wrong.number}",
            "the profile does not know this field",
            "add a [fields.N] table with its codec to the profile",
        ),
        "long": (
            "field",
            "",
            "bytes are left over after the last field",
            "check the profile's field table against the terminal's specification",
        ),
        "short": ("field", f"F{wrong.number}", "the message ends inside this field", "check whether the dump was cut"),
        "length": (
            "field",
            f"F{wrong.number}",
            "its length is not possible",
            "check the field before it and the profile's codec of both",
        ),
    }[wrong.code]
    return DecodeError(
        message,
        protocol=protocol,
        layer=layer,
        path=path,
        offset=wrong.offset,
        code=wrong.code,
        expected=wrong.expected,
        got=wrong.got,
        hint=hint,
    )

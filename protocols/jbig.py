"""JBIG1 (ITU-T T.82): a bi-level image entity -> a bitmap.

One layer and one bit plane, which is what a signature is: either template, adaptive
template, typical prediction, stripes of either kind, new length, comments. An image of
more layers or planes is refused by name. Whatever the bytes say, only ``DecodeError`` is
raised, and no more than ``MAX_PIXELS`` is ever allocated.
"""

from dataclasses import dataclass, field

from protocols import qm
from protocols.errors import DecodeError

HEADER_BYTES = 20
PREDICTION_TABLE_BYTES = 1728
MAX_PIXELS = 1 << 20
"""The largest signature area met has 67,200 pixels; a larger image than this is a wrong header."""

_ESCAPE, _STUFF = 0xFF, 0x00
_NORMAL, _RESET, _ABORT, _NEW_LENGTH, _MOVE, _COMMENT = 2, 3, 4, 5, 6, 7
_TWO_LINES, _VARIABLE_LENGTH, _TYPICAL = 0x40, 0x20, 0x08
_PRIVATE_TABLE = 0x04 | 0x02
_TABLES = 0x07
_UNKNOWN_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A picture of one bit a pixel, 1 is black.

    Attributes:
        width: pixels across.
        height: pixels down.
        rows: the lines, each filled up to a whole byte with white.
        used: bytes of the image entity; what stands behind them is no part of it.
    """

    width: int
    height: int
    rows: bytes = field(repr=False)
    used: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of one line."""
        return (self.width + 7) // 8


@dataclass(slots=True)
class _Entity:
    """Where everything lies in an image entity: the sizes checked, no pixel decoded."""

    width: int
    height: int
    stripe_lines: int
    mx: int
    my: int
    options: int
    at: int
    spans: list[tuple[int, int]]
    resets: list[int]
    moves: list[int]
    new_length: bool = False


def pixels_of(image: bytes) -> int:
    """How many pixels the header promises; 0 when there is no whole header."""
    if len(image) < HEADER_BYTES:
        return 0
    return _number(image, 4) * _number(image, 8)


def decode(image: bytes, *, compiled: bool = False) -> Bitmap:
    """The picture of a bi-level image entity.

    Args:
        image: the entity, header first.
        compiled: use the compiled decoder where it is installed; worth it from some hundred pictures on.

    Raises:
        DecodeError: the bytes are no such image, or end too soon; ``offset`` counts from the entity's first byte.
    """
    entity = _header(image)
    _stripes(image, entity)
    _bounded(entity)
    stripes: list[int] = []
    data = bytearray()
    for index, (start, end) in enumerate(entity.spans):
        lines = min(entity.stripe_lines, entity.height - index * entity.stripe_lines)
        before = len(data)
        data += image[start:end].replace(b"\xff\x00", b"\xff")
        stripes += [before, len(data), lines, entity.resets[index]]
    pixels = bytearray((entity.height + 1) * (entity.width + qm.PADDING))
    two_lines, typical = int(bool(entity.options & _TWO_LINES)), int(bool(entity.options & _TYPICAL))
    run = qm.compiled() if compiled else None
    coded = qm.Coded(bytes(data), stripes, entity.moves, entity.width, two_lines, typical)
    (run or qm.interpreted)(coded, pixels)
    return Bitmap(entity.width, entity.height, _packed(pixels, entity.width, entity.height), entity.at)


def _number(image: bytes, at: int) -> int:
    return int.from_bytes(image[at : at + 4], "big")


def _wrong(
    message: str, code: str, offset: int, *, expected: str, got: str, hint: str = "look at the upload's other parts"
) -> DecodeError:
    return DecodeError(
        message, protocol="jbig", layer="field", offset=offset, code=code, expected=expected, got=got, hint=hint
    )


def _short(at: int, expected: str, size: int) -> DecodeError:
    return _wrong("the image ends too soon", "short", size, expected=expected, got=f"{max(size - at, 0)} bytes")


def _header(image: bytes) -> _Entity:
    """T.82, 6.2.2: the header, each value within what the standard allows and this decoder does."""
    if len(image) < HEADER_BYTES:
        raise _short(0, f"{HEADER_BYTES} bytes of header", len(image))
    lowest, highest, planes, fill = image[:4]
    width, height, lines = _number(image, 4), _number(image, 8), _number(image, 12)
    mx, my, order, options = image[16:20]
    hint = "the field may hold no JBIG1 image; see the terminal's signature format"
    if lowest or highest:
        raise _wrong(
            "an image in layers is not read",
            "progressive",
            0,
            expected="layer 0 only",
            got=f"{highest} to {lowest}",
            hint=hint,
        )
    if planes != 1:
        raise _wrong(
            "an image of grey or colour is not read", "planes", 2, expected="1 bit plane", got=f"{planes}", hint=hint
        )
    if fill or order & 0xF0 or options & 0x80:
        raise _wrong("a reserved bit is set", "reserved", 3 if fill else 18, expected="zero", got="not zero", hint=hint)
    if mx > 127:
        raise _wrong(
            "the adaptive pixel may not move so far", "atmove", 16, expected="at most 127", got=str(mx), hint=hint
        )
    if not width or not height or not lines:
        at = 4 if not width else 8 if not height else 12
        raise _wrong("a size of zero", "size", at, expected="1 or more", got="0", hint=hint)
    entity = _Entity(width, height, lines, mx, my, options, HEADER_BYTES, [], [], [])
    if not options & _VARIABLE_LENGTH:
        _bounded(entity)
    if options & _TABLES == _PRIVATE_TABLE:  # a prediction table of its own, for higher layers only
        entity.at += PREDICTION_TABLE_BYTES
        if entity.at > len(image):
            raise _short(HEADER_BYTES, f"{PREDICTION_TABLE_BYTES} bytes of prediction table", len(image))
    return entity


def _bounded(entity: _Entity) -> None:
    if entity.width * entity.height > MAX_PIXELS:
        got = f"{entity.width} x {entity.height}"
        raise _wrong("the image is too large", "size", 4, expected=f"at most {MAX_PIXELS} pixels", got=got)


def _stripes(image: bytes, entity: _Entity) -> None:
    """T.82, 6.2.5: the stripes with the marker segments between them, to the last line."""
    reset, line = 1, 0
    while line < entity.height:
        _segments(image, entity, line)
        start = entity.at
        marker = _data(image, entity)
        if line >= entity.height:  # a new length that ends the image before this stripe, which is empty
            break
        entity.spans.append((start, entity.at - 2))
        entity.resets.append(reset)
        reset = int(marker == _RESET)
        line += entity.stripe_lines
    announced = entity.options & _VARIABLE_LENGTH and not entity.new_length
    if announced and image[entity.at : entity.at + 2] == bytes((_ESCAPE, _NEW_LENGTH)):
        _segments(image, entity, line)
        _data(image, entity)


def _segments(image: bytes, entity: _Entity, line: int) -> None:
    """The floating marker segments in front of a stripe."""
    while True:
        at = entity.at
        if at + 2 > len(image):
            raise _short(at, "a stripe", len(image))
        if image[at] != _ESCAPE or image[at + 1] not in {_NEW_LENGTH, _MOVE, _COMMENT}:
            return
        marker = image[at + 1]
        body = at + 2
        size = 6 if marker == _MOVE else 4
        if body + size > len(image):
            raise _short(body, f"{size} bytes of marker segment", len(image))
        value = _number(image, body)
        entity.at = body + size
        if marker == _COMMENT:
            entity.at += value
            if entity.at > len(image):
                raise _short(body + size, f"{value} bytes of comment", len(image))
        elif marker == _MOVE:
            _move(image, entity, line, at)
        else:
            _lengthen(entity, value, line, at)


def _lengthen(entity: _Entity, value: int, line: int, at: int) -> None:
    least = max(line - entity.stripe_lines + 1, 1)
    if not entity.options & _VARIABLE_LENGTH or entity.new_length or not least <= value <= entity.height:
        allowed = f"{least} to {entity.height}, once, where the header announces it"
        raise _wrong("a new length that may not stand here", "newlen", at, expected=allowed, got=str(value))
    entity.new_length, entity.height = True, value


def _move(image: bytes, entity: _Entity, line: int, at: int) -> None:
    """T.82, 6.2.6.1: from a line of the next stripe on, the adaptive pixel stands tX left and tY up."""
    below = _number(image, at + 2)
    tx, ty = int.from_bytes(image[at + 6 : at + 7], "big", signed=True), image[at + 7]
    nearest = 5 if entity.options & _TWO_LINES else 3
    home = tx == 0 and ty == 0
    if below >= entity.stripe_lines or (entity.moves and line + below < entity.moves[-3]):
        raise _wrong(
            "a move in no line of the stripe", "atmove", at + 2, expected=f"below {entity.stripe_lines}", got=str(below)
        )
    if not home and (abs(tx) > entity.mx or ty > entity.my or (ty == 0 and tx < nearest)):
        allowed = f"{nearest} to {entity.mx} left, 0 to {entity.my} up"
        raise _wrong("the adaptive pixel may not stand there", "atmove", at + 6, expected=allowed, got=f"{tx} and {ty}")
    entity.moves += [line + below, tx, ty]


def _data(image: bytes, entity: _Entity) -> int:
    """Pass a stripe's coded data; the marker that ends it."""
    at = entity.at
    while True:
        at = image.find(_ESCAPE, at)
        if at < 0 or at + 2 > len(image):
            raise _short(entity.at, "the end of a stripe", len(image))
        marker = image[at + 1]
        at += 2
        if marker in {_NORMAL, _RESET}:
            entity.at = at
            return marker
        if marker == _ABORT:
            raise _wrong(
                "the encoder gave the image up", "abort", at - 2, expected="the end of a stripe", got="an abort marker"
            )
        if marker != _STUFF:
            raise _wrong(
                "a marker that may not stand here",
                "marker",
                at - 1,
                expected="stuffing or the end of a stripe",
                got=f"{marker}",
            )


_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def _packed(pixels: bytearray, width: int, height: int) -> bytes:
    stride, row_bytes = width + qm.PADDING, (width + 7) // 8
    fill = row_bytes * 8 - width
    text = pixels.translate(_DIGITS)
    rows = [
        (int(text[at : at + width], 2) << fill).to_bytes(row_bytes, "big")
        for at in range(stride, (height + 1) * stride, stride)
    ]
    return b"".join(rows)

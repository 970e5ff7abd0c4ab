"""What can be said of a signature's picture without looking at it: its hash, how much ink, its likeness."""

import functools
import hashlib
import operator

from protocols.jbig import Bitmap

_ACROSS, _DOWN = 9, 8
_CELLS = 15


def content_hash(picture: Bitmap) -> str:
    """SHA-256 of size and pixels, hex: equal for equal pictures, however they were coded."""
    size = f"{picture.width}x{picture.height}:".encode("ascii")
    return hashlib.sha256(size + picture.rows).hexdigest()


def ink_ratio(picture: Bitmap) -> float:
    """Black pixels by all pixels, 0 to 1."""
    return int.from_bytes(picture.rows, "big").bit_count() / (picture.width * picture.height)


def box_ratio(picture: Bitmap) -> float:
    """The smallest upright box around all ink by the whole picture, 0 to 1."""
    if (box := _box(picture)) is None:
        return 0.0
    left, top, right, bottom = box
    return (right - left) * (bottom - top) / (picture.width * picture.height)


def strokes(picture: Bitmap) -> int:
    """How many strokes of a pen the ink takes at the least, up to two: 0 without ink, 1 for a dot or a plain line.

    A row or a column of pixels that meets ink twice was crossed twice: by a second stroke, or by one that turned back.
    """
    size, above, once, twice = picture.row_bytes, 0, 0, 0
    for at in range(0, len(picture.rows), size):
        line = int.from_bytes(picture.rows[at : at + size], "big")
        if (line & ~(line >> 1)).bit_count() > 1:
            return 2
        begun, above = line & ~above, line
        twice |= once & begun
        once |= begun
    return 2 if twice else 1 if once else 0


def cells(picture: Bitmap) -> str:
    """Where the ink is: the part with ink laid over 15 x 15 cells, row by row; 60 hex digits, four for each row.

    A cell's bit is set where it has any ink; the last bit of each row's sixteen is none. All zero for an empty picture.
    """
    if (box := _box(picture)) is None:
        return "0" * 4 * _CELLS
    left, top, right, bottom = box
    spans = [_span(left, right, cell, _CELLS) for cell in range(_CELLS)]
    masks = [((1 << (end - start)) - 1) << (8 * picture.row_bytes - end) for start, end in spans]
    told = []
    for band in range(_CELLS):
        first, last = _span(top, bottom, band, _CELLS)
        size = picture.row_bytes
        lines = (int.from_bytes(picture.rows[at * size : (at + 1) * size], "big") for at in range(first, last))
        ink = functools.reduce(operator.or_, lines, 0)
        told.append(sum(1 << _CELLS - place for place, mask in enumerate(masks) if ink & mask))
    return "".join(f"{row:04x}" for row in told)


def difference_hash(picture: Bitmap) -> str:
    """A difference hash (dHash) of 64 bits, 16 hex digits: few bits differ between pictures that look alike.

    The part with ink is laid over 9 x 8 cells; each bit says whether a cell has more ink
    in proportion than its right neighbour. All zero for an empty picture.
    """
    box = _box(picture)
    if box is None:
        return "0" * 16
    left, top, right, bottom = box
    cells = [_span(left, right, cell, _ACROSS) for cell in range(_ACROSS)]
    wide = [end - start for start, end in cells]
    masks = [((1 << (end - start)) - 1 << 8 * picture.row_bytes - end) for start, end in cells]
    bits = 0
    for band in range(_DOWN):
        first, last = _span(top, bottom, band, _DOWN)
        lines = int.from_bytes(picture.rows[first * picture.row_bytes : last * picture.row_bytes], "big")
        patterns = (mask.to_bytes(picture.row_bytes, "big") * (last - first) for mask in masks)
        ink = [(lines & int.from_bytes(pattern, "big")).bit_count() for pattern in patterns]
        for cell in range(_ACROSS - 1):
            bits = bits << 1 | (ink[cell] * wide[cell + 1] > ink[cell + 1] * wide[cell])
    return f"{bits:016x}"


def _span(low: int, high: int, part: int, parts: int) -> tuple[int, int]:
    """One of equal parts of low … high, a pixel wide at the least."""
    start = low + part * (high - low) // parts
    return start, max(low + (part + 1) * (high - low) // parts, start + 1)


def _box(picture: Bitmap) -> tuple[int, int, int, int] | None:
    """The part with ink: left, top, one past the right, one past the bottom; None when there is none."""
    size = picture.row_bytes
    rows = [int.from_bytes(picture.rows[at : at + size], "big") for at in range(0, len(picture.rows), size)]
    every = functools.reduce(operator.or_, rows, 0)
    if not every:
        return None
    inked = [at for at, line in enumerate(rows) if line]
    left = 8 * size - every.bit_length()
    right = 8 * size - ((every & -every).bit_length() - 1)
    return left, inked[0], right, inked[-1] + 1

"""What can be said of a signature's picture without looking at it: its hash, how much ink, its likeness."""

import functools
import hashlib
import operator

from protocols.jbig import Bitmap

_ACROSS, _DOWN = 9, 8


def content_hash(picture: Bitmap) -> str:
    """SHA-256 of size and pixels, hex: equal for equal pictures, however they were coded."""
    size = f"{picture.width}x{picture.height}:".encode("ascii")
    return hashlib.sha256(size + picture.rows).hexdigest()


def ink_ratio(picture: Bitmap) -> float:
    """Black pixels by all pixels, 0 to 1."""
    return int.from_bytes(picture.rows, "big").bit_count() / (picture.width * picture.height)


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

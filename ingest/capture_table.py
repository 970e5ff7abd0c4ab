"""Captures read a block of lines at a time: the columns of those lines, where every line of a block is plain.

What ``ingest.capture`` reads line by line. A block in which anything is out of the common (broken JSON,
members that are missing or in another order, a time in another form, digits that are no hex) gives no
columns; it is read line by line, where the line at fault is told by its number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from ingest.capture import LINE_LIMIT
from protocols.columnar.arrays import Filled, between, spread

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 8 << 20
"""Some 15,000 lines."""
_BETWEEN = ('{"t": "', '", "line": "', '", "dir": "', '", "frame": "', '"}')
"""What stands around the texts of a plain line."""
_NO_TIME = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a capture.

    Attributes:
        number: of the first line, from 1.
        text: the lines.
    """

    number: int
    text: bytes = field(repr=False)


def blocks(file: BinaryIO, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """A capture in blocks that end where a line does, the last one where the capture does.

    Of a line longer than ``LINE_LIMIT`` no more than that is kept, enough to be told as too long.
    """
    number = 1
    while text := file.read(size):
        if not text.endswith(b"\n"):
            text += file.readline(LINE_LIMIT)
            if not text.endswith(b"\n"):
                ended = False
                while rest := file.readline(LINE_LIMIT):
                    ended = rest.endswith(b"\n")
                    if ended:
                        break
                text += b"\n" if ended else b""
        yield Block(number, text)
        number += text.count(b"\n")


def columns(block: Block) -> "pa.Table | None":
    """The lines of a block: ``wall_us``, ``line``, ``dir``, ``frame`` (bytes); None when one of them is not plain.

    Only where numba is.
    """
    import numpy as np
    import pyarrow as pa

    from ingest.kernel_capture import read_lines

    data = np.frombuffer(block.text, np.int8)
    rows = block.text.count(b"\n") + (not block.text.endswith(b"\n"))
    parts = np.cumsum([0, *map(len, _BETWEEN)])
    words = np.frombuffer("".join(_BETWEEN).encode("ascii"), np.int8)
    wall, names, directions = np.empty(rows, np.int64), np.empty(2 * rows, np.int64), np.empty(rows, np.int8)
    frames, ends = np.empty(data.size // 2 + 1, np.int8), np.empty(rows + 1, np.int32)
    known = words, parts, _nibbles(), LINE_LIMIT - 1, _NO_TIME
    if read_lines(data, *known, wall, names, directions, frames, ends) != rows:
        return None
    spoken = np.stack([directions, np.full(rows, ord("x"), np.int8)], axis=1)
    return pa.table(
        {
            "wall_us": spread(wall, None),
            "line": between(data, names[::2], names[1::2]).cast(pa.string()),
            "dir": Filled(np.arange(0, 2 * rows + 1, 2, dtype=np.int32), None, spoken).array(pa.string()),
            "frame": Filled(ends, None, frames).array(pa.binary()),
        }
    )


def _nibbles() -> Any:
    """int8[256]: what a character of hex says; -1 for every other."""
    import numpy as np

    table = np.full(256, -1, np.int8)
    for value, (low, high) in enumerate(zip(b"0123456789abcdef", b"0123456789ABCDEF", strict=True)):
        table[[low, high]] = value
    return table

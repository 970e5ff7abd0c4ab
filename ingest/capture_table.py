"""Captures read a block of lines at a time: the columns of those lines, where every line of a block is plain.

What ``ingest.capture`` reads line by line. A block in which anything is out of the common (broken JSON, a
name missing, a time in another form, digits that are no hex) gives no columns; it is read line by
line, where the line at fault is told by its number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from ingest.capture import FURTHEST_US, LINE_LIMIT

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 8 << 20
"""Some 15,000 lines."""
_NAMES = ("t", "line", "dir", "frame")
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6}|\.\d{3})?([+-]([01]\d|2[0-3]):[0-5]\d|Z)$"


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
    """The lines of a block: ``wall_us``, ``line``, ``dir``, ``frame`` (bytes); None when one of them is not plain."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json

    strange = (b"\\", b"\r", b"\n\n", b"\n ")
    if not block.text.isascii() or block.text[:1] in b"\n " or any(each in block.text for each in strange):
        return None
    parse = json.ParseOptions(
        explicit_schema=pa.schema([(name, pa.string()) for name in _NAMES]), unexpected_field_behavior="error"
    )
    options = json.ReadOptions(use_threads=False, block_size=len(block.text) + 1)
    try:
        read = json.read_json(pa.BufferReader(block.text), read_options=options, parse_options=parse)
        read = read.combine_chunks()
        moments = read["t"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowException:
        return None
    if read.num_rows != block.text.count(b"\n") + (not block.text.endswith(b"\n")):
        return None
    zoned = pc.match_substring_regex(read["t"], _MOMENT)
    known = pc.is_in(read["dir"], pa.array(["rx", "tx"]))
    named = pc.greater(pc.binary_length(read["line"]), 0)
    short = pc.less(pc.binary_length(read["frame"]), LINE_LIMIT // 2)
    plain = pc.and_(pc.and_(zoned, known), pc.and_(named, short))
    if not pc.all(pc.fill_null(plain, False)).as_py():
        return None
    frames = _bytes(read["frame"].chunk(0))
    if frames is None or pc.any(pc.greater(pc.abs(moments), FURTHEST_US)).as_py():
        return None
    return pa.table({"wall_us": moments, "line": read["line"], "dir": read["dir"], "frame": frames})


def _bytes(digits: "pa.Array") -> "pa.Array | None":
    """Hex as bytes; None when a text is empty, odd or no hex."""
    import numpy as np
    import pyarrow as pa

    _, places, data = digits.buffers()
    offsets = np.frombuffer(places, np.int32)[digits.offset : digits.offset + len(digits) + 1]
    lengths = np.diff(offsets)
    if digits.null_count or data is None or (lengths == 0).any() or (lengths & 1).any():
        return None
    nibbles = _nibbles()[np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]]
    if (nibbles > 15).any():
        return None
    octets = nibbles[::2] << 4 | nibbles[1::2]
    buffers = [None, pa.py_buffer((offsets - offsets[0]) // 2), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.binary(), len(digits), buffers)


def _nibbles() -> Any:
    """uint8[256]: what a character of hex says; 255 for every other."""
    import numpy as np

    table = np.full(256, 255, np.uint8)
    for value, (low, high) in enumerate(zip(b"0123456789abcdef", b"0123456789ABCDEF", strict=True)):
        table[[low, high]] = value
    return table

"""Values -> Arrow arrays, with nulls where a row has none."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Filled(NamedTuple):
    """A column of text or bytes as Arrow's buffers.

    Attributes:
        offsets: int32, one more than rows.
        validity: int8, a bit a row, the lowest first; None where all rows have a value.
        data: int8 or uint8, the values end to end.
    """

    offsets: Any
    validity: Any
    data: Any

    def array(self, kind: "pa.DataType") -> "pa.Array":
        """The column; ``kind`` is ``pa.string()`` or ``pa.binary()``."""
        import pyarrow as pa

        validity = None if self.validity is None else pa.py_buffer(self.validity)
        buffers = [validity, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(kind, self.offsets.size - 1, buffers)


class Made(NamedTuple):
    """A column, and the rows whose bytes are none of its values."""

    filled: Filled
    bad: Any


def filled(rows: int, at: Any, lengths: Any, data: Any) -> Filled:
    """A column of ``rows`` rows whose values lie end to end; ``lengths`` of the rows ``at``, -1 for none."""
    import numpy as np

    offsets = np.zeros(rows + 1, np.int32)
    good = lengths >= 0
    offsets[at + 1] = np.where(good, lengths, 0)
    np.cumsum(offsets, out=offsets)
    return Filled(offsets, validity(rows, at[good]), data)


def numbers(rows: int, at: Any, values: Any, kind: "pa.DataType") -> "pa.Array":
    """Numbers as a column; ``values`` are those of the rows ``at``."""
    import numpy as np
    import pyarrow as pa

    spread = values
    if at.size != rows:
        spread = np.zeros(rows, values.dtype)
        spread[at] = values
    there = validity(rows, at)
    buffers = [None if there is None else pa.py_buffer(there), pa.py_buffer(np.ascontiguousarray(spread))]
    return pa.Array.from_buffers(kind, rows, buffers)


def validity(rows: int, at: Any) -> Any:
    """A bit for each row that has a value; None where all have."""
    import numpy as np

    if at.size == rows:
        return None
    there = np.zeros(rows, bool)
    there[at] = True
    return np.packbits(there, bitorder="little")

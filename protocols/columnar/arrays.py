"""Values end to end -> Arrow arrays, with nulls where a row has none."""

from typing import TYPE_CHECKING, Any

from protocols.columnar.gathers import Values

if TYPE_CHECKING:
    import pyarrow as pa


def strings(rows: int, at: Any, values: Values, kind: "pa.DataType") -> "pa.Array":
    """Values of any length as a column of text or bytes.

    Args:
        rows: how many the batch has.
        at: int32, the rows that have a value, rising.
        values: their values.
        kind: ``pa.string()`` or ``pa.binary()``.
    """
    import numpy as np
    import pyarrow as pa

    if not at.size:
        return pa.nulls(rows, kind)
    offsets = np.zeros(rows + 1, np.int32)
    good = values.lengths >= 0
    offsets[at + 1] = np.where(good, values.lengths, 0)
    np.cumsum(offsets, out=offsets)
    return pa.Array.from_buffers(
        kind, rows, [_validity(rows, at, good), pa.py_buffer(offsets), pa.py_buffer(values.data)]
    )


def numbers(rows: int, at: Any, values: Any, kind: "pa.DataType") -> "pa.Array":
    """Numbers as a column; ``values`` are those of the rows ``at``."""
    import numpy as np
    import pyarrow as pa

    if not at.size:
        return pa.nulls(rows, kind)
    spread = values
    if at.size != rows:
        spread = np.zeros(rows, values.dtype)
        spread[at] = values
    validity = _validity(rows, at, np.ones(at.size, bool))
    return pa.Array.from_buffers(kind, rows, [validity, pa.py_buffer(np.ascontiguousarray(spread))])


def _validity(rows: int, at: Any, good: Any) -> "pa.Buffer | None":
    import numpy as np
    import pyarrow as pa

    if at.size == rows and good.all():
        return None
    there = np.zeros(rows, bool)
    there[at[good]] = True
    return pa.py_buffer(np.packbits(there, bitorder="little"))

"""Values that come again and again: a function of them is asked once for each that occurs, not once a row."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = 1 << 40


def distinct(columns: "Sequence[pa.Array]") -> "tuple[pa.Array, list[tuple[Any, ...]]]":
    """For each row the place of its values in the list, and the list of the combinations that occur."""
    import numpy as np
    import pyarrow as pa

    rows = len(columns[0])
    code, size = np.zeros(rows, np.int64), 1
    for column in columns:
        coded = column.dictionary_encode(null_encoding="encode")
        if size * max(len(coded.dictionary), 1) > _MOST:
            known, code = np.unique(code, return_inverse=True)
            size = known.size
        size *= max(len(coded.dictionary), 1)
        code = code * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
    coded = pa.array(code).dictionary_encode()
    places = coded.indices.to_numpy(zero_copy_only=False)
    first = np.zeros(len(coded.dictionary), np.int64)
    first[places[::-1]] = np.arange(rows - 1, -1, -1)
    values = [column.take(pa.array(first)).to_pylist() for column in columns]
    return coded.indices, list(zip(*values, strict=True))


def mapped(columns: "Sequence[pa.Array]", function: Callable[..., Any], kind: "pa.DataType") -> "pa.Array":
    """A function of the columns' values, null where it gives None."""
    import pyarrow as pa

    places, values = distinct(columns)
    return pa.array([function(*each) for each in values], kind).take(places)

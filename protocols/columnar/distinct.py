"""Values that come again and again: a function of them is asked once for each that occurs, not once a row."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = 1 << 40
_FEW = 4_096


def distinct(columns: "Sequence[pa.Array]") -> "tuple[pa.Array, list[tuple[Any, ...]]]":
    """For each row the place of its values in the list, and the list of the combinations that occur."""
    import numpy as np
    import pyarrow as pa

    rows = len(columns[0])
    code, size = np.zeros(rows, np.int64), 1
    for column in columns:
        if column.null_count == rows:
            continue
        coded = column.dictionary_encode(null_encoding="encode")
        if len(coded.dictionary) == 1:
            continue
        if size * max(len(coded.dictionary), 1) > _MOST:
            known, code = np.unique(code, return_inverse=True)
            size = known.size
        size *= max(len(coded.dictionary), 1)
        code = code * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
    places = _numbered(code, size)
    first = np.zeros(int(places.max(initial=-1)) + 1, np.int64)
    first[places[::-1]] = np.arange(rows - 1, -1, -1)
    values = [column.take(pa.array(first)).to_pylist() for column in columns]
    return pa.array(places), list(zip(*values, strict=True))


def _numbered(code: Any, size: int) -> Any:
    """Numbers below ``size``, each as its place among those that occur."""
    import numpy as np
    import pyarrow as pa

    if size > max(code.size, _FEW):
        return pa.array(code).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    there = np.zeros(size, bool)
    there[code] = True
    return (np.cumsum(there, dtype=np.int32) - np.int32(1))[code]


def chosen(values: "Sequence[Any]", places: "pa.Array", kind: "pa.DataType") -> "pa.Array":
    """A value for each row by its place."""
    import pyarrow as pa

    array = pa.array(values, kind)
    return pa.nulls(len(places), kind) if array.null_count == len(array) else array.take(places)


def mapped(columns: "Sequence[pa.Array]", function: Callable[..., Any], kind: "pa.DataType") -> "pa.Array":
    """A function of the columns' values, null where it gives None."""
    places, values = distinct(columns)
    return chosen([function(*each) for each in values], places, kind)

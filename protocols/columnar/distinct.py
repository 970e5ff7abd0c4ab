"""Values that come again and again: a function of them is asked once for each that occurs, not once a row."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from protocols.columnar.arrays import plain, truths
from protocols.columnar.loading import loops, ready

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = 1 << 40
_FEW = 4_096
_SLOTS = 8_192
"""So many slots of a table are tried first: 32 KiB."""


def distinct(columns: "Sequence[pa.Array]") -> "tuple[pa.Array, list[tuple[Any, ...]]]":
    """For each row the place of its values in the list, and the list of the combinations that occur."""
    import numpy as np
    import pyarrow as pa

    rows = len(columns[0])
    made = loops() if ready() else None
    texts = [column for column in columns if made is not None and _is_text(column)]
    code, size = np.zeros(rows, np.int64), 1
    for column in columns:
        if column.null_count == rows or any(column is each for each in texts) or _is_steady(column):
            continue
        coded = column.dictionary_encode(null_encoding="encode")
        if len(coded.dictionary) == 1:
            continue
        if size * max(len(coded.dictionary), 1) > _MOST:
            known, code = np.unique(code, return_inverse=True)
            size = known.size
        size *= max(len(coded.dictionary), 1)
        code = code * len(coded.dictionary) + coded.indices.to_numpy(zero_copy_only=False)
    if texts:
        for column in texts:
            first = number(column, code)
        places = code
    else:
        places = _numbered(code, size)
        first = np.zeros(int(places.max(initial=-1)) + 1, np.int64)
        first[places[::-1]] = np.arange(rows - 1, -1, -1)
    values = [column.take(pa.array(first)).to_pylist() for column in columns]
    return pa.array(places), list(zip(*values, strict=True))


def _is_steady(column: "pa.Array") -> bool:
    """Whether all rows are seen to have the same value: of yes or no, and of whole numbers."""
    import pyarrow as pa

    if column.null_count or not len(column):
        return False
    if pa.types.is_boolean(column.type):
        said = truths(column)
        return bool(said[0] == said.min() == said.max())
    if pa.types.is_integer(column.type):
        values = plain(column, column.type.to_pandas_dtype())
        return bool((values == values[0]).all())
    return False


def _is_text(column: "pa.Array") -> bool:
    import pyarrow as pa

    return column.type in {pa.string(), pa.binary()} and column.null_count < len(column)


def number(column: "pa.Array", codes: Any) -> Any:
    """Make numbers equal where they were and the texts of a column are too, by the compiled loops, which are there.

    Args:
        column: of type string or binary.
        codes: int64, a number for each row; overwritten.

    Returns:
        int32, the first row of each number; they rise from 0 with it.
    """
    import numpy as np

    count, known = len(column), -1
    rows, sizes, before = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int64)
    most = 2 << max(count, 8).bit_length()
    for slots in (_SLOTS, most):  # mostly few are wanted, and few stay near the processor
        if known < 0:
            table = np.full(min(slots, most), -1, np.int32)
            known = loops().number_texts(*memory(column), codes, table, rows, sizes, before)
    return rows[:known]


def are_trimmed(texts: "pa.Array") -> bool:
    """Whether it is seen that no text has a fill of blanks or an escape; False where the loops are not there."""
    if len(texts) == texts.null_count or not ready() or (made := loops()) is None:
        return False
    return bool(made.are_trimmed(*memory(texts)))


def memory(column: "pa.Array") -> tuple[Any, Any, int, Any]:
    """A column of texts as the loops take it: offsets, validity, its first bit, and the texts."""
    import numpy as np

    validity, offsets, octets = column.buffers()
    none = np.zeros(0, np.int8)
    return (
        np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1],
        none if validity is None or not column.null_count else np.frombuffer(validity, np.int8),
        column.offset,
        none if octets is None else np.frombuffer(octets, np.int8),
    )


def numbers_read(texts: "pa.Array", most: int) -> "pa.Array | None":
    """Texts of digits, at most so many, as int64; None where one is none, or the compiled loops are not there."""
    import numpy as np
    import pyarrow as pa

    validity, offsets, octets = texts.buffers()
    if octets is None or texts.offset or not ready() or (made := loops()) is None:
        return None
    bits = np.zeros(0, np.int8) if validity is None or not texts.null_count else np.frombuffer(validity, np.int8)
    found = np.empty(len(texts), np.int64)
    starts = np.frombuffer(offsets, np.int32)[: len(texts) + 1]
    if not made.read_numbers(starts, bits, np.frombuffer(octets, np.int8), most, found):
        return None
    return pa.Array.from_buffers(pa.int64(), len(texts), [validity if bits.size else None, pa.py_buffer(found)])


def cut(codes: Any, seen: Any, silence: Any, order: Any) -> tuple[Any, Any, Any, Any]:
    """Rows of one number cut into stretches wherever it is silent too long.

    Args:
        codes: int64, not below 0.
        seen: int64, when.
        silence: int64, how long before a row its stretch may be silent.
        order: int64, the rows by ``seen``.

    Returns:
        int64: the stretch of each row, no two of one number, later ones greater; of each stretch its first row, its
        last one, and how many it has.
    """
    import numpy as np

    rows = order.size
    stretch = np.zeros(rows, np.int64)
    if ready() and (made := loops()) is not None:
        table = np.full(4 << max(rows * 3 // 4, 8).bit_length(), -1, np.int64)  # of three slots one is free at least
        first, last, sizes = (np.empty(rows, np.int64) for _ in range(3))
        count = made.cut(codes, seen, silence, order, table, stretch, first, last, sizes)
        return stretch, first[:count], last[:count], sizes[:count]
    order = order[np.argsort(codes[order], kind="stable")]
    begins = np.ones(rows, bool)
    begins[1:] = (np.diff(codes[order]) != 0) | (np.diff(seen[order]) > silence[order[1:]])
    stretch[order] = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], rows) if rows else starts
    return stretch, order[starts], order[ends - 1], ends - starts


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
    if array.null_count == len(array):
        return pa.nulls(len(places), kind)
    return pa.repeat(array[0], len(places)) if values.count(values[0]) == len(values) else array.take(places)


def mapped(columns: "Sequence[pa.Array]", function: Callable[..., Any], kind: "pa.DataType") -> "pa.Array":
    """A function of the columns' values, null where it gives None."""
    import pyarrow as pa

    if all(column.null_count == len(column) for column in columns):
        value = function(*(None for _ in columns))
        return pa.repeat(pa.scalar(value, kind), len(columns[0]))
    places, values = distinct(columns)
    return chosen([function(*each) for each in values], places, kind)

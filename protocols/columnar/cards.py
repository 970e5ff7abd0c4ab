"""Card numbers of a batch with no more than their first six and last four digits: ``protocols.facts.mask_pan``."""

from typing import TYPE_CHECKING, Any

from protocols.columnar import arrays, gathers
from protocols.columnar.distinct import mapped, memory
from protocols.columnar.loading import loops, ready
from protocols.facts import mask_pan

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST, _LAST = 6, 4
_SHORTEST, _LONGEST = 13, 19
_ZEROS, _SIXES, _HIGH = 0x3030303030303030, 0x0606060606060606, 0xF0F0F0F0F0F0F0F0


def masked(numbers: "pa.Array") -> "pa.Array":
    """The numbers, asterisks between; null for what is none.

    Args:
        numbers: text. Between its ends a number may hold anything; the sanitiser's marks, for one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if (made := _by_loops(numbers)) is not None:
        return made
    if not pc.all(pc.string_is_ascii(numbers), min_count=0).as_py():
        return mapped([numbers], lambda number: mask_pan(number) if number else None, pa.string())
    _, places, octets = numbers.buffers()
    count = len(numbers)
    offsets = np.frombuffer(places, np.int32)[numbers.offset : numbers.offset + count + 1]
    sizes = np.diff(offsets)
    at = np.flatnonzero(numbers.is_valid().to_numpy(False) & (sizes >= _SHORTEST) & (sizes <= _LONGEST))
    if not at.size:
        return pa.nulls(count, pa.string())
    data = np.frombuffer(octets, np.uint8)
    firsts, lasts = gathers.fixed(data, offsets[at], "<u8"), gathers.fixed(data, offsets[at + 1] - _LAST, "<u4")
    legal = _digits(firsts, _FIRST) & _digits(lasts.astype(np.uint64), _LAST)
    at = at[legal]
    sizes = sizes[at]
    ends = np.cumsum(sizes, dtype=np.int64)
    text = np.empty(int(ends[-1]) if at.size else 0, np.uint8)
    for size in np.unique(sizes).tolist():
        mine = sizes == size
        kind = f"V{size}"
        block = gathers.fixed(data, offsets[at[mine]], kind).view(np.uint8).reshape(-1, size)
        block[:, _FIRST : size - _LAST] = ord("*")
        into = np.ndarray((text.size - size + 1,), kind, text.data, 0, (1,))
        into[ends[mine] - size] = block.view(kind).ravel()
    return arrays.filled(count, at.astype(np.int32), sizes, text).array(pa.string())


def _by_loops(numbers: "pa.Array") -> "pa.Array | None":
    """See `masked`; None where a number is no ASCII, or the loops are not there."""
    import numpy as np
    import pyarrow as pa

    if len(numbers) == numbers.null_count or not ready() or (made := loops()) is None:
        return None
    count, known = len(numbers), memory(numbers)
    begin, end = int(known[0][0]), int(known[0][-1])
    offsets, there = np.empty(count + 1, np.int32), np.empty(-(-count // 8), np.int8)
    text = np.empty(end - begin, np.int8)
    good = made.mask_numbers(*known, offsets, there, text)
    return None if good < 0 else arrays.Filled(offsets, None if good == count else there, text).array(pa.string())


def _digits(words: Any, count: int) -> Any:
    """Which words have digits in their lowest bytes."""
    import numpy as np

    nibbles = words ^ np.uint64(_ZEROS)
    return ((nibbles | nibbles + np.uint64(_SIXES)) & np.uint64(_HIGH & (1 << 8 * count) - 1)) == 0

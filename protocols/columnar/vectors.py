"""The steps of a batch in numpy, and what a step is. ``compiled`` has the same ones.

A step takes the rows of the batch and where a field lies in those that have it, and gives
the column's buffers; of digits also the rows whose nibbles are no digits.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from protocols.columnar import gathers, tables
from protocols.columnar.arrays import Column, Filled, Made, filled
from protocols.columnar.places import Place, Terminated, Walked
from protocols.columnar.places import place as placed
from protocols.columnar.walk import Batch, walk

if TYPE_CHECKING:
    from protocols.columnar.plan import FieldColumn, PartColumn, TotalColumn

__all__ = ["digits", "fen", "fields", "parts", "raw", "stripped", "tags", "terminated", "text", "totals", "walk"]


def fields(batch: Batch, walked: Walked, columns: "Sequence[FieldColumn]") -> "Iterator[tuple[FieldColumn, Made]]":
    """The columns of the fields that some row has."""
    for column in columns:
        place = walked.places.get(column.number)
        if place is None:
            continue
        if column.kind == "digits":
            yield column, digits(batch, place, column)
        else:
            found = text(batch, place) if column.kind == "text" else raw(batch, place)
            yield column, Made(found, place.rows[:0])


def digits(batch: Batch, place: Place, column: "FieldColumn") -> Made:
    """Packed digits as text, and the rows whose digits are none."""
    import numpy as np

    counts = np.full(place.rows.size, column.digits, np.int32) if column.digits else place.counts
    lengths, data = gathers.digits(batch.data, place.starts, counts, column.accept, right=column.right)
    return Made(filled(batch.rows, place.rows, lengths, data), place.rows[lengths < 0])


def text(batch: Batch, place: Place) -> Filled:
    """GBK as UTF-8."""
    return filled(batch.rows, place.rows, *gathers.text(batch.data, place.starts, place.counts))


def raw(batch: Batch, place: Place) -> Filled:
    """The bytes themselves."""
    return filled(batch.rows, place.rows, *gathers.raw(batch.data, place.starts, place.counts))


def stripped(batch: Batch, place: Place) -> tuple[Any, Any]:
    """How many bytes stand before the zero bytes at the end, and which rows hold a byte that is no ASCII."""
    return gathers.stripped(batch.data, place.starts, place.counts)


def parts(whole: Column, place: Place, wanted: "Sequence[PartColumn]") -> list[Filled]:
    """Some digits of a column of digits, as many as there are, for each of some parts."""
    return [_part(whole, place, part) for part in wanted]


def _part(whole: Column, place: Place, wanted: "PartColumn") -> Filled:
    """Some digits of a column of digits, as many as there are; none where it ends before them."""
    import numpy as np

    starts = whole.offsets[place.rows].astype(np.int64) + wanted.first
    counts = np.minimum(whole.offsets[place.rows + 1] - starts, wanted.last - wanted.first).astype(np.int32)
    there = counts > 0
    lengths, data = gathers.raw(whole.data, starts[there], counts[there])
    return filled(whole.offsets.size - 1, place.rows[there], lengths, data)


def totals(whole: Column, place: Place, digits: int, wanted: "Sequence[TotalColumn]") -> tuple[Any, Any]:
    """Numbers out of settlement totals, for the rows whose field has so many digits, none of them masked.

    Returns:
        int64, a line for each column wanted, 0 where a row has none; and which rows have totals.
    """
    import numpy as np

    rows = whole.offsets.size - 1
    values, there = np.zeros((len(wanted), rows), np.int64), np.zeros(rows, bool)
    starts = whole.offsets[place.rows]
    fits = whole.offsets[place.rows + 1] - starts == digits
    if not fits.any():
        return values, there
    places = np.ndarray(whole.data.size - digits + 1, f"V{digits}", whole.data.data, 0, 1)
    square = places[starts[fits]].view(np.uint8).reshape(-1, digits) - ord("0")
    legal = (square <= 9).all(axis=1)
    at = place.rows[fits][legal]
    there[at] = True
    for line, column in zip(values, wanted, strict=True):
        weights = 10 ** np.arange(column.last - column.first - 1, -1, -1, dtype=np.int64)
        line[at] = square[legal, column.first : column.last] @ weights
    return values, there


def tags(batch: Batch, place: Place, wanted: tuple[int, ...]) -> list[Filled]:
    """The values of some tags in BER-TLV."""
    found = gathers.tags(batch.data, place.starts, place.starts + place.counts, wanted)
    columns = []
    for starts, sizes in found:
        there = starts >= 0
        columns.append(raw(batch, placed(place.rows[there], starts[there], sizes[there])))
    return columns


def terminated(batch: Batch, texts: "Sequence[Terminated]") -> list[Made]:
    """GBK up to a zero byte as UTF-8; and the rows where there is none, or no digits where those are asked for."""
    columns = []
    for rows, starts, size, digits in texts:
        ends = _zeros(batch, starts, size, digits=digits)
        good = ends >= 0
        found = filled(batch.rows, rows[good], *gathers.text(batch.data, starts[good], ends[good]))
        columns.append(Made(found, rows[~good]))
    return columns


def _zeros(batch: Batch, starts: Any, size: int, *, digits: bool) -> Any:
    """How many bytes stand before the first zero byte; -1 where there is none in so many.

    With ``digits`` also where what stands before it is neither digits nor the sanitiser's asterisks.
    """
    import numpy as np

    square = _square(batch, starts, size)
    zero = square == 0
    ends = np.where(zero.any(axis=1), zero.argmax(axis=1), -1).astype(np.int32)
    if digits:
        strange = ~tables.masked_digits()[square] & (np.arange(size) < ends[:, None])
        ends[strange.any(axis=1)] = -1
    return ends


def fen(batch: Batch, starts: Any, size: int) -> tuple[Any, Any]:
    """Numbers of packed digits, and which of them are some."""
    import numpy as np

    pairs = tables.pairs()[_square(batch, starts, size)]
    weights = 100 ** np.arange(size - 1, -1, -1, dtype=np.int64)
    return pairs @ weights, (pairs >= 0).all(axis=1)


def _square(batch: Batch, starts: Any, size: int) -> Any:
    """So many bytes from each place, a line each."""
    import numpy as np

    return gathers.fixed(batch.data, starts, f"V{size}").view(np.uint8).reshape(-1, size)

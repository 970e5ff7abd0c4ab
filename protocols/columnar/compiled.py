"""The steps of a batch by the compiled ``kernel``; see ``vectors`` for what they are.

Loading numba takes seconds, so it is done only when asked for; its machine code is kept on
disk for the next process where that is allowed. The loops release the interpreter's lock.
"""

import functools
import threading
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.columnar import kernel, kernel_find, kernel_mask, kernel_walk, tables, vectors
from protocols.columnar.arrays import Filled, Made
from protocols.columnar.places import Place, Walked
from protocols.columnar.walk import Batch, codings
from protocols.tlv import MOST_DEPTH, TEMPLATES
from protocols.walk import Walk

if TYPE_CHECKING:
    from protocols.columnar.plan import FieldColumn, PartColumn
    from protocols.envelope import Link

_ENVELOPES = {"length": 0, "stx": 1, "bare": 2}
_MOST_PART = 16  # characters that fill_part moves
_SPARE = 32
_STAGGER = 272  # so that the slots' stretches do not all fall on the same lines of the processor's cache
_NO_PAIR = -(10**6)  # so far below 0 that no second pair lifts it above
_LOCK = threading.Lock()


def available() -> bool:
    """Whether numba is there."""
    return _loops() is not None


@functools.cache
def _compile(*modules: ModuleType) -> SimpleNamespace | None:
    try:
        import numba
    except ImportError:
        return None
    loops = SimpleNamespace()
    for loop in (each for module in modules for each in vars(module).values() if isinstance(each, FunctionType)):
        try:
            made = numba.njit(cache=True, nogil=True)(loop)
        except RuntimeError:  # no place where numba may keep its machine code
            made = numba.njit(nogil=True)(loop)
        setattr(loops, loop.__name__, made)
    return loops


def _loops() -> Any:
    with _LOCK:
        return _compile(kernel_walk, kernel, kernel_find)


def masks() -> Any:
    """The loops of ``kernel_mask``."""
    with _LOCK:
        return _compile(kernel_mask)


def _octets(byte: int) -> Any:
    """A byte in each of a word's eight."""
    import numpy as np

    return np.uint64(byte * 0x0101010101010101)


@functools.cache
def _constants() -> SimpleNamespace:
    """Tables and masks as the kernel takes them."""
    import numpy as np

    characters = tables.chars().view(np.uint8).reshape(256, 2)
    illegal = tables.illegal()[:, characters].astype(np.int32)
    holds = np.zeros(65536, np.int8)
    holds[list(TEMPLATES)] = 1
    spread = [0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF, 0x000F000F000F000F]
    shifts = [np.uint64(16), np.uint64(8), np.uint64(4)]
    return SimpleNamespace(
        # spread two bytes, one byte, nibbles; then what is added to each of eight nibbles
        digits=np.array([*map(np.uint64, spread), _octets(0x30), _octets(6), _octets(1), *shifts, 7, 0], np.uint64),
        text=np.array([_octets(0x80), _octets(0x20), _octets(1), _octets(ord("\\"))], np.uint64),
        codes=tables.chars().astype(np.int32) | illegal[:, :, 0] << 16 | illegal[:, :, 1] << 17,
        tails=np.array([(1 << 8 * size) - 1 for size in range(8)], np.uint64),
        plain=tables.plain().astype(np.int8),
        masked_digits=tables.masked_digits().astype(np.int8),
        wide=tables.wide().astype(np.int32),
        pairs=np.where(tables.pairs() < 0, _NO_PAIR, tables.pairs()).astype(np.int32),
        holds=holds,
    )


def walk(link: "Link", declared: Walk, batch: Batch) -> Walked:
    """See ``vectors``."""
    import numpy as np

    rows, constants = batch.rows, _constants()
    steps = np.full((65, 6), -1, np.int32)
    for slot, step in enumerate(declared.steps.values()):
        steps[step.number] = slot, step.prefix, step.size, step.digits, step.last, step.number
    found = np.empty((9, rows), np.int32)
    bitmaps = np.zeros((rows, 8), np.int8)
    stretch = rows + _STAGGER
    places = [np.empty(len(declared.steps) * stretch, np.int32) for _ in range(3)]
    cursors = np.arange(len(declared.steps), dtype=np.int32) * stretch
    totals = np.zeros(len(declared.steps), np.int32)
    _loops().walk_rows(
        batch.data.view(np.int8),
        batch.starts,
        batch.ends,
        np.array([_ENVELOPES[link.envelope], link.length_coding == "bcd", link.extra], np.int32),
        np.array([(coding == "bcd", extra) for coding, extra in codings(link)], np.int32),
        steps,
        constants.pairs,
        _words(batch.data, np.int64),
        np.zeros(256, np.int64),
        np.zeros(256, np.int32),
        np.empty((256, 64, 6), np.int32),
        found,
        bitmaps,
        np.zeros((2, 64), np.int32),
        cursors,
        totals,
        *places,
    )
    walked = Walked(
        head=found[0],
        message=found[1],
        there=found[2].astype(bool),
        bitmap=bitmaps.view(">u8")[:, 0].astype(np.uint64),
        mac_absent=found[3].astype(bool),
        fault=found[4],
        number=found[5],
        at=found[6],
        expected=found[7],
        got=found[8],
    )
    for slot, number in enumerate(declared.steps):
        size = int(cursors[slot]) - slot * stretch
        if size:
            at, starts, counts = (lines[slot * stretch : slot * stretch + size] for lines in places)
            walked.places[number] = Place(at, starts, counts, int(totals[slot]))
    return walked


def fields(batch: Batch, walked: Walked, columns: "Sequence[FieldColumn]") -> "Iterator[tuple[FieldColumn, Made]]":
    """See ``vectors``; the columns of one kind are made by one call and share their buffers."""
    for kind, make in (("digits", _digits), ("text", _text), ("raw", _raw)):
        there = [column for column in columns if column.kind == kind and column.number in walked.places]
        if there:
            places = [walked.places[column.number] for column in there]
            yield from zip(there, make(batch, _lined_up(places), there), strict=True)


def digits(batch: Batch, place: Place, column: "FieldColumn") -> Made:
    """See ``vectors``."""
    return next(_digits(batch, _lined_up([place]), [column]))


def text(batch: Batch, place: Place) -> Filled:
    """See ``vectors``."""
    return next(_text(batch, _lined_up([place]), [None])).filled


def raw(batch: Batch, place: Place) -> Filled:
    """See ``vectors``."""
    return next(_raw(batch, _lined_up([place]), [None])).filled


class _Lines(NamedTuple):
    """Places of several fields in arrays they share, and where in them each begins."""

    rows: Any
    starts: Any
    counts: Any
    first: list[int]
    places: list[Place]


def _lined_up(places: list[Place]) -> _Lines:
    """Places as the loops take them; those of one walk lie in the same arrays already."""
    if len(places) == 1:
        return _Lines(places[0].rows, places[0].starts, places[0].counts, [0], places)
    rows, starts, counts = places[0].rows.base, places[0].starts.base, places[0].counts.base
    first = [(place.rows.ctypes.data - rows.ctypes.data) // rows.itemsize for place in places]
    return _Lines(rows, starts, counts, first, places)


def _digits(batch: Batch, lines: _Lines, columns: "Sequence[FieldColumn]") -> Iterator[Made]:
    import numpy as np

    constants = _constants()
    sizes = [
        column.digits * place.rows.size if column.digits else place.total
        for column, place in zip(columns, lines.places, strict=True)
    ]
    rules = [(column.digits, column.accept, column.right) for column in columns]
    filled, table = _room(batch.rows, lines, sizes, rules)
    bad = np.empty(len(sizes), np.int32)
    _loops().fill_digits(
        batch.data.view(np.int8),
        _words(batch.data, np.uint32),
        lines.rows,
        lines.starts,
        lines.counts,
        table,
        constants.digits,
        constants.codes,
        *filled,
        _words(filled.data, np.uint64),
        _words(filled.data, np.int16),
        bad,
    )
    for index, (place, one) in enumerate(zip(lines.places, _split(filled, table, sizes), strict=True)):
        wrong = place.rows[:0]
        if bad[index]:
            there = np.unpackbits(one.validity.view(np.uint8), bitorder="little", count=batch.rows)
            wrong = place.rows[there[place.rows] == 0]
        yield Made(one, wrong)


def _text(batch: Batch, lines: _Lines, columns: Sequence[Any]) -> Iterator[Made]:
    """Where a value of a column holds what is no text, numpy does the column."""
    import numpy as np

    constants = _constants()
    sizes = [place.total * 3 // 2 for place in lines.places]
    filled, table = _room(batch.rows, lines, sizes, [()] * len(columns))
    bad = np.empty(len(sizes), np.int32)
    _loops().fill_text(
        batch.data.view(np.int8),
        _words(batch.data, np.uint64),
        lines.rows,
        lines.starts,
        lines.counts,
        table,
        constants.text,
        constants.tails,
        constants.plain,
        constants.wide,
        *filled,
        _words(filled.data, np.uint64),
        bad,
    )
    for place, one, strange in zip(lines.places, _split(filled, table, sizes), bad, strict=True):
        yield Made(vectors.text(batch, place) if strange else one, place.rows[:0])


def _raw(batch: Batch, lines: _Lines, columns: Sequence[Any]) -> Iterator[Made]:
    del columns
    sizes = [place.total for place in lines.places]
    filled, table = _room(batch.rows, lines, sizes, [(first,) for first in lines.first])
    _copy(batch, lines, table, filled)
    for place, one in zip(lines.places, _split(filled, table, sizes), strict=True):
        yield Made(one, place.rows[:0])


def _copy(batch: Batch, lines: _Lines, table: Any, filled: Filled) -> None:
    import numpy as np

    _loops().fill_bytes(
        batch.data.view(np.int8),
        _words(batch.data, np.uint64),
        lines.rows,
        lines.starts,
        lines.counts,
        table,
        *filled,
        _words(filled.data, np.uint64),
    )


def _room(rows: int, lines: _Lines, sizes: list[int], more: Sequence[tuple[int, ...]]) -> tuple[Filled, Any]:
    """Buffers for some columns, and the table that says where each has its own."""
    import numpy as np

    filled = _empty(rows, len(sizes), sum(sizes) + _SPARE * len(sizes))
    table, at = [], 0
    for first, place, size, rest in zip(lines.first, lines.places, sizes, more, strict=True):
        table.append((first, place.rows.size, at, *rest))
        at += size + _SPARE
    return filled, np.array(table, np.int32)


def _split(filled: Filled, table: Any, sizes: list[int]) -> Iterator[Filled]:
    """Each column's own part of shared buffers."""
    for index, (at, size) in enumerate(zip(table[:, 2].tolist(), sizes, strict=True)):
        yield Filled(filled.offsets[index], filled.validity[index], filled.data[at : at + size + _SPARE])


def parts(whole: Filled, place: Place, wanted: "Sequence[PartColumn]") -> list[Filled]:
    """See ``vectors``."""
    import numpy as np

    if any(part.last - part.first > _MOST_PART for part in wanted):
        return vectors.parts(whole, place, wanted)
    sizes = [(part.last - part.first) * place.rows.size for part in wanted]
    lines = _Lines(place.rows, place.starts, place.counts, [part.first for part in wanted], [place] * len(wanted))
    filled, table = _room(whole.offsets.size - 1, lines, sizes, [()] * len(wanted))
    table[:, 1] = [part.last for part in wanted]
    _loops().fill_parts(
        place.rows,
        whole.offsets,
        _words(whole.data, np.uint64),
        table,
        filled.offsets,
        filled.validity,
        _words(filled.data, np.uint64),
    )
    return list(_split(filled, table, sizes))


def tags(batch: Batch, place: Place, wanted: tuple[int, ...]) -> list[Filled]:
    """See ``vectors``."""
    import numpy as np

    constants = _constants()
    places = np.empty((len(wanted), place.rows.size), np.int32)
    sizes = np.zeros((len(wanted), place.rows.size), np.int32)
    _loops().find_tags(
        batch.data.view(np.int8),
        place.starts,
        place.counts,
        np.array(wanted, np.int64),
        constants.holds,
        MOST_DEPTH,
        np.zeros(MOST_DEPTH + 1, np.int32),
        places,
        sizes,
    )
    totals = sizes.sum(axis=1).tolist()
    lines = _Lines(place.rows, places.ravel(), sizes.ravel(), [0] * len(wanted), [place] * len(wanted))
    filled, table = _room(batch.rows, lines, totals, [(index * place.rows.size,) for index in range(len(wanted))])
    _copy(batch, lines, table, filled)
    return list(_split(filled, table, totals))


def zeros(batch: Batch, starts: Any, size: int, *, digits: bool) -> Any:
    """See ``vectors``."""
    import numpy as np

    ends = np.empty(starts.size, np.int32)
    legal = _constants().masked_digits
    _loops().find_zeros(batch.data.view(np.int8), legal, starts, size, int(digits), ends)
    return ends


def fen(batch: Batch, starts: Any, size: int) -> tuple[Any, Any]:
    """See ``vectors``."""
    import numpy as np

    values, good = np.empty(starts.size, np.int64), np.empty(starts.size, np.int8)
    _loops().fill_fen(batch.data.view(np.int8), _constants().pairs, starts, size, values, good)
    return values, good.view(bool)


def _empty(rows: int, columns: int, size: int) -> Filled:
    """Buffers for some columns, of Arrow's own pool; the loops write words, and so some bytes too far."""
    import numpy as np
    import pyarrow as pa

    bits = (rows + 7) // 8
    offsets = np.frombuffer(pa.allocate_buffer(4 * columns * (rows + 1)), np.int32).reshape(columns, rows + 1)
    validity = np.frombuffer(pa.allocate_buffer(columns * bits), np.int8).reshape(columns, bits)
    return Filled(offsets, validity, np.frombuffer(pa.allocate_buffer(size), np.int8))


def _words(data: Any, kind: Any) -> Any:
    """Every place of a buffer as the first byte of a word."""
    import numpy as np

    size = np.dtype(kind).itemsize
    return np.ndarray((max(data.size - size + 1, 0),), kind, data.data, 0, (1,))

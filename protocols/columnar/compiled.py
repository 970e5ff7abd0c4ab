"""The steps of a batch by the compiled loops of ``kernel_*``; see ``vectors`` for what they are.

The loops release the interpreter's lock.
"""

import functools
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from protocols.columnar import tables, vectors
from protocols.columnar.arrays import Column, Made, Shared
from protocols.columnar.loading import loops
from protocols.columnar.places import HEADER, MTI, TPDU, Place, Terminated, Walked
from protocols.columnar.rooms import SPARE, TILE, as_bytes, lined_up, room_of, unfilled
from protocols.columnar.walk import Batch, codings
from protocols.tlv import MOST_DEPTH, TEMPLATES
from protocols.walk import Walk

if TYPE_CHECKING:
    from protocols.columnar.plan import FieldColumn, PartColumn, TotalColumn
    from protocols.envelope import Link

_ENVELOPES = {"length": 0, "stx": 1, "bare": 2}
_MOST_PART = 16  # characters that fill_part moves
_STAGGER = 272  # so that the slots' stretches do not all fall on the same lines of the processor's cache
_NO_PAIR = -(10**6)  # so far below 0 that no second pair lifts it above


@functools.cache
def _constants() -> SimpleNamespace:
    """Tables as the kernel takes them."""
    import numpy as np

    holds = np.zeros(65536, np.int8)
    holds[list(TEMPLATES)] = 1
    return SimpleNamespace(
        tails=np.array([(1 << 8 * size) - 1 for size in range(8)] + [-1], np.int64),
        plain=tables.plain().astype(np.int8),
        masked_digits=tables.masked_digits().astype(np.int8),
        wide=tables.wide().astype(np.int32),
        pairs=np.where(tables.pairs() < 0, _NO_PAIR, tables.pairs()).astype(np.int32),
        holds=holds,
    )


def walk(link: "Link", declared: Walk, batch: Batch) -> Walked:
    """See ``vectors``."""
    import numpy as np

    rows, made = batch.rows, loops()
    numbers = [MTI, TPDU, HEADER, *declared.steps]
    steps = np.full((65, 5), -1, np.int32)
    for slot, step in enumerate(declared.steps.values(), 3):
        steps[step.number] = slot, step.prefix, step.size, step.digits, step.last
    there, absent, fault = np.empty(rows, np.int8), np.empty(rows, np.int8), np.empty(rows, np.int8)
    found, bitmaps = np.empty((6, rows), np.int32), np.empty(rows, np.int64)
    stretch = rows + _STAGGER
    places = [unfilled(np.int32, len(numbers) * stretch) for _ in range(3)]
    cursors = np.arange(len(numbers), dtype=np.int64) * stretch
    marks, totals = np.empty((-(-rows // TILE) + 1, len(numbers)), np.int64), np.zeros(len(numbers), np.int64)
    plans = made.walk.PLANS
    made.walk_rows(
        as_bytes(batch.data),
        batch.starts,
        batch.ends,
        np.array([_ENVELOPES[link.envelope], link.length_coding == "bcd", link.extra], np.int32),
        np.array([(coding == "bcd", extra) for coding, extra in codings(link)], np.int32),
        steps,
        _constants().pairs,
        np.zeros(plans, np.int64),
        np.zeros(plans * made.walk.HEAD, np.int32),
        np.empty(plans * 64 * made.walk.FIXED, np.int32),
        np.empty(plans * 64 * made.walk.COUNTED, np.int32),
        np.empty(65, np.int64),
        np.empty(65, np.int64),
        there,
        absent,
        fault,
        found.ravel(),
        bitmaps,
        cursors,
        TILE,
        marks,
        totals,
        *places,
    )
    walked = Walked(
        head=found[0],
        message=found[1],
        there=there.view(bool),
        bitmap=bitmaps.view(np.uint64),
        mac_absent=absent.view(bool),
        fault=fault,
        number=found[2],
        at=found[3],
        expected=found[4],
        got=found[5],
    )
    at, starts, counts = places
    for slot, number in enumerate(numbers):
        begin, end = slot * stretch, int(cursors[slot])
        if end > begin:
            total = int(totals[slot])
            if slot > 2 and not declared.steps[number].prefix:
                total = (end - begin) * declared.steps[number].size
            walked.places[number] = Place(at[begin:end], starts[begin:end], counts[begin:end], total, marks[:, slot])
    return walked


def fields(batch: Batch, walked: Walked, columns: "Sequence[FieldColumn]") -> "Iterator[tuple[FieldColumn, Made]]":
    """See ``vectors``; the columns of one kind are made by one call and share their buffers."""
    for kind, make in (("digits", _digits), ("text", _text), ("raw", _raw)):
        there = [column for column in columns if column.kind == kind and column.number in walked.places]
        if there:
            places = [walked.places[column.number] for column in there]
            yield from zip(there, make(batch, places, there), strict=True)


def digits(batch: Batch, place: Place, column: "FieldColumn") -> Made:
    """See ``vectors``."""
    return next(_digits(batch, [place], [column]))


def text(batch: Batch, place: Place) -> Column:
    """See ``vectors``."""
    return next(_text(batch, [place], [None])).filled


def raw(batch: Batch, place: Place) -> Column:
    """See ``vectors``."""
    return next(_raw(batch, [place], [None])).filled


def stripped(batch: Batch, place: Place) -> tuple[Any, Any]:
    """See ``vectors``."""
    import numpy as np

    lengths, high = np.empty(place.rows.size, np.int32), np.empty(place.rows.size, np.int8)
    loops().find_ends(as_bytes(batch.data), place.starts, place.counts, lengths, high)
    return lengths, high.view(bool)


def _digits(batch: Batch, places: Sequence[Place], columns: "Sequence[FieldColumn]") -> Iterator[Made]:
    import numpy as np

    several = list(zip(columns, places, strict=True))
    numbers = [(0, at.rows.size, 0, each.digits, each.accept, each.right) for each, at in several]
    sizes = [each.digits * at.rows.size if each.digits else at.total for each, at in several]
    room, bad = room_of(batch.rows, numbers, sizes), np.empty(len(sizes), np.int32)
    *lines, tile_rows = lined_up(batch, places)
    table = room.table.copy()
    loops().fill_digits(as_bytes(batch.data), *lines, table, batch.rows, tile_rows, *room.arrays, bad)
    for place, one, some in zip(places, room.columns(), bad.tolist(), strict=True):
        yield Made(one, _missing(one, place.rows, some))


def _missing(column: Shared, rows: Any, some: int) -> Any:
    """Those of the rows that have no value, where there are some."""
    import numpy as np

    if not some:
        return rows[:0]
    there = np.unpackbits(column.validity.view(np.uint8), bitorder="little", count=column.rows)
    return rows[there[rows] == 0]


def _text(batch: Batch, places: Sequence[Place], columns: Sequence[Any]) -> Iterator[Made]:
    """Where a value of a column holds what is no text, numpy does the column."""
    import numpy as np

    del columns
    room = room_of(
        batch.rows, [(0, place.rows.size, 0) for place in places], [place.total * 3 // 2 for place in places]
    )
    bad, constants, table = np.empty(len(places), np.int32), _constants(), room.table.copy()
    *lines, tile_rows = lined_up(batch, places)
    known = (constants.plain, constants.wide)
    loops().fill_text(as_bytes(batch.data), *lines, table, batch.rows, tile_rows, *known, *room.arrays, bad)
    for place, one, strange in zip(places, room.columns(), bad.tolist(), strict=True):
        yield Made(vectors.text(batch, place) if strange else one, place.rows[:0])


def _raw(batch: Batch, places: Sequence[Place], columns: Sequence[Any]) -> Iterator[Made]:
    del columns
    rows, starts, counts, tiles, _ = lined_up(batch, places)
    begins = tiles[0].tolist()
    numbers = [(line, place.rows.size, 0, line) for line, place in zip(begins, places, strict=True)]
    found = _copied(batch, (rows, starts, counts), numbers, [place.total for place in places])
    for place, one in zip(places, found, strict=True):
        yield Made(one, place.rows[:0])


def _copied(
    batch: Batch, places: tuple[Any, Any, Any], numbers: Sequence[tuple[int, ...]], sizes: Sequence[int]
) -> Iterator[Shared]:
    room = room_of(batch.rows, numbers, sizes)
    loops().fill_bytes(as_bytes(batch.data), *places, room.table, batch.rows, *room.arrays)
    return room.columns()


def parts(whole: Column, place: Place, wanted: "Sequence[PartColumn]") -> Sequence[Column]:
    """See ``vectors``."""
    if any(part.last - part.first > _MOST_PART for part in wanted):
        return vectors.parts(whole, place, wanted)
    rows = whole.offsets.size - 1
    numbers = [(part.first, part.last, 0) for part in wanted]
    room = room_of(rows, numbers, [(part.last - part.first) * place.rows.size for part in wanted])
    loops().fill_parts(place.rows, whole.offsets, _spared(whole.data), room.table, rows, *room.arrays)
    return list(room.columns())


def _spared(data: Any) -> Any:
    """Digits with some bytes behind them that may be read; those the loops made have them."""
    import numpy as np

    return data if data.dtype == np.int8 else np.append(data.view(np.int8), np.zeros(SPARE, np.int8))


def totals(whole: Column, place: Place, digits: int, wanted: "Sequence[TotalColumn]") -> tuple[Any, Any]:
    """See ``vectors``."""
    import numpy as np

    rows = whole.offsets.size - 1
    values, there = np.empty(len(wanted) * rows, np.int64), np.empty(rows, np.int8)
    table = np.array([(each.first, each.last) for each in wanted], np.int64).reshape(-1, 2)
    loops().fill_totals(place.rows, whole.offsets, _spared(whole.data), digits, table, rows, values, there)
    return values.reshape(len(wanted), rows), there.view(bool)


def tags(batch: Batch, place: Place, wanted: tuple[int, ...]) -> list[Shared]:
    """See ``vectors``."""
    import numpy as np

    lines, following = np.full(256, -1, np.int64), np.full(len(wanted), -1, np.int64)
    for index, tag in enumerate(wanted):
        following[index], lines[tag & 0xFF] = lines[tag & 0xFF], index
    many = place.rows.size
    places = unfilled(np.int32, len(wanted) * many)
    sizes, sums = unfilled(np.int32, len(wanted) * many), np.empty(len(wanted), np.int64)
    loops().find_tags(
        as_bytes(batch.data),
        place.starts,
        place.counts,
        np.array(wanted, np.int64),
        lines,
        following,
        _constants().holds,
        MOST_DEPTH,
        np.zeros(MOST_DEPTH + 1, np.int64),
        places,
        sizes,
        sums,
    )
    found = (place.rows, places, sizes)
    return list(_copied(batch, found, [(0, many, 0, index * many) for index in range(len(wanted))], sums.tolist()))


def terminated(batch: Batch, texts: Sequence[Terminated]) -> list[Made]:
    """See ``vectors``; where a value of a column holds more than plain text, numpy does the column."""
    import numpy as np

    numbers, line = [], 0
    shared = all(each.rows is texts[0].rows for each in texts)
    for each in texts:
        many = each.rows.size
        numbers.append((0 if shared else line, many, 0, line, each.size, each.digits))
        line += many
    room = room_of(batch.rows, numbers, [each.size * each.rows.size for each in texts])
    rows = texts[0].rows if shared else np.concatenate([each.rows for each in texts])
    starts = np.concatenate([each.starts for each in texts])
    bad, strange = np.empty(len(texts), np.int32), np.empty(len(texts), np.int32)
    known = (_constants().tails, _constants().masked_digits)
    loops().fill_terminated(
        as_bytes(batch.data), rows, starts, room.table, batch.rows, *known, *room.arrays, bad, strange
    )
    return [
        vectors.terminated(batch, [each])[0] if odd else Made(column, _missing(column, each.rows, some))
        for each, column, some, odd in zip(texts, room.columns(), bad.tolist(), strange.tolist(), strict=True)
    ]


def fen(batch: Batch, starts: Any, size: int) -> tuple[Any, Any]:
    """See ``vectors``."""
    import numpy as np

    values, good = np.empty(starts.size, np.int64), np.empty(starts.size, np.int8)
    loops().fill_fen(as_bytes(batch.data), _constants().pairs, starts, size, values, good)
    return values, good.view(bool)

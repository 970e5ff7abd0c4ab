"""Batches of a journal's records -> columns: each column lies at its own place in every record.

The records are as the spool holds them, behind their head (``protocols.journal.kept``). What
is in a record is told by its construct declaration; a record's length tells which of the
format's shapes it is, and shapes that name a column alike share it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import construct as c

from protocols.codecs import DIGITS, MASKED
from protocols.columnar import arrays, faults, gathers, tables
from protocols.columnar.arrays import Filled
from protocols.columnar.places import Place, place
from protocols.columnar.plan import ACCEPTS, FieldColumn, underivable
from protocols.errors import DecodeError, ProtocolError
from protocols.journal.formats import FORMATS, Shape, no_shape
from protocols.journal.kept import HEAD, HEAD_BYTES, no_record
from protocols.journal.laws import Between
from protocols.journal.layout import Hex, Little, PackedDigits, PackedFen, Terminated
from protocols.journal.profile import JournalProfile

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.walk import Batch

_MOST_FEN_BYTES = 9  # eighteen digits fit into 64 bits


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """One column of a record: its codec, and where it starts."""

    name: str
    codec: Any
    offset: int


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """A record's columns and its size in bytes; ``marks`` are constants and where they stand."""

    columns: tuple[RecordColumn, ...]
    marks: tuple[tuple[bytes, int], ...]
    size: int


def record_plan(declaration: Any, path: str) -> RecordPlan:
    """The columns of a fixed record.

    Args:
        declaration: a Struct of named parts of fixed size.
        path: what the declaration is called, for a refusal.

    Raises:
        ProfileError: a part no column can be derived from; ``path`` names it.
    """
    if not isinstance(declaration, c.Struct):
        raise underivable(path, declaration)
    columns, marks = [], []
    at = 0
    for part in declaration.subcons:
        codec = part.subcon if isinstance(part, c.Renamed) else part
        if isinstance(codec, c.Const) and isinstance(codec.value, bytes):
            marks.append((codec.value, at))
            at += len(codec.value)
            continue
        fixed = isinstance(codec, Little | PackedFen | PackedDigits | Terminated | Hex)
        if not fixed or (isinstance(codec, PackedFen) and codec.size > _MOST_FEN_BYTES):
            raise underivable(f"{path} -> {part.name}", part)
        if isinstance(codec, Little) and codec.size not in {1, 2, 4, 8}:
            raise underivable(f"{path} -> {part.name}", part)
        columns.append(RecordColumn(part.name, codec, at))
        at += codec.sizeof()
    return RecordPlan(tuple(columns), tuple(marks), at)


@dataclass(frozen=True)
class JournalPlan:
    """The head of a record and the shapes of its format; ``names`` are all columns in order."""

    profile: JournalProfile
    head: RecordPlan
    shapes: tuple[tuple[Shape, RecordPlan], ...]
    names: tuple[str, ...] = field(default=())


def journal_plan(profile: JournalProfile) -> JournalPlan:
    """The columns of a journal's records.

    Raises:
        ProfileError: a column no plan can be derived from, or a format without fixed records.
    """
    head = record_plan(HEAD, "head")
    shapes = []
    for shape in FORMATS[profile.format]:
        if shape.layout is None:
            raise underivable(profile.format, shape)
        plan = record_plan(shape.layout.declaration, shape.name)
        kept = tuple(column for column in plan.columns if column.name in shape.layout.fields)
        shapes.append((shape, RecordPlan(kept, plan.marks, plan.size)))
    plans = [head, *(plan for _, plan in shapes)]
    return JournalPlan(profile, head, tuple(shapes), tuple(dict.fromkeys(_names(plans))))


def _names(plans: list[RecordPlan]) -> Iterator[str]:
    for plan in plans:
        yield from (column.name for column in plan.columns)


@dataclass(slots=True)
class _Work:
    """A batch of records being decoded; ``wrong`` is the first error of each row."""

    batch: "Batch"
    steps: Any
    columns: "dict[str, pa.Array]" = field(default_factory=dict)
    wrong: dict[int, ProtocolError] = field(default_factory=dict)

    def starts(self, rows: Any, offset: int) -> Any:
        """Where a column starts in these rows."""
        import numpy as np

        return (self.batch.starts[rows] + offset).astype(np.int32)


def decode(plan: JournalPlan, batch: "Batch", steps: Any) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """The columns and the errors of a batch of records; see ``messages.decode``."""
    import numpy as np
    import pyarrow as pa

    work = _Work(batch, steps)
    sizes = batch.ends - batch.starts
    rows = _headed(work, plan, sizes)
    by_shape = [(shape, of, rows[sizes[rows] == HEAD_BYTES + of.size].astype(np.int32)) for shape, of in plan.shapes]
    for row in rows[~np.isin(sizes[rows], [HEAD_BYTES + of.size for _, of in plan.shapes])].tolist():
        wrong = no_shape(plan.profile.format, int(sizes[row]) - HEAD_BYTES)
        wrong.offset = HEAD_BYTES
        work.wrong[row] = wrong
    _records(work, plan, by_shape)
    found = pa.record_batch([work.columns[name] for name in plan.names], names=list(plan.names))
    return found, faults.as_batch(sorted(work.wrong.items()))


def _headed(work: _Work, plan: JournalPlan, sizes: Any) -> Any:
    """The rows whose head is one; its columns."""
    import numpy as np

    whole = np.flatnonzero(sizes >= plan.head.size).astype(np.int32)
    good = np.ones(whole.size, bool)
    for mark, at in plan.head.marks:
        good &= gathers.fixed(work.batch.data, work.starts(whole, at), f"V{len(mark)}") == np.void(mark)
    for column in plan.head.columns:
        if isinstance(column.codec, Terminated):
            good &= work.steps.zeros(work.batch, work.starts(whole, column.offset), column.codec.size) >= 0
    rows = whole[good]
    bad = np.ones(sizes.size, bool)
    bad[rows] = False
    for row in np.flatnonzero(bad).tolist():
        work.wrong[row] = no_record()
    for column in plan.head.columns:
        work.columns[column.name], _ = _column(work, rows, work.starts(rows, column.offset), column.codec)
    return rows


def _records(work: _Work, plan: JournalPlan, by_shape: list[tuple[Shape, RecordPlan, Any]]) -> None:
    """The columns of all shapes, and the first thing wrong with each row."""
    import numpy as np

    broken: dict[int, tuple[int, Shape, RecordColumn]] = {}
    for name in plan.names[len(plan.head.columns) :]:
        pieces = []
        for shape, of, rows in by_shape:
            for order, column in enumerate(of.columns):
                if column.name == name:
                    pieces.append((rows, work.starts(rows, HEAD_BYTES + column.offset), shape, order, column))
        rows = np.concatenate([piece[0] for piece in pieces])
        starts = np.concatenate([piece[1] for piece in pieces])
        if sum(piece[0].size > 0 for piece in pieces) > 1:
            sort = np.argsort(rows, kind="stable")
            rows, starts = rows[sort], starts[sort]
        work.columns[name], bad = _column(work, rows, starts, pieces[0][4].codec)
        for row in bad.tolist():
            _, _, shape, order, column = next(piece for piece in pieces if row in piece[0])
            if row not in broken or order < broken[row][0]:
                broken[row] = (order, shape, column)
    for row, (_, _, column) in broken.items():
        work.wrong[row] = _bad_value(work, row, plan, column)
    for shape, _, rows in by_shape:
        if rows.size:
            _laws(work, shape, rows, plan)


def _bad_value(work: _Work, row: int, plan: JournalPlan, column: RecordColumn) -> ProtocolError:
    """Why the bytes of a column are none of its values."""
    at = int(work.batch.starts[row]) + HEAD_BYTES + column.offset
    try:
        column.codec.parse(work.batch.data[at : at + column.codec.size].tobytes())
    except DecodeError as wrong:
        wrong.protocol, wrong.path, wrong.offset = plan.profile.name, column.name, HEAD_BYTES + column.offset
        return wrong
    raise AssertionError(column.name)


def _laws(work: _Work, shape: Shape, rows: Any, plan: JournalPlan) -> None:
    """Rows that break a law, the first of them; not those that have an error already."""
    import numpy as np
    import pyarrow as pa

    open_rows = rows[[row not in work.wrong for row in rows.tolist()]] if work.wrong else rows
    assert shape.layout is not None  # noqa: S101  journal_plan refuses shapes without
    spans = {name: (at + HEAD_BYTES, 0) for name, at in shape.layout.offsets.items()}
    for law in shape.laws:
        if not open_rows.size:
            return
        column = work.columns[law.column]
        column = column if open_rows.size == len(column) else column.take(pa.array(open_rows))
        if isinstance(law, Between):
            values = np.asarray(column)
            broken = (values < law.low) | (values > law.high)
        else:
            coded = column.dictionary_encode()
            holds = np.array([law.holds(value) for value in coded.dictionary.to_pylist()], bool)
            broken = ~holds[np.asarray(coded.indices)]
        for row in open_rows[broken].tolist():
            wrong = shape.implausible(law.column, law.expected, spans)
            wrong.protocol = plan.profile.name
            work.wrong[row] = wrong
        open_rows = open_rows[~broken]


def _column(work: _Work, rows: Any, starts: Any, codec: Any) -> "tuple[pa.Array, Any]":
    """A column's values where rows have it, and the rows whose bytes are none."""
    import numpy as np
    import pyarrow as pa

    count = work.batch.rows
    if isinstance(codec, Little):
        values = gathers.fixed(work.batch.data, starts, f"<u{codec.size}")
        return arrays.numbers(count, rows, values, pa.from_numpy_dtype(values.dtype)), rows[:0]
    if isinstance(codec, Hex):
        values = gathers.fixed(work.batch.data, starts, f"V{codec.size}")
        return arrays.numbers(count, rows, values, pa.binary(codec.size)), rows[:0]
    if isinstance(codec, PackedFen):
        found: tuple[Any, Any] = work.steps.fen(work.batch, starts, codec.size)
        values, good = found
        return arrays.numbers(count, rows[good], values[good], pa.int64()), rows[~good]
    if isinstance(codec, PackedDigits):
        digits = 2 * (codec.size - codec.spare)
        accept = ACCEPTS.index(MASKED if codec.masked else DIGITS)
        where = Place(rows, starts, np.full(rows.size, digits, np.int32), digits * rows.size)
        filled, bad = work.steps.digits(work.batch, where, FieldColumn(0, "digits", digits, accept))
        return filled.array(pa.string()), bad
    return _terminated(work, rows, starts, codec)


def _terminated(work: _Work, rows: Any, starts: Any, codec: Terminated) -> "tuple[pa.Array, Any]":
    import numpy as np
    import pyarrow as pa

    ends = work.steps.zeros(work.batch, starts, codec.size)
    bad = ends < 0
    filled: Filled = work.steps.text(work.batch, place(rows[~bad], starts[~bad], ends[~bad]))
    if codec.digits:
        strange = np.flatnonzero(~tables.masked_digits()[filled.data[: int(filled.offsets[-1])].view(np.uint8)])
        if strange.size:
            of = np.searchsorted(filled.offsets, strange, side="right") - 1
            bad[np.isin(rows, of)] = True
            filled = work.steps.text(work.batch, place(rows[~bad], starts[~bad], ends[~bad]))
    return filled.array(pa.string()), rows[bad]

"""Batches of a journal's records -> columns: each column lies at its own place in every record.

The records are as the spool holds them, behind their head (``protocols.journal.kept``). What
is in a record is told by its construct declaration; a record's length tells which of the
format's shapes it is, and shapes that name a column alike share it.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import construct as c

from protocols.codecs import DIGITS, MASKED
from protocols.columnar import arrays, faults, gathers
from protocols.columnar.places import Place
from protocols.columnar.places import Terminated as Text
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


class _Home(NamedTuple):
    """Where a column stands in one shape: the shape's and its own place in their order."""

    shape: int
    order: int
    column: RecordColumn


@dataclass(frozen=True)
class JournalPlan:
    """The head of a record, the shapes of its format, and where each column stands in which of them."""

    profile: JournalProfile
    head: RecordPlan
    shapes: tuple[tuple[Shape, RecordPlan], ...]

    @functools.cached_property
    def homes(self) -> dict[str, list[_Home]]:
        """Column of a record -> where it stands."""
        found: dict[str, list[_Home]] = {}
        for index, (_, plan) in enumerate(self.shapes):
            for order, column in enumerate(plan.columns):
                found.setdefault(column.name, []).append(_Home(index, order, column))
        return found

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """All columns, those of the head first."""
        return (*(column.name for column in self.head.columns), *self.homes)


def journal_plan(profile: JournalProfile) -> JournalPlan:
    """The columns of a journal's records.

    Raises:
        ProfileError: a column no plan can be derived from, or a format without fixed records.
    """
    shapes = []
    for shape in FORMATS[profile.format]:
        if shape.layout is None:
            raise underivable(profile.format, shape)
        plan = record_plan(shape.layout.declaration, shape.name)
        kept = tuple(column for column in plan.columns if column.name in shape.layout.fields)
        shapes.append((shape, RecordPlan(kept, plan.marks, plan.size)))
    return JournalPlan(profile, record_plan(HEAD, "head"), tuple(shapes))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some rows of a batch: int32, rising; where each starts, int32; how far apart they do, 0 where that differs."""

    rows: Any
    starts: Any
    stride: int = 0

    def at(self, offset: int) -> "_Rows":
        """The same rows, so many bytes further on."""
        return _Rows(self.rows, self.starts + offset, self.stride)

    def gather(self, data: Any, kind: str) -> Any:
        """A value of a numpy type of fixed size from each."""
        import numpy as np

        if self.stride and self.starts.size:
            return np.ndarray(self.starts.shape, kind, data.data, int(self.starts[0]), (self.stride,))
        return gathers.fixed(data, self.starts, kind)

    def but(self, bad: Any) -> "_Rows":
        """Without some."""
        return _Rows(self.rows[~bad], self.starts[~bad])


@dataclass(slots=True)
class _Work:
    """A batch of records being decoded; ``wrong`` is the first error of each row."""

    batch: "Batch"
    steps: Any
    columns: "dict[str, pa.Array]" = field(default_factory=dict)
    wrong: dict[int, ProtocolError] = field(default_factory=dict)

    def some(self, rows: Any) -> _Rows:
        """These rows."""
        import numpy as np

        starts = self.batch.starts[rows].astype(np.int32)
        steps = np.diff(starts)
        even = steps.size > 0 and bool((steps == steps[0]).all())
        return _Rows(rows.astype(np.int32), starts, int(steps[0]) if even else 0)


def decode(plan: JournalPlan, batch: "Batch", steps: Any) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """The columns and the errors of a batch of records; see ``messages.decode``."""
    import numpy as np
    import pyarrow as pa

    work = _Work(batch, steps)
    sizes = batch.ends - batch.starts
    rows = _headed(work, plan, sizes)
    inner = sizes[rows] - HEAD_BYTES
    by_shape = [work.some(rows[inner == of.size]).at(HEAD_BYTES) for _, of in plan.shapes]
    for row in rows[~np.isin(inner, [of.size for _, of in plan.shapes])].tolist():
        wrong = no_shape(plan.profile.format, int(sizes[row]) - HEAD_BYTES)
        wrong.offset = HEAD_BYTES
        work.wrong[row] = wrong
    _records(work, plan, by_shape)
    found = pa.RecordBatch.from_arrays([work.columns[name] for name in plan.names], list(plan.names))
    return found, faults.as_batch(sorted(work.wrong.items()))


def _headed(work: _Work, plan: JournalPlan, sizes: Any) -> Any:
    """The rows whose head is one; its columns."""
    import numpy as np

    whole = work.some(np.flatnonzero(sizes >= plan.head.size))
    good = np.ones(whole.rows.size, bool)
    for mark, at in plan.head.marks:
        good &= whole.at(at).gather(work.batch.data, f"V{len(mark)}") == np.void(mark)
    for _, bad in _columns(work, [(column, whole.at(column.offset)) for column in plan.head.columns]):
        good &= ~np.isin(whole.rows, bad) if bad.size else True
    kept = whole if good.all() else whole.but(~good)
    if kept.rows.size < sizes.size:
        bad = np.ones(sizes.size, bool)
        bad[kept.rows] = False
        for row in np.flatnonzero(bad).tolist():
            work.wrong[row] = no_record()
    if kept is not whole:
        list(_columns(work, [(column, kept.at(column.offset)) for column in plan.head.columns]))
    return kept.rows


def _columns(work: _Work, wanted: "Sequence[tuple[RecordColumn, _Rows]]") -> "Iterator[tuple[RecordColumn, Any]]":
    """Make columns, all texts together; gives the rows of each whose bytes are none of its values."""
    import pyarrow as pa

    texts = [(column, every) for column, every in wanted if isinstance(column.codec, Terminated)]
    for column, every in wanted:
        if not isinstance(column.codec, Terminated):
            work.columns[column.name], bad = _column(work, every, column.codec)
            yield column, bad
    if texts:
        places = [Text(each.rows, each.starts, at.codec.size, at.codec.digits) for at, each in texts]
        for (column, _), (found, bad) in zip(texts, work.steps.terminated(work.batch, places), strict=True):
            work.columns[column.name] = found.array(pa.string())
            yield column, bad


def _records(work: _Work, plan: JournalPlan, by_shape: list[_Rows]) -> None:
    """The columns of all shapes, and the first thing wrong with each row."""
    broken: dict[int, _Home] = {}
    wanted, lying = [], {}
    for name, homes in plan.homes.items():
        there = lying[name] = [
            (home, by_shape[home.shape].at(home.column.offset)) for home in homes if by_shape[home.shape].rows.size
        ]
        every = _merged([each for _, each in there]) if there else by_shape[homes[0].shape]
        wanted.append((homes[0].column, every))
    for column, bad in _columns(work, wanted):
        for row in bad.tolist():
            home = next(home for home, each in lying[column.name] if row in each.rows)
            if row not in broken or home.order < broken[row].order:
                broken[row] = home
    for row, home in broken.items():
        work.wrong[row] = _bad_value(work, row, plan, home.column)
    for (shape, _), each in zip(plan.shapes, by_shape, strict=True):
        if each.rows.size:
            _laws(work, shape, each.rows, plan)


def _merged(pieces: list[_Rows]) -> _Rows:
    """Rows of several shapes, in their order."""
    import numpy as np

    if len(pieces) == 1:
        return pieces[0]
    rows = np.concatenate([piece.rows for piece in pieces])
    order = np.argsort(rows, kind="stable")
    return _Rows(rows[order], np.concatenate([piece.starts for piece in pieces])[order])


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


def _column(work: _Work, every: _Rows, codec: Any) -> "tuple[pa.Array, Any]":
    """A column's values where rows have it, and the rows whose bytes are none; of all codecs but ``Terminated``."""
    import pyarrow as pa

    count, rows, data = work.batch.rows, every.rows, work.batch.data
    if isinstance(codec, Little):
        values = every.gather(data, f"<u{codec.size}")
        return arrays.numbers(count, rows, values, pa.from_numpy_dtype(values.dtype)), rows[:0]
    if isinstance(codec, Hex):
        return arrays.numbers(count, rows, every.gather(data, f"V{codec.size}"), pa.binary(codec.size)), rows[:0]
    if isinstance(codec, PackedFen):
        values, good = work.steps.fen(work.batch, every.starts, codec.size)
        if good.all():
            return arrays.numbers(count, rows, values, pa.int64()), rows[:0]
        return arrays.numbers(count, rows[good], values[good], pa.int64()), rows[~good]
    digits = 2 * (codec.size - codec.spare)
    accept = ACCEPTS.index(MASKED if codec.masked else DIGITS)
    where = Place(rows, every.starts, rows[:0], digits * rows.size)
    filled, bad = work.steps.digits(work.batch, where, FieldColumn(0, "digits", digits, accept))
    return filled.array(pa.string()), bad

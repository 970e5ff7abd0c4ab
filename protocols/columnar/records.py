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

from protocols.columnar import faults, values
from protocols.columnar.parts import parts
from protocols.columnar.places import Terminated as Text
from protocols.columnar.plan import underivable
from protocols.columnar.values import Rows
from protocols.errors import ProtocolError
from protocols.journal.formats import FORMATS, Shape, no_shape
from protocols.journal.kept import HEAD, HEAD_BYTES, no_record
from protocols.journal.laws import Between
from protocols.journal.layout import Terminated
from protocols.journal.profile import JournalProfile

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.walk import Batch


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """One column of a record: its codec, where it starts, and its bytes."""

    name: str
    codec: Any
    offset: int
    size: int

    def sizes(self, every: Rows) -> Any:
        """The bytes of it in each row."""
        import numpy as np

        return np.full(every.rows.size, self.size, np.int32)


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
    columns, marks = [], []
    at = 0
    for part in parts(declaration, path):
        if not isinstance(part.size, int):
            raise underivable(f"{path} -> {part.label}", part.codec)
        if isinstance(part.codec, c.Const):
            marks.append((part.codec.subcon.build(part.codec.value), at))
        elif part.name:
            columns.append(RecordColumn(part.name, part.codec, at, part.size))
        at += part.size
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


@dataclass(slots=True)
class _Work:
    """A batch of records being decoded; ``wrong`` is the first error of each row."""

    batch: "Batch"
    steps: Any
    columns: "dict[str, pa.Array]" = field(default_factory=dict)
    wrong: dict[int, ProtocolError] = field(default_factory=dict)

    def some(self, rows: Any) -> Rows:
        """These rows."""
        import numpy as np

        starts = self.batch.starts[rows].astype(np.int32)
        steps = np.diff(starts)
        even = steps.size > 0 and bool((steps == steps[0]).all())
        return Rows(rows.astype(np.int32), starts, int(steps[0]) if even else 0)


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


def _columns(work: _Work, wanted: "Sequence[tuple[RecordColumn, Rows]]") -> "Iterator[tuple[RecordColumn, Any]]":
    """Make columns, all texts together; gives the rows of each whose bytes are none of its values."""
    import pyarrow as pa

    texts = [(column, every) for column, every in wanted if isinstance(column.codec, Terminated)]
    for column, every in wanted:
        if not isinstance(column.codec, Terminated):
            work.columns[column.name], bad = values.column(
                work.batch, work.steps, every, column.codec, column.sizes(every)
            )
            yield column, bad
    if texts:
        places = [Text(each.rows, each.starts, at.codec.size, at.codec.digits) for at, each in texts]
        for (column, _), (found, bad) in zip(texts, work.steps.terminated(work.batch, places), strict=True):
            work.columns[column.name] = found.array(pa.string())
            yield column, bad


def _records(work: _Work, plan: JournalPlan, by_shape: list[Rows]) -> None:
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


def _merged(pieces: list[Rows]) -> Rows:
    """Rows of several shapes, in their order."""
    import numpy as np

    if len(pieces) == 1:
        return pieces[0]
    rows = np.concatenate([piece.rows for piece in pieces])
    order = np.argsort(rows, kind="stable")
    return Rows(rows[order], np.concatenate([piece.starts for piece in pieces])[order])


def _bad_value(work: _Work, row: int, plan: JournalPlan, column: RecordColumn) -> ProtocolError:
    """Why the bytes of a column are none of its values."""
    at = int(work.batch.starts[row]) + HEAD_BYTES + column.offset
    wrong = values.reason(column.codec, work.batch.data[at : at + column.size].tobytes())
    wrong.protocol, wrong.path, wrong.offset = plan.profile.name, column.name, HEAD_BYTES + column.offset
    return wrong


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
            numbers = np.asarray(column)
            broken = (numbers < law.low) | (numbers > law.high)
        else:
            coded = column.dictionary_encode()
            holds = np.array([law.holds(value) for value in coded.dictionary.to_pylist()], bool)
            broken = ~holds[np.asarray(coded.indices)]
        for row in open_rows[broken].tolist():
            wrong = shape.implausible(law.column, law.expected, spans)
            wrong.protocol = plan.profile.name
            work.wrong[row] = wrong
        open_rows = open_rows[~broken]

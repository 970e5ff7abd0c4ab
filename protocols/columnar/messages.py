"""A batch of link frames -> columns: the walk, then each column of the plan in its turn."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.columnar import arrays, faults, gathers
from protocols.columnar.gathers import Values
from protocols.columnar.places import Fault, Place, Walked
from protocols.columnar.plan import CHIP_DATA, TOTALS, FieldColumn, MessagePlan, PartColumn
from protocols.columnar.walk import HEAD, Batch
from protocols.envelope import TPDU_BYTES
from protocols.errors import ProtocolError
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

HEAD_COLUMNS = ("mti", "bitmap", "tpdu", "header", "mac_absent")


@dataclass(slots=True)
class _Work:
    """One batch being decoded.

    Attributes:
        batch: the frames.
        walked: where their fields lie.
        columns: what is done, by name.
        wrong: the first field of each row whose bytes are no value; 0 where there is none.
    """

    batch: Batch
    walked: Walked
    wrong: Any
    columns: "dict[str, pa.Array]" = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many frames."""
        return int(self.batch.starts.size)


def decode(profile: Profile, plan: MessagePlan, batch: Batch, steps: Any) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """The columns and the errors of a batch.

    Args:
        profile: whose frames they are.
        plan: its columns.
        batch: the frames.
        steps: who does the work: ``vectors`` in numpy, or the compiled ``kernel``.
    """
    import numpy as np
    import pyarrow as pa

    walked = steps.walk(profile.link, profile.grammar.walk, batch)
    work = _Work(batch, walked, np.zeros(batch.starts.size, np.int8))
    _head(work)
    for column in plan.fields:
        _field(work, column, steps)
    _totals(work, plan, steps)
    for part in plan.parts:
        work.columns[part.name] = _part(work, part, steps)
    _tags(work, plan, steps)
    names = [*HEAD_COLUMNS, *plan.names]
    found = pa.record_batch([work.columns[name] for name in names], names=names)
    return found, faults.as_batch(list(_errors(work, profile)))


def _head(work: _Work) -> None:
    """What stands before the fields."""
    import numpy as np
    import pyarrow as pa

    walked, batch, rows = work.walked, work.batch, work.rows

    def packed(at: Any, starts: Any, size: int) -> "pa.Array":
        counts = np.full(at.size, 2 * size, np.int32)
        return arrays.strings(rows, at, gathers.digits(batch.data, starts, counts, 2, right=False), pa.string())

    there = np.flatnonzero(walked.there).astype(np.int32)
    work.columns["mti"] = packed(there, (batch.starts + walked.message)[there], 2)
    work.columns["bitmap"] = arrays.numbers(rows, there, walked.bitmap[there], pa.uint64())
    headed = np.flatnonzero(walked.head >= 0).astype(np.int32)
    tpdu = (batch.starts + walked.head)[headed]
    work.columns["tpdu"] = packed(headed, tpdu, TPDU_BYTES)
    work.columns["header"] = packed(headed, tpdu + TPDU_BYTES, HEAD - TPDU_BYTES)
    work.columns["mac_absent"] = pa.array(walked.mac_absent)


def _field(work: _Work, column: FieldColumn, steps: Any) -> None:
    import numpy as np
    import pyarrow as pa

    kind = pa.binary() if column.kind == "raw" else pa.string()
    place = work.walked.places.get(column.number)
    if place is None:
        work.columns[column.name] = pa.nulls(work.rows, kind)
        return
    values = _values(work, column, place, steps)
    if column.kind == "digits" and values.lengths.size and values.lengths.min() < 0:
        bad = place.rows[values.lengths < 0]
        work.wrong[bad] = np.where(work.wrong[bad] == 0, column.number, work.wrong[bad])
    work.columns[column.name] = arrays.strings(work.rows, place.rows, values, kind)


def _values(work: _Work, column: FieldColumn, place: Place, steps: Any) -> Values:
    import numpy as np

    data = work.batch.data
    if column.kind == "text":
        found: Values = steps.text(data, place.starts, place.counts)
    elif column.kind == "raw":
        found = steps.raw(data, place.starts, place.counts)
    else:
        counts = np.full(place.rows.size, column.digits, np.int32) if column.digits else place.counts
        found = steps.digits(data, place.starts, counts, column.accept, right=column.right)
    return found


def _text(work: _Work, number: int) -> "pa.Array":
    """A field as text, raw bytes as their hex."""
    import pyarrow as pa

    whole = work.columns[f"F{number}"]
    if whole.type == pa.binary():
        return pa.array([None if value is None else value.hex().upper() for value in whole.to_pylist()], pa.string())
    return whole


def _part(work: _Work, part: PartColumn, steps: Any) -> "pa.Array":
    """A slice of a field's text: as many of its characters as there are; null where the text ends before it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    del steps
    whole = _text(work, part.number)
    if whole.null_count == work.rows:
        return pa.nulls(work.rows, pa.string())
    sliced = pc.utf8_slice_codeunits(whole, part.first, part.last)
    return pc.if_else(pc.equal(sliced, ""), pa.scalar(None, pa.string()), sliced)


def _totals(work: _Work, plan: MessagePlan, steps: Any) -> None:
    """The parts of F48 where it has as many digits as settlement totals, none of them masked."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    del steps
    if not plan.totals:
        return
    whole = _text(work, TOTALS)
    fits = np.flatnonzero(pc.fill_null(pc.equal(pc.binary_length(whole), plan.total_digits), False))
    chosen = whole.take(pa.array(fits))
    digits = np.asarray(pc.utf8_is_digit(chosen))
    fits, chosen = fits[digits].astype(np.int32), chosen.filter(pa.array(digits))
    for column in plan.totals:
        part = pc.utf8_slice_codeunits(chosen, column.first, column.last)
        kind = pa.int64() if column.is_number else pa.string()
        if column.is_number:
            part = part.cast(kind)
        where = np.full(work.rows, -1, np.int64)
        where[fits] = np.arange(fits.size)
        work.columns[column.name] = part.take(pa.array(where, mask=where < 0))


def _tags(work: _Work, plan: MessagePlan, steps: Any) -> None:
    import pyarrow as pa

    if not plan.tags:
        return
    place = work.walked.places.get(CHIP_DATA)
    if place is None:
        for column in plan.tags:
            work.columns[column.name] = pa.nulls(work.rows, pa.binary())
        return
    wanted = tuple(column.tag for column in plan.tags)
    found = steps.tags(work.batch.data, place.starts, place.starts + place.counts, wanted)
    for column, (starts, sizes) in zip(plan.tags, found, strict=True):
        there = starts >= 0
        values = steps.raw(work.batch.data, starts[there], sizes[there])
        work.columns[column.name] = arrays.strings(work.rows, place.rows[there], values, pa.binary())


def _errors(work: _Work, profile: Profile) -> "list[tuple[int, ProtocolError]]":
    """A row's first error: a field whose bytes are no value before a walk that ended early, as the row decoder says."""
    import numpy as np

    batch, walked = work.batch, work.walked
    found = []
    for row in np.flatnonzero((walked.fault != Fault.NONE) | (work.wrong != 0)).tolist():
        start, end = int(batch.starts[row]), int(batch.ends[row])
        number = int(work.wrong[row])
        if number:
            step, place = profile.grammar.walk.steps[number], walked.places[number]
            at = int(np.searchsorted(place.rows, row))
            value, count = int(place.starts[at]), int(place.counts[at])
            width = (count + 1) >> 1 if step.digits else count
            raw = batch.data[value : value + width].tobytes()
            wrong = faults.bad_value(profile, number, value - step.prefix - start, raw, count)
        else:
            wrong = faults.fault(profile, walked, row, batch.data[start:end].tobytes())
        found.append((row, wrong))
    return found

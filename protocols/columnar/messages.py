"""A batch of link frames -> columns: the walk, then each column of the plan in its turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.codecs import NIBBLES
from protocols.columnar import arrays, faults
from protocols.columnar.arrays import Column
from protocols.columnar.places import Place, Walked
from protocols.columnar.plan import ACCEPTS, CHIP_DATA, HEAD, TOTALS, FieldColumn, MessagePlan, PartColumn
from protocols.columnar.walk import Batch
from protocols.errors import ProtocolError
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

_ANY = ACCEPTS.index(NIBBLES)


@dataclass(slots=True)
class _Work:
    """One batch being decoded.

    Attributes:
        batch: the frames.
        walked: where their fields lie.
        steps: who does the work: ``vectors`` in numpy, or ``compiled``.
        wrong: the first field of each row whose bytes are no value; 0 where there is none.
        digits: the fields that are text of packed digits, for their parts.
        columns: what is done, by name.
        nulls: columns that no row has, by type: they share their memory.
    """

    batch: Batch
    walked: Walked
    steps: Any
    wrong: Any
    digits: dict[int, Column] = field(default_factory=dict)
    columns: "dict[str, pa.Array]" = field(default_factory=dict)
    nulls: "dict[pa.DataType, pa.Array]" = field(default_factory=dict)

    def none(self, kind: "pa.DataType") -> "pa.Array":
        """A column no row has."""
        import pyarrow as pa

        if kind not in self.nulls:
            self.nulls[kind] = pa.nulls(self.batch.rows, kind)
        return self.nulls[kind]


def decode(profile: Profile, plan: MessagePlan, batch: Batch, steps: Any) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """The columns and the errors of a batch.

    Args:
        profile: whose frames they are.
        plan: its columns.
        batch: the frames.
        steps: who does the work: ``vectors`` in numpy, or ``compiled``.
    """
    import numpy as np
    import pyarrow as pa

    walked = steps.walk(profile.link, profile.grammar.walk, batch)
    work = _Work(batch, walked, steps, np.zeros(batch.rows, np.int8))
    _fields(work, (*HEAD, *plan.fields))
    work.columns["bitmap"] = arrays.spread(walked.bitmap, arrays.bits(walked.there))
    work.columns["mac_absent"] = arrays.flags(walked.mac_absent)
    _totals(work, plan)
    for number in dict.fromkeys(part.number for part in plan.parts):
        _parts(work, number, [part for part in plan.parts if part.number == number])
    _tags(work, plan)
    schema = plan.schema
    found = pa.RecordBatch.from_arrays([work.columns[name] for name in schema.names], schema=schema)
    return found, faults.as_batch(_errors(work, profile))


def _fields(work: _Work, columns: Sequence[FieldColumn]) -> None:
    import numpy as np
    import pyarrow as pa

    for column, (filled, bad) in work.steps.fields(work.batch, work.walked, columns):
        work.columns[column.name] = filled.array(pa.binary() if column.kind == "raw" else pa.string())
        if column.kind == "digits":
            work.digits[column.number] = filled
        if bad.size:
            worse = (work.wrong[bad] == 0) | (work.wrong[bad] > column.number)
            work.wrong[bad] = np.where(worse, column.number, work.wrong[bad])
    for column in columns:
        if column.name not in work.columns:
            work.columns[column.name] = work.none(pa.binary() if column.kind == "raw" else pa.string())


def _parts(work: _Work, number: int, parts: Sequence[PartColumn]) -> None:
    """Slices of a field's text: as many of its characters as there are; null where the text ends before them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    place = work.walked.places.get(number)
    whole = work.columns[f"F{number}"]
    if place is None:
        work.columns |= {part.name: work.none(pa.string()) for part in parts}
    elif whole.type == pa.string() and number not in work.digits:
        for part in parts:
            sliced = pc.utf8_slice_codeunits(whole, part.first, part.last)
            work.columns[part.name] = pc.if_else(pc.equal(sliced, ""), pa.scalar(None, pa.string()), sliced)
    else:
        found = work.steps.parts(_hex(work, number, place), place, parts)
        for part, filled in zip(parts, found, strict=True):
            work.columns[part.name] = filled.array(pa.string())


def _hex(work: _Work, number: int, place: Place) -> Column:
    """A field's digits; of raw bytes their hex, of text its characters."""
    if number not in work.digits:
        if work.columns[f"F{number}"].type.equals("string"):
            as_text: Column = work.steps.text(work.batch, place)
            return as_text
        nibbles = Place(place.rows, place.starts, 2 * place.counts, 2 * place.total)
        work.digits[number], _ = work.steps.digits(work.batch, nibbles, FieldColumn(number, "digits", accept=_ANY))
    return work.digits[number]


def _totals(work: _Work, plan: MessagePlan) -> None:
    """The parts of F48 where it has as many digits as settlement totals, none of them masked."""
    place = work.walked.places.get(TOTALS)
    if place is None or not plan.totals:
        work.columns |= {each.name: work.none(plan.schema.field(each.name).type) for each in plan.totals}
        return
    values, there = work.steps.totals(_hex(work, TOTALS, place), place, plan.total_digits, plan.totals)
    validity = arrays.bits(there)
    for column, numbers in zip(plan.totals, values, strict=True):
        if column.is_number:
            work.columns[column.name] = arrays.spread(numbers, validity)
        else:
            work.columns[column.name] = arrays.as_digits(numbers, there, column.last - column.first)


def _tags(work: _Work, plan: MessagePlan) -> None:
    import pyarrow as pa

    place = work.walked.places.get(CHIP_DATA)
    found = work.steps.tags(work.batch, place, tuple(column.tag for column in plan.tags)) if place and plan.tags else []
    for index, column in enumerate(plan.tags):
        work.columns[column.name] = found[index].array(pa.binary()) if found else work.none(pa.binary())


def _errors(work: _Work, profile: Profile) -> "list[tuple[int, ProtocolError]]":
    """A row's first error: a field whose bytes are no value before a walk that ended early, as the row decoder says."""
    import numpy as np

    batch, walked = work.batch, work.walked
    found = []
    for row in np.flatnonzero(walked.fault | work.wrong).tolist():
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

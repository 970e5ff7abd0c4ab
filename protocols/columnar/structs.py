"""Batches of any Struct -> columns: part after part over all rows, each row as far as it is right.

The row decoder of a Struct is construct itself: a row has the values that ``declaration.parse`` reads in front of its
first error, and that error with the part's name and its first byte. What is behind the last part is nobody's, unless
the declaration ends with construct's ``Terminated``. A Const and padding are looked at, and are no columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import construct as c

from protocols.columnar import faults, values
from protocols.columnar.parts import Part, parts
from protocols.columnar.values import Rows
from protocols.errors import DecodeError, ProtocolError

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.walk import Batch


@dataclass(frozen=True, slots=True)
class StructPlan:
    """The parts of a Struct; ``measures``: the columns that sizes are told by."""

    parts: tuple[Part, ...]
    measures: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(part.name for part in self.parts if part.name)


def struct_plan(declaration: Any, path: str = "record") -> StructPlan:
    """The columns of a Struct.

    Args:
        declaration: a Struct of integers, Enum, Const, Bytes, padded text, padding and the codecs of a journal's
            layout; sizes are numbers, or expressions over the numbers in front of them.
        path: what the declaration is called, for a refusal.

    Raises:
        ProfileError: a part no column can be derived from; ``path`` names it.
    """
    found = tuple(parts(declaration, path))
    sizes = " ".join(repr(part.size) for part in found)
    return StructPlan(found, frozenset(part.name for part in found if part.name and f"this[{part.name!r}]" in sizes))


@dataclass(slots=True)
class _Work:
    """A batch being decoded.

    Attributes:
        batch: the rows.
        rows: int32, those without an error so far.
        at: int64, where the next part of each of these begins.
        numbers: what sizes are told by, int64, a number for each row of the batch.
        wrong: the error of each row that has one.
    """

    batch: "Batch"
    rows: Any
    at: Any
    numbers: dict[str, Any] = field(default_factory=dict)
    wrong: dict[int, ProtocolError] = field(default_factory=dict)

    def drop(self, bad: Any, errors: "Iterator[DecodeError]") -> None:
        """Rows that have an error at the part that begins here; ``errors`` are theirs."""
        for row, at, wrong in zip(self.rows[bad].tolist(), self.at[bad].tolist(), errors, strict=True):
            wrong.offset = at - int(self.batch.starts[row])
            self.wrong[row] = wrong
        self.rows, self.at = self.rows[~bad], self.at[~bad]


def decode(plan: StructPlan, batch: "Batch", steps: Any) -> "tuple[pa.RecordBatch, pa.RecordBatch]":
    """The columns and the errors of a batch; see ``messages.decode``."""
    import numpy as np
    import pyarrow as pa

    work = _Work(batch, np.arange(batch.rows, dtype=np.int32), batch.starts.astype(np.int64))
    columns: list[pa.Array] = []
    for part in plan.parts:
        sizes = _fitting(work, part)
        here = Rows(work.rows, work.at.astype(np.int32))
        if isinstance(part.codec, c.Const | c.Padded) or part.codec is c.Terminated:
            missing = _unlike(batch, here, part)
        else:
            made, bad = values.column(batch, steps, here, part.codec, sizes.astype(np.int32))
            missing = np.isin(work.rows, bad) if bad.size else None
            if part.name:
                columns.append(made)
            if part.name in plan.measures:
                work.numbers[part.name] = _numbers(made)
        if missing is not None and missing.any():
            raws = [batch.data[at : at + size].tobytes() for at, size in _pairs(work.at, sizes, missing)]
            work.drop(missing, (_bad_value(part, raw) for raw in raws))
            sizes = sizes[~missing]
        work.at = work.at + sizes
    return pa.RecordBatch.from_arrays(columns, list(plan.names)), faults.as_batch(sorted(work.wrong.items()))


def _pairs(starts: Any, sizes: Any, some: Any) -> list[tuple[int, int]]:
    return list(zip(starts[some].tolist(), sizes[some].tolist(), strict=True))


def _numbers(column: "pa.Array") -> Any:
    """A column of numbers as int64; anything where a row has none."""
    import numpy as np
    import pyarrow as pa

    return np.frombuffer(column.cast(pa.int64()).buffers()[1], np.int64)[: len(column)]


def _fitting(work: _Work, part: Part) -> Any:
    """The size of a part in each row, after those it does not fit into are dropped."""
    import numpy as np

    batch = work.batch
    if isinstance(part.size, int):
        sizes = np.full(work.rows.size, part.size, np.int64)
    else:
        sizes = part.size({name: each[work.rows] for name, each in work.numbers.items()})
    left = batch.ends[work.rows] - work.at
    if part.codec is c.Terminated:
        work.drop(
            left > 0, (_wrong(part, "long", "the end of the record", f"{more} bytes more") for more in left[left > 0])
        )
        return sizes[left == 0]
    bad = (sizes < 0) | (sizes > left)
    if bad.any():
        work.drop(bad, (_cut(part, size, there) for size, there in _pairs(sizes, left, bad)))
    return sizes[~bad]


def _unlike(batch: "Batch", here: Rows, part: Part) -> Any:
    """Which rows do not have the bytes of a Const; None of a part that is none."""
    import numpy as np

    if not isinstance(part.codec, c.Const) or not here.rows.size:
        return None
    wanted = part.codec.value
    wanted = wanted if isinstance(wanted, bytes) else part.codec.subcon.build(wanted)
    if len(wanted) != part.size:
        return np.ones(here.rows.size, bool)
    return here.gather(batch.data, f"V{part.size}") != np.void(wanted) if part.size else None


def _cut(part: Part, size: int, left: int) -> DecodeError:
    if size < 0:
        return _wrong(part, "length", "a length of 0 or more", "a negative one")
    return _wrong(part, "short", f"{size} bytes", f"{left}")


def _bad_value(part: Part, raw: bytes) -> DecodeError:
    if isinstance(part.codec, c.Const):
        return _wrong(part, "const", "the bytes of the declaration", "others")
    wrong = values.reason(part.codec, raw)
    wrong.path = part.label
    return wrong


def _wrong(part: Part, code: str, expected: str, got: str) -> DecodeError:
    said = {"long": "the record goes on", "short": "the record is cut off", "const": "not the constant"}
    message = said.get(code, "not a length")
    return DecodeError(message, layer="record", path=part.label, code=code, expected=expected, got=got)

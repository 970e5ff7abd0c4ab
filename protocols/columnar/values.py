"""One part of many rows -> a column: of every codec a part of a Struct may have (``parts``)."""

from typing import TYPE_CHECKING, Any, NamedTuple

import construct as c

from protocols.codecs import DIGITS, MASKED
from protocols.columnar import arrays, gathers
from protocols.columnar.parts import encoding, integer
from protocols.columnar.places import Place, place
from protocols.columnar.places import Terminated as Text
from protocols.columnar.plan import ACCEPTS, FieldColumn
from protocols.errors import DecodeError
from protocols.journal.layout import Hex, PackedDigits, PackedFen, Terminated

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.walk import Batch


class Rows(NamedTuple):
    """Some rows of a batch: int32, rising; where each starts, int32; how far apart they do, 0 where that differs."""

    rows: Any
    starts: Any
    stride: int = 0

    def at(self, offset: int) -> "Rows":
        """The same rows, so many bytes further on."""
        return Rows(self.rows, self.starts + offset, self.stride)

    def gather(self, data: Any, kind: str) -> Any:
        """A value of a numpy type of fixed size from each."""
        import numpy as np

        if self.stride and self.starts.size:
            return np.ndarray(self.starts.shape, kind, data.data, int(self.starts[0]), (self.stride,))
        return gathers.fixed(data, self.starts, kind)

    def but(self, bad: Any) -> "Rows":
        """Without some."""
        return Rows(self.rows[~bad], self.starts[~bad])


def kind(codec: Any) -> "pa.DataType":
    """The type of a part's column."""
    import numpy as np
    import pyarrow as pa

    if integer(codec):
        return pa.from_numpy_dtype(np.dtype(integer(codec)).newbyteorder("="))
    if isinstance(codec, PackedFen):
        return pa.int64()
    if isinstance(codec, Hex):
        return pa.binary(codec.size)
    return pa.binary() if isinstance(codec, c.Bytes) else pa.string()


def column(batch: "Batch", steps: Any, every: Rows, codec: Any, sizes: Any = None) -> "tuple[pa.Array, Any]":
    """A column's values where rows have it, and the rows whose bytes are none.

    Args:
        batch: the bytes.
        steps: who does the work: ``vectors`` in numpy, or ``compiled``.
        every: the rows, and where the part starts in each.
        codec: of the part.
        sizes: int32, the bytes of each, of a codec that has no size of its own.
    """
    import pyarrow as pa

    count, rows, data = batch.rows, every.rows, batch.data
    if not rows.size:
        return pa.nulls(count, kind(codec)), rows
    if integer(codec):
        values = every.gather(data, integer(codec))
        return arrays.numbers(count, rows, values.astype(values.dtype.newbyteorder("=")), kind(codec)), rows[:0]
    if isinstance(codec, c.Enum):
        return _names(count, rows, every.gather(data, integer(codec.subcon)), codec), rows[:0]
    if isinstance(codec, Hex):
        return arrays.numbers(count, rows, every.gather(data, f"V{codec.size}"), kind(codec)), rows[:0]
    if isinstance(codec, PackedFen):
        values, good = steps.fen(batch, every.starts, codec.size)
        if good.all():
            return arrays.numbers(count, rows, values, pa.int64()), rows[:0]
        return arrays.numbers(count, rows[good], values[good], pa.int64()), rows[~good]
    if isinstance(codec, PackedDigits):
        digits = 2 * (codec.size - codec.spare)
        accept = ACCEPTS.index(MASKED if codec.masked else DIGITS)
        where = Place(rows, every.starts, rows[:0], digits * rows.size)
        filled, bad = steps.digits(batch, where, FieldColumn(0, "digits", digits, accept))
        return filled.array(pa.string()), bad
    if isinstance(codec, Terminated):
        filled, bad = steps.terminated(batch, [Text(rows, every.starts, codec.size, codec.digits)])[0]
        return filled.array(pa.string()), bad
    where = place(rows, every.starts, sizes)
    if isinstance(codec, c.Bytes):
        return steps.raw(batch, where).array(pa.binary()), rows[:0]
    return _padded(batch, steps, where, encoding(codec))


def reason(codec: Any, raw: bytes) -> DecodeError:
    """Why these bytes are no value of a codec; without its name and its place."""
    if encoding(codec):
        wanted, said = f"text in {encoding(codec)}", "not a value of this column"
        return DecodeError(said, layer="record", code="text", expected=wanted, got="another byte")
    try:
        codec.parse(raw)
    except DecodeError as wrong:
        return wrong
    raise AssertionError(type(codec).__name__)


def _names(count: int, rows: Any, values: Any, codec: Any) -> "pa.Array":
    """The names of numbers; the digits of a number that has none, as construct gives it back."""
    import numpy as np
    import pyarrow as pa

    known, which = np.unique(values, return_inverse=True)
    names = [str(codec.decmapping.get(number, number)).encode() for number in known.tolist()]
    offsets = np.cumsum([0, *map(len, names)], dtype=np.int32)
    labels = arrays.Filled(offsets, None, np.frombuffer(b"".join(names), np.uint8)).array(pa.string())
    return labels.take(arrays.numbers(count, rows, which.astype(np.int32), pa.int32()))


def _padded(batch: "Batch", steps: Any, where: Place, coded: str) -> "tuple[pa.Array, Any]":
    """Text without the zero bytes at its end."""
    import pyarrow as pa

    lengths, strange = steps.stripped(batch, where)
    if not strange.any():
        return steps.raw(batch, place(where.rows, where.starts, lengths)).array(pa.string()), where.rows[:0]
    found = gathers.encoded(batch.data, where.starts, lengths, strange, coded)
    return arrays.filled(batch.rows, where.rows, *found).array(pa.string()), where.rows[found.lengths < 0]

"""Values -> Arrow arrays, with nulls where a row has none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa


class Filled(NamedTuple):
    """A column of text or bytes as Arrow's buffers.

    Attributes:
        offsets: int32, one more than rows.
        validity: int8, a bit a row, the lowest first; None where all rows have a value.
        data: int8 or uint8, the values end to end.
    """

    offsets: Any
    validity: Any
    data: Any

    def array(self, kind: "pa.DataType") -> "pa.Array":
        """The column; ``kind`` is ``pa.string()`` or ``pa.binary()``."""
        import pyarrow as pa

        validity = None if self.validity is None else pa.py_buffer(self.validity)
        buffers = [validity, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(kind, self.offsets.size - 1, buffers)


@dataclass(frozen=True, slots=True)
class Shared:
    """A column as ``Filled`` has it, cut out of buffers that several columns share.

    Attributes:
        rows: how many.
        buffers: validity, offsets and data.
    """

    rows: int
    buffers: "list[pa.Buffer]"

    @property
    def offsets(self) -> Any:
        """See ``Filled``."""
        import numpy as np

        return np.frombuffer(self.buffers[1], np.int32)

    @property
    def validity(self) -> Any:
        """See ``Filled``."""
        import numpy as np

        return np.frombuffer(self.buffers[0], np.int8)

    @property
    def data(self) -> Any:
        """See ``Filled``."""
        import numpy as np

        return np.frombuffer(self.buffers[2], np.int8)

    def array(self, kind: "pa.DataType") -> "pa.Array":
        """See ``Filled``."""
        import pyarrow as pa

        return pa.Array.from_buffers(kind, self.rows, self.buffers)


Column = Filled | Shared


class Made(NamedTuple):
    """A column, and the rows whose bytes are none of its values."""

    filled: Column
    bad: Any


def filled(rows: int, at: Any, lengths: Any, data: Any) -> Filled:
    """A column of ``rows`` rows whose values lie end to end; ``lengths`` of the rows ``at``, -1 for none."""
    import numpy as np

    offsets = np.zeros(rows + 1, np.int32)
    good = lengths >= 0
    offsets[at + 1] = np.where(good, lengths, 0)
    np.cumsum(offsets, out=offsets)
    return Filled(offsets, validity(rows, at[good]), data)


def numbers(rows: int, at: Any, values: Any, kind: "pa.DataType") -> "pa.Array":
    """Numbers as a column; ``values`` are those of the rows ``at``."""
    import numpy as np
    import pyarrow as pa

    whole = values
    if at.size != rows:
        whole = np.zeros(rows, values.dtype)
        whole[at] = values
    there = validity(rows, at)
    buffers = [None if there is None else pa.py_buffer(there), pa.py_buffer(np.ascontiguousarray(whole))]
    return pa.Array.from_buffers(kind, rows, buffers)


def spread(values: Any, there: Any) -> "pa.Array":
    """A number of each row as a column; ``there`` are the bits of the rows that have one, None for all."""
    import pyarrow as pa

    buffers = [None if there is None else pa.py_buffer(there), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, buffers)


def plain(column: "pa.Array", kind: Any) -> Any:
    """The numbers of a column without nulls; Arrow itself would load pandas to give them."""
    import numpy as np

    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)]


def texts(values: Sequence[str]) -> "pa.StringArray":
    """Texts of ASCII; Arrow itself would load pandas to take them."""
    import numpy as np
    import pyarrow as pa

    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return Filled(offsets, None, "".join(values).encode("ascii")).array(pa.string())


def as_digits(values: Any, there: Any, width: int) -> "pa.Array":
    """A number of each row as text of so many digits; ``there`` says which rows have one."""
    import numpy as np
    import pyarrow as pa

    at = np.flatnonzero(there)
    text = values[at] if width == 1 else values[at, None] // 10 ** np.arange(width - 1, -1, -1)
    text = text % 10 + ord("0")
    lengths = np.full(at.size, width, np.int32)
    return filled(values.size, at, lengths, text.astype(np.uint8).ravel()).array(pa.string())


def hexadecimal(octets: Any) -> "pa.Array":
    """Lines of bytes, each as one lower-case text."""
    import numpy as np
    import pyarrow as pa

    count, width = octets.shape
    characters = np.frombuffer(bytes(range(256)).hex().encode("ascii"), "<u2")
    text = np.ascontiguousarray(characters[octets])
    offsets = np.arange(0, 2 * width * (count + 1), 2 * width, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def between(data: Any, starts: Any, ends: Any, there: Any = None) -> "pa.BinaryArray":
    """The bytes of a buffer between two places of each row; ``there`` as ``bits`` makes them."""
    import numpy as np
    import pyarrow as pa

    both = np.stack([starts, ends], axis=1).astype(np.int32).ravel()
    buffers = [None, pa.py_buffer(both), pa.py_buffer(data)]
    every = pa.Array.from_buffers(pa.binary(), max(both.size - 1, 0), buffers)
    return every.take(spread(np.arange(0, both.size, 2, dtype=np.int32), there))


def flags(said: Any) -> "pa.Array":
    """Yes or no of each row as a column."""
    import numpy as np
    import pyarrow as pa

    return pa.Array.from_buffers(pa.bool_(), said.size, [None, pa.py_buffer(np.packbits(said, bitorder="little"))])


def truths(column: "pa.Array | pa.ChunkedArray") -> Any:
    """Whether each row of a column of booleans says yes, null is no; Arrow itself would look at them one by one."""
    import numpy as np
    import pyarrow as pa

    pieces = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found = [_truths(each) for each in pieces]
    return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, bool), *found])


def _truths(piece: "pa.Array") -> Any:
    import numpy as np

    there, said = (_unpacked(each, piece.offset, len(piece)) for each in piece.buffers())
    if said is None:
        return np.zeros(len(piece), bool)
    return said & there if piece.null_count else said


def _unpacked(octets: "pa.Buffer | None", first: int, count: int) -> Any:
    """So many bits from the first one on; None where there are none."""
    import numpy as np

    if octets is None:
        return None
    found = np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little", count=first + count)
    return found[first:].view(bool)


def bits(there: Any) -> Any:
    """A bit for each row, the lowest first; None where all are set."""
    import numpy as np

    return None if there.all() else np.packbits(there, bitorder="little")


def validity(rows: int, at: Any) -> Any:
    """A bit for each row that has a value; None where all have."""
    import numpy as np

    if at.size == rows:
        return None
    there = np.zeros(rows, bool)
    there[at] = True
    return bits(there)

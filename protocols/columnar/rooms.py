"""Memory that the compiled loops fill: of one column, or of several that share it."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.columnar.arrays import Shared
from protocols.columnar.places import Place
from protocols.columnar.walk import Batch

if TYPE_CHECKING:
    import pyarrow as pa

SPARE = 32
"""Bytes behind a column's that may be written or read."""
TILE = 2048
"""Rows whose bytes and places stay in the processor's second cache."""


def unfilled(kind: Any, *shape: int) -> Any:
    """An array whose memory is Arrow's, which gives it again without asking the system; not filled."""
    import numpy as np
    import pyarrow as pa

    size = math.prod(shape)
    return np.frombuffer(pa.allocate_buffer(size * np.dtype(kind).itemsize), kind, size).reshape(shape)


def as_bytes(data: Any) -> Any:
    """A buffer as the loops read it: always the same type, so that they are compiled once."""
    import numpy as np

    found = data.view(np.int8)
    found.flags.writeable = False
    return found


class Lines(NamedTuple):
    """Places of several fields in arrays they share.

    Attributes:
        rows: see ``Place``.
        starts: likewise.
        counts: likewise.
        tiles: where each begins in each tile, a line for each; and the ends.
        tile_rows: how many rows a tile has.
    """

    rows: Any
    starts: Any
    counts: Any
    tiles: Any
    tile_rows: int


def lined_up(batch: Batch, places: Sequence[Place]) -> Lines:
    """Places as the loops take them; those of one walk lie in the same arrays already."""
    import numpy as np

    one = places[0]
    if one.tiles is None:
        return Lines(one.rows, one.starts, one.counts, np.array([[0], [one.rows.size]]), max(batch.rows, 8))
    tiles = np.stack([place.tiles for place in places], axis=1)
    return Lines(one.rows.base, one.starts.base, one.counts.base, tiles, TILE)


class Room(NamedTuple):
    """Buffers that some columns share, and the numbers of each for the loops."""

    rows: int
    buffers: "list[pa.Buffer]"
    table: Any

    @property
    def arrays(self) -> tuple[Any, Any, Any]:
        """Offsets, validity and data as the loops fill them."""
        import numpy as np

        validity, offsets, data = self.buffers
        return np.frombuffer(offsets, np.int32), np.frombuffer(validity, np.int8), np.frombuffer(data, np.int8)

    def columns(self) -> Iterator[Shared]:
        """Each column's own part."""
        validity, offsets, data = self.buffers
        bits, size = (self.rows + 7) // 8, 4 * (self.rows + 1)
        for index, at in enumerate(self.table[:, 2].tolist()):
            buffers = [validity.slice(index * bits, bits), offsets.slice(index * size, size), data.slice(at)]
            yield Shared(self.rows, buffers)


def room_of(rows: int, numbers: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> Room:
    """Room for columns of so many bytes; of the numbers of each the third is where its bytes begin."""
    import numpy as np
    import pyarrow as pa

    table, at = [], 0
    for (first, second, _, *rest), size in zip(numbers, sizes, strict=True):
        table.append((first, second, at, *rest))
        at += size + SPARE
    bits = len(table) * ((rows + 7) // 8)
    buffers = [pa.allocate_buffer(size) for size in (bits, 4 * len(table) * (rows + 1), at)]
    return Room(rows, buffers, np.array(table, np.int64))

"""Texts of columns as numbers, each piece of a column numbered once: days are paired with those beside them."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from protocols.columnar.distinct import number
from protocols.columnar.loading import loops, ready

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 64
"""So many pieces are remembered: four columns of some days."""


class Coded:
    """Remembers the latest pieces, by where their bytes lie, and keeps them there meanwhile."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int, int], tuple[pa.Array, Any, list[Any]]] = OrderedDict()

    def __call__(self, column: "pa.ChunkedArray") -> tuple[Any, list[Any]]:
        """For each value its place among those that occur, int64; and those."""
        import numpy as np

        pieces = [self._piece(each) for each in column.chunks if len(each)]
        if len(pieces) == 1:
            return pieces[0]
        places: dict[Any, int] = {}
        found = [
            np.array([places.setdefault(value, len(places)) for value in values], np.int64)[codes]
            for codes, values in pieces
        ]
        return np.concatenate([np.zeros(0, np.int64), *found]), list(places)

    def _piece(self, piece: "pa.Array") -> tuple[Any, list[Any]]:
        octets = piece.buffers()[1]
        if octets is None:
            return numbered(piece)
        key = (octets.address, piece.offset, len(piece))
        if key not in self._known:
            self._known[key] = (piece, *numbered(piece))
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key][1:]


def numbered(values: "pa.Array") -> tuple[Any, list[Any]]:
    """For each value its place among those that occur, int64; and those."""
    import numpy as np
    import pyarrow as pa

    if ready() and loops() is not None:
        places = np.zeros(len(values), np.int64)
        first = number(values, places)
        return places, values.take(pa.array(first)).to_pylist()
    coded = values.dictionary_encode(null_encoding="encode")
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()

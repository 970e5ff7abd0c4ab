"""Rows that this process has committed, handed on to what is worked out from them: nobody reads what he just wrote.

A row is handed on by the file it is in. That was read back before it counted (`ingest.datafile`), and is taken only
for a version of the log that lists it; whatever is not here any more, or never was, is read from the lake. A backlog
of more than a million frames needs its memory for other things: nothing of it is kept.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 288 << 20
"""So much is kept at most: a million frames. Of a landing of more nothing is."""
MOST_SEGMENTS = 200 << 20
"""So many bytes of segments fit into that: of more nothing is kept from the start."""


class Handed:
    """Rows by the path of their file below the table, each given once.

    Args:
        most: of more bytes than these nothing is kept.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._rows: dict[str, pa.Table] = {}
        self._bytes = 0

    def add(self, path: str, rows: "pa.Table") -> None:
        """Keep a committed file's rows, in their order; once there are too many, let all of them go."""
        self._bytes += rows.nbytes
        if self._bytes <= self._most:
            self._rows[path] = rows
        else:
            self._rows.clear()

    def take(self, paths: Sequence[str]) -> "list[pa.Table] | None":
        """The rows of some files, which are let go here; None when one of them is not here."""
        if not all(path in self._rows for path in paths):
            return None
        return [self._rows.pop(path) for path in paths]

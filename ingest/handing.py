"""Rows that this process has committed, handed on to what is worked out from them: nobody reads what he just wrote.

A row is handed on by the file it is in. That was read back before it counted (`ingest.datafile`), and is taken only
for a version of the log that lists it; whatever is not here any more, or never was, is read from the lake.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 288 << 20
"""So much is kept: a million frames. What comes later is read from the lake when its turn comes."""


class Handed:
    """Rows by the path of their file below the table, each given once.

    Args:
        most: how many bytes are kept at a time.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._rows: dict[str, pa.Table] = {}
        self._bytes = 0

    def add(self, path: str, rows: "pa.Table") -> None:
        """Keep a committed file's rows, in their order, if there is room."""
        if self._bytes + rows.nbytes <= self._most:
            self._rows[path] = rows
            self._bytes += rows.nbytes

    def take(self, paths: Sequence[str]) -> "list[pa.Table] | None":
        """The rows of some files, which are let go here; None when one of them is not here."""
        if not all(path in self._rows for path in paths):
            return None
        found = [self._rows.pop(path) for path in paths]
        self._bytes -= sum(rows.nbytes for rows in found)
        return found

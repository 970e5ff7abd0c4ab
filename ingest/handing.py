"""Rows that this process has committed, handed on to what is worked out from them: nobody reads what he just wrote.

A row is handed on by the file it is in. That was read back before it counted (`ingest.datafile`), and is taken only
for a version of the log that lists it; whatever is not here any more, or never was, is read from the lake. Either all
of it waits until everything is in (`Handed`), a million frames at most, or it is taken meanwhile (`Flow`).
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

MOST_WAITING = 16 << 20
"""So much may wait for who works tables out meanwhile when one more segment is read."""
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


class Stopped(Exception):  # noqa: N818  it is no error
    """Nothing more comes, and what came is not wanted."""


class News(NamedTuple):
    """A file of ``raw_frames``.

    Attributes:
        path: below the table.
        rows: how many there are.
        last: the number of the last one.
        says: whether any of them can be told of in another table: not one that has only sessions, which every
            segment repeats, on the day they began.
    """

    path: str
    rows: int
    last: int
    says: bool


class Flow(Handed):
    """Rows on their way to who takes them in another thread, with the news of each file; who adds may `wait` first."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        super().__init__(most)
        self._turn = threading.Condition()
        self._news: list[News] = []
        self._hungry = self._ended = self._stopped = False

    def add(self, path: str, rows: "pa.Table") -> None:
        """Tell of a committed file and its rows."""
        with self._turn:
            if self._stopped:
                return
            news = News(path, rows.num_rows, rows["seq"][-1].as_py(), _says(rows))
            if news.says:
                self._rows[path] = rows
                self._bytes += rows.nbytes
            self._news.append(news)
            self._turn.notify_all()

    def wait(self) -> None:
        """Wait until there is room for more, or the other waits for news."""
        with self._turn:
            self._turn.wait_for(lambda: self._bytes <= self._most or self._hungry or self._stopped)

    def take(self, paths: Sequence[str]) -> "list[pa.Table] | None":
        """See ``Handed``."""
        with self._turn:
            taken = super().take(paths)
            self._bytes -= sum(rows.nbytes for rows in taken or ())
            self._turn.notify_all()
            return taken

    def news(self, *, wait: bool) -> list[News]:
        """Of the files that came since; with ``wait`` none only where no more will come.

        Raises:
            Stopped: `stop` was called.
        """
        with self._turn:
            if wait:
                self._hungry = True
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._news or self._ended or self._stopped)
                self._hungry = False
            if self._stopped:
                raise Stopped
            news, self._news = self._news, []
            return news

    def end(self) -> None:
        """Say that no more will come."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()

    @property
    def ended(self) -> bool:
        """Whether all has been told."""
        with self._turn:
            return self._ended and not self._news

    def stop(self) -> None:
        """Say that nothing is wanted any more; of effect on both sides."""
        with self._turn:
            self._stopped = True
            self._rows.clear()
            self._turn.notify_all()


def _says(rows: "pa.Table") -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    return bool(pc.any(pc.is_in(rows["kind"], pa.array(["frame", "noise", "gap"]))).as_py())

"""The derived tables of a long backlog, worked out while its segments still come in: nothing is read again.

A spool's segments come in their order, so a day is whole once a later one has begun. That is taken for granted here and
for nothing else: what was made is used only for a version of ``raw_frames`` that lists, for each day that was looked
at, the very files that were. Else all is worked out anew, as it would have been without (`ingest.deriving`).
"""

import datetime as dt
from collections.abc import Container, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from ingest.deriving import APPLICATION, DERIVED, Work, staged_of
from ingest.errors import TillwatchError
from ingest.handing import Flow, Stopped
from ingest.lake import Lake
from ingest.overlap import workers
from ingest.staging import Staged
from protocols.columnar import loading
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

_DAY = dt.timedelta(1)


def alongside(lake: Lake, zone: ZoneInfo, own: Mapping[str, Profile], segments: int) -> "Alongside | None":
    """What works the tables out while so many segments come in; None where the tables are behind already.

    Raises:
        LakeError: a log cannot be read.
    """
    version = lake.version("raw_frames")
    if version is not None and any(lake.committed(name, APPLICATION) != version for name in DERIVED):
        return None
    return Alongside(lake, zone, own, version, segments)


class Alongside(Work):
    """Days in the order in which they come, each once it is whole; ``handed`` hears of every file that is committed.

    Args:
        lake: the tables.
        zone: the merchant's.
        own: profiles that are not built in, by their names.
        version: of ``raw_frames``, which the tables stand on; None where there is none yet.
        segments: how many will be committed, at most: the files are named after the version that then is.
    """

    def __init__(
        self, lake: Lake, zone: ZoneInfo, own: Mapping[str, Profile], version: int | None, segments: int
    ) -> None:
        self.handed = Flow()
        self._last, self._now = -1, dt.date.min  # the number and the day of the last record that came
        self._used: dict[dt.date, list[str]] = {}
        self._absent: set[dt.date] = set()
        self._silent: set[str] = set()
        self._before: frozenset[dt.date] = frozenset()
        self._made: Future[tuple[set[dt.date], dict[str, Staged]]] | None = None
        self._pool = workers(1, "tillwatch-alongside")
        super().__init__(lake, zone, (version or 0) + segments, version, lambda *_: None, own, self.handed)
        self._readable, self._compiled = None, True

    def __enter__(self) -> Self:
        self._made = self._pool.submit(self._run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.handed.stop()
        self.handed.end()
        self._pool.shutdown()

    def _run(self) -> tuple[set[dt.date], dict[str, Staged]]:
        try:
            loading.wait()
            return staged_of(self, list(DERIVED))
        finally:
            self.handed.stop()

    def made(self, version: int, since: int | None) -> tuple[set[dt.date], dict[str, Staged]] | None:
        """The days that changed and the files of every table, where they are right for that version; once.

        Args:
            version: of ``raw_frames``.
            since: the version that the tables stand on.

        Raises:
            LakeError: the log cannot be read.
        """
        running, self._made = self._made, None
        if running is None or since != self.since or version > self.version:
            return None
        try:
            found = running.result()
        except (TillwatchError, Stopped):
            return None  # who does it again is told as well, if it is still so
        there: dict[dt.date, list[str]] = {}
        for day, path in self._telling(version):
            there.setdefault(day, []).append(path)
        new = {day for day, _ in self._telling(version, since)}
        same = all(there.get(day) == files for day, files in self._used.items())
        return found if same and new == self._fresh and self._absent.isdisjoint(there) else None

    def _telling(self, version: int, since: int | None = None) -> list[tuple[dt.date, str]]:
        """Day and path of each file that other tables can tell of."""
        files = self._lake.added("raw_frames", version=version, since=since)
        return [(file["partition.day"], file["path"]) for file in files if file["path"] not in self._silent]

    def cut(self) -> Iterator[list[dt.date]]:
        """The next days that are whole, with the day behind them, as many together as are worked out at a time."""
        while True:
            self._listen(wait=False)
            left = sorted(self._fresh - self._done)
            ready = [day for day in left if self._is_whole(day + _DAY)]
            piece = self._first(ready)
            if self.handed.ended and not left:
                return
            if len(piece) < len(ready) or self.handed.ended:
                yield piece
            else:
                self._listen(wait=True)

    def _look(self) -> None:
        for file in self._lake.added("raw_frames"):
            self._note(file["partition.day"], file["path"], int(file["num_records"]))
        self._before = frozenset(self._rows)

    def _listen(self, *, wait: bool) -> None:
        for path, rows, last, says in self.handed.news(wait=wait):
            if not says:
                self._silent.add(path)
                continue
            day = dt.date.fromisoformat(path.partition("/")[0].partition("=")[2])
            if day in self._used or day in self._absent:
                raise Stopped  # it was not whole
            self._note(day, path, rows)
            self._note_new(day, path)
            if last > self._last:  # of a replay, sessions lie on the day of the replay
                self._last, self._now = last, day

    def _is_whole(self, day: dt.date) -> bool:
        return day < self._now or self.handed.ended

    def _there(self, days: set[dt.date]) -> set[dt.date]:
        while days and not self._is_whole(max(days)):
            self._listen(wait=True)
        found = super()._there(days)
        self._absent |= days - found
        return found

    def _recorded(self, day: dt.date) -> "pa.Table":
        self._used[day] = sorted(self._files[day])
        return super()._recorded(day)

    def _ahead(self) -> list[dt.date]:
        return []  # decoded when they are wanted: others are busy meanwhile, and each day takes memory

    def _after(self, piece: list[dt.date]) -> list[dt.date]:
        return super()._after(piece) or ([] if self.handed.ended else [piece[-1] + _DAY])

    def _give_back(self, piece: list[dt.date], coming: list[dt.date]) -> None:
        """Segments take again what days leave: the system would only have to give it anew."""

    def _elsewhere(self, piece: list[dt.date]) -> Container[dt.date]:
        return _Elsewhere(self, piece)

    def is_elsewhere(self, day: dt.date, piece: list[dt.date]) -> bool:
        """Whether a day is not this piece's but another's: it was, or has new frames or may get some."""
        to_come = day in self._fresh or (day > piece[-1] and day not in self._before)
        return day in self._done or (day not in piece and to_come)


class _Elsewhere:
    def __init__(self, work: Alongside, piece: list[dt.date]) -> None:
        self._work, self._piece = work, piece

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and self._work.is_elsewhere(day, self._piece)

"""Which answer belongs to which request: the law of ``ingest.exchange`` over the rows of a table of frames.

A key is cut where it falls silent: no episode goes on over that. Most stretches between hold one
request and its answer, or one message alone; those are paired in whole columns. Every other
(a message repeated, read twice, answered twice, reversed) goes through ``episodes.sql`` and
``pairs.sql``, which say the law in full.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from ingest.coded import Coded, numbered
from ingest.local_days import EPOCH
from ingest.rows import whole
from protocols.columnar.arrays import truths
from protocols.columnar.distinct import cut

if TYPE_CHECKING:
    import pyarrow as pa

_EVENT_SILENCE, _MONEY_SILENCE = 3_600_000_000, 79_200_000_000
"""Microseconds after which an episode is over: an hour, and 22 hours for money."""
_PLACES = 24
"""Bits of a place within a stretch."""
_STANS = (1 << 31) - 1
"""The greatest trace number."""
_NARROW = ("segment_id", "seq", "digest", "seen_us", "is_request", "day")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Exchanges as rows of the frames: arrays of equal length.

    Attributes:
        request: int64, the request's row; -1 where none was seen.
        answer: int64, the answer's row; -1 where none was seen.
        attempts: int32.
        day: int32, the local day of the first frame, days since 1970.
        request_place: int64, rises within a key with the request's place; larger than any where there is none.
        answer_place: int64, likewise.
    """

    request: Any
    answer: Any
    attempts: Any
    day: Any
    request_place: Any
    answer_place: Any

    def at(self, rows: Any) -> "Pairs":
        """Some of them, or all in another order."""
        return Pairs(*(getattr(self, name)[rows] for name in self.__slots__))


class Pairing:
    """The frames of some days, by their keys.

    Args:
        frames: a table with the columns of ``FRAME_COLUMNS``.
        coded: knows the numbers of the texts of their pieces.
    """

    def __init__(self, frames: "pa.Table", coded: Coded | None = None) -> None:
        import numpy as np
        import pyarrow as pa

        self._frames = frames
        self.line_rows = np.flatnonzero(~truths(frames["is_journal"]))
        mine = frames.take(pa.array(self.line_rows)) if self.line_rows.size < frames.num_rows else frames
        self._coded = coded or Coded()
        self._code = codes(mine, self._coded)
        self._day = mine["day"].cast(pa.int32()).to_numpy()
        self._request = truths(mine["is_request"])
        self._mine = mine
        self._with: dict[str, Any] = {}
        self._divide()

    def _divide(self) -> None:
        """Cut each key at its silences, and put aside the stretches that need no more than a look at two rows."""
        import numpy as np
        import pyarrow.compute as pc

        seen = self._mine["seen_us"].to_numpy()
        is_event = truths(pc.equal(self._mine["kind"], "event"))
        silence = np.where(is_event, _EVENT_SILENCE, _MONEY_SILENCE)
        order = np.arange(seen.size) if (seen[1:] >= seen[:-1]).all() else np.argsort(seen, kind="stable")
        self._stretch, first, last, sizes = cut(self._code, seen, silence, order)
        self._single, self._asked, self._said = self._plain(first, last, sizes)
        odd = np.ones(order.size, bool)
        for each in (self._single, self._asked, self._said):
            odd[each] = False
        self._odd = np.flatnonzero(odd)
        self._db: Any = self._episodes(silence) if self._odd.size else None

    def _plain(self, first: Any, last: Any, sizes: Any) -> tuple[Any, Any, Any]:
        """The rows that are alone in their stretch; and the requests and answers that are the only two in theirs."""
        import numpy as np

        first_of, second = first[sizes == 2], last[sizes == 2]
        seen = self._mine["seen_us"].to_numpy()
        answered = self._request[first_of] & ~self._request[second]
        swapped = ~self._request[first_of] & self._request[second] & (seen[first_of] == seen[second])
        asked = np.concatenate([first_of[answered], second[swapped]])
        said = np.concatenate([second[answered], first_of[swapped]])
        order = np.argsort(asked, kind="stable")
        return np.sort(first[sizes == 1], kind="stable"), asked[order], said[order]

    def _episodes(self, silence: Any) -> Any:
        """The stretches that need the whole law, as a session with the table ``episodes``."""
        import duckdb
        import pyarrow as pa

        at = pa.array(self._odd)
        narrow = self._mine.select(list(_NARROW)).take(at)
        narrow = narrow.append_column("key", pa.array(self._stretch[self._odd]))
        narrow = narrow.append_column("silence", pa.array(silence[self._odd])).append_column("row", at)
        db = duckdb.connect(":memory:")
        db.register("keyed", narrow)
        db.execute(_sql("episodes"))
        return db

    def key_of(self, row: int) -> str:
        """The key of a row of the frames."""
        import numpy as np

        text: str = keys(self._mine.slice(int(np.searchsorted(self.line_rows, row)), 1))[0].as_py()
        return text

    def touched(self, segments: Iterable[str], fresh: Iterable[dt.date]) -> set[dt.date]:
        """The days whose rows can have changed because frames of these segments came in on ``fresh`` days.

        A new frame changes its own episode and takes answers from the request before it, which
        may lie on the day before. It makes a copy of an answer that its key has up to a day
        later, and so parts what that answer held together, up to a day later again. And it may
        be what a signature of its terminal signs, or one that names no terminal, or another part of it.
        """
        import numpy as np
        import pyarrow as pa

        asked = set(segments)
        places, found = self._coded(self._mine["segment_id"])
        new = np.array([each in asked for each in found], bool)[places]
        new &= np.isin(self._day, _numbers(fresh))
        days = self._days_of_pairs(new) | self._signing(new)
        if self._db is not None and new[self._odd].any():
            came = self._odd[new[self._odd]]
            days_came = self._mine["day"].take(pa.array(came))
            self._db.register("new", pa.table({"key": pa.array(self._stretch[came]), "day": days_came}))
            days |= self._days(
                """
                WITH near AS (
                    SELECT DISTINCT k.key, k.day
                      FROM keyed k JOIN (SELECT DISTINCT key, day FROM new) n
                        ON n.key = k.key AND k.day BETWEEN n.day - 1 AND n.day + 2),
                concerned AS (
                    SELECT DISTINCT key, episode FROM episodes SEMI JOIN near USING (key, day))
                SELECT day FROM near UNION SELECT e.day FROM episodes e JOIN concerned USING (key, episode)
                """
            )
        return days

    def reach(self, days: Iterable[dt.date]) -> set[dt.date]:
        """Every day that an episode with a frame on one of ``days`` has frames on, or may have."""
        import numpy as np

        asked = _numbers(days)
        found = self._days_of_pairs(np.isin(self._day, asked))
        if self._db is not None:
            found |= self._days(
                """
                WITH asked AS (
                    SELECT DISTINCT key, chain FROM episodes WHERE day IN (SELECT unnest($days::DATE[])))
                SELECT DISTINCT e.day FROM episodes e JOIN asked USING (key, chain)
                """,
                days=list(days),
            )
        return found

    def days_with(self, operation: str, days: Iterable[dt.date]) -> set[dt.date]:
        """Those of ``days`` on which a message of that operation was seen."""
        import numpy as np
        import pyarrow.compute as pc

        here = self._with.get(operation)
        if here is None:
            here = self._with[operation] = np.flatnonzero(truths(pc.equal(self._mine["operation"], operation)))
        return _dates(self._day[here][np.isin(self._day[here], _numbers(days))])

    def pairs(self, days: Iterable[dt.date]) -> Pairs:
        """The exchanges whose first frame was seen on one of ``days``; ``request`` and ``answer`` are frames' rows."""
        import numpy as np

        numbers = _numbers(days)
        here = np.isin(self._day, numbers)
        plain, single = here[self._asked], self._single[here[self._single]]
        alone = self._request[single]
        asked = np.concatenate([self._asked[plain], np.where(alone, single, -1)])
        said = np.concatenate([self._said[plain], np.where(alone, -1, single)])
        first = np.where(asked < 0, said, asked)
        attempts, day, stretch = (asked >= 0).astype(np.int64), self._day[first], self._stretch[first]
        found = [(asked, said, attempts, day, stretch << _PLACES, (stretch << _PLACES) + 1)]
        if self._db is not None:
            odd = self._db.sql(_sql("pairs")).to_arrow_table()
            columns = {name: odd[name].to_numpy() for name in odd.column_names}
            mine = np.isin(columns["day"], numbers)
            columns = {name: each[mine] for name, each in columns.items()}
            stretch = columns["key"] << _PLACES
            places = stretch + columns["request_place"], stretch + columns["answer_place"]
            found.append((*(columns[name] for name in ("request", "answer", "attempts", "day")), *places))
        request, answer, attempts, day, asked_at, said_at = (np.concatenate(each) for each in zip(*found, strict=True))
        last = np.iinfo(np.int64).max
        rows = np.append(self.line_rows, -1)  # so that -1 stays itself
        return Pairs(
            rows[request],
            rows[answer],
            attempts.astype(np.int32),
            day.astype(np.int32),
            np.where(request < 0, last, asked_at),
            np.where(answer < 0, last, said_at),
        )

    def _days_of_pairs(self, rows: Any) -> set[dt.date]:
        """The days of all frames of the plain stretches that have one of these rows."""
        import numpy as np

        both = rows[self._asked] | rows[self._said]
        days = (self._day[self._single[rows[self._single]]], self._day[self._asked[both]], self._day[self._said[both]])
        return _dates(np.concatenate(days))

    def _signing(self, new: Any) -> set[dt.date]:
        """The days of signatures that new frames may change."""
        import pyarrow as pa
        import pyarrow.compute as pc

        signing = pc.equal(self._mine["operation"], "SIGNATURE")
        signed = self._mine.filter(signing).select(["terminal_id", "day"])
        if not signed.num_rows:
            return set()
        came = self._mine.select(["terminal_id", "day"]).filter(pa.array(new)).group_by(["terminal_id", "day"])
        days: dict[str | None, set[dt.date]] = {}
        for row in came.aggregate([]).to_pylist():
            days.setdefault(row["terminal_id"], set()).add(row["day"])
        every = set().union(*days.values())
        found = set()
        for row in signed.group_by(["terminal_id", "day"]).aggregate([]).to_pylist():
            mine = every if row["terminal_id"] is None else days.get(row["terminal_id"], set())
            if any(dt.timedelta(-1) <= row["day"] - day <= dt.timedelta(2) for day in mine):
                found.add(row["day"])
        return found

    def _days(self, query: str, **values: Any) -> set[dt.date]:
        return {day for (day,) in self._db.execute(query, values or None).fetchall()}


def codes(frames: "pa.Table", coded: Coded) -> Any:
    """A number for each frame, int64: equal where ``keys`` are."""
    import numpy as np
    import pyarrow.compute as pc

    if not frames.num_rows:
        return np.zeros(0, np.int64)
    terminal, line, pair = (coded(frames[name])[0] for name in ("terminal_id", "line", "pair"))
    on_line = truths(frames["per_line"]) | truths(pc.is_null(frames["terminal_id"]))
    place = np.where(on_line, line, terminal + int(line.max()) + 1)
    joins = pc.fill_null(frames["stan"], 0).cast("int64").to_numpy() & _STANS
    other = pc.or_(frames["exchange"].is_valid(), pc.is_null(frames["stan"]))
    if pc.any(other).as_py():
        joins = joins.copy()
        which, texts = numbered(whole(_joins(frames.filter(other))))
        joins[truths(other)] = np.array([_number(text, place) for place, text in enumerate(texts)], np.int64)[which]
    return (place * (int(pair.max()) + 1) + pair) << 32 | joins


def _number(text: str, place: int) -> int:
    """What stands for a text beside trace numbers: the same as for an equal one, else none of theirs."""
    is_one = text.isdecimal() and str(int(text)) == text and int(text) <= _STANS
    return int(text) if is_one else _STANS + 1 + place


def keys(frames: "pa.Table") -> "pa.ChunkedArray":
    """The key of each frame: terminal or line, pair of message types, and what joins them."""
    import pyarrow.compute as pc

    skip = {"null_handling": "skip"}
    on_line = pc.binary_join_element_wise("line ", frames["line"], "")
    place = pc.if_else(pc.fill_null(frames["per_line"], False), on_line, pc.coalesce(frames["terminal_id"], on_line))
    return pc.binary_join_element_wise(place, frames["pair"], _joins(frames), "|", **skip)


def _joins(frames: "pa.Table") -> "pa.ChunkedArray":
    """What joins a frame with others of its place and pair: its dialect's word, a trace number, or day and network."""
    import pyarrow as pa
    import pyarrow.compute as pc

    joins = pc.coalesce(frames["exchange"], frames["stan"].cast(pa.string()))
    if not joins.null_count:
        return joins
    network = pc.coalesce(frames["network_code"], "")
    day = pc.binary_join_element_wise("day ", frames["day"].cast(pa.string()), " ", network, "")
    return pc.coalesce(joins, day)


def _numbers(days: Iterable[dt.date]) -> Any:
    import numpy as np

    return np.array([(day - EPOCH).days for day in days], np.int32)


def _dates(numbers: Any) -> set[dt.date]:
    import numpy as np

    if not numbers.size:
        return set()
    first = int(numbers.min())
    return {EPOCH + dt.timedelta(first + step) for step in np.flatnonzero(np.bincount(numbers - first)).tolist()}


def _sql(name: str) -> str:
    return (resources.files("ingest") / "sql" / f"{name}.sql").read_text("utf-8")

"""What the time was while the collector's clock was wrong: never set, as after an empty battery, or ahead of today.

A message states month and day; its year is that of the moment it was seen. So a record whose wall
clock cannot be true gets its time from its neighbours of the same spool, and nothing is invented:

- The monotonic clock of a boot is set by nobody. The nearest record of the same boot whose wall
  clock can be true tells the moment exactly (time that the machine slept does not count).
- Without one, the order tells: the last such record before it, of an earlier boot, plus the time
  since the boot is when it was seen at the earliest; else the first one after it, at the latest.
- Where nothing tells, the segment waits for a later one that does.

What the clock said stays beside the record, under ``clock`` in ``error``.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.local_days import local_days

if TYPE_CHECKING:
    import pyarrow as pa

PLAUSIBLE_FROM = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
"""Nothing of tillwatch ran before: a clock that says so was never set, as after an empty battery."""
_AHEAD = dt.timedelta(days=1)
"""So far two machines' clocks may be apart: the one that recorded, and the one that lands."""
_CLOCK = "clock"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

DayOf = Callable[[str, bytes, dt.datetime], dt.date | None]
"""The day that a frame of a profile is about, where that is not the day it was seen at; None: it is."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Which wall clocks can be true.

    ``until`` is None where the machine that lands has no true clock itself.
    """

    since: dt.datetime
    until: dt.datetime | None

    @classmethod
    def at(cls, now: dt.datetime) -> "Clock":
        """As seen from a moment: nothing was recorded in the future."""
        return cls(PLAUSIBLE_FROM, now + _AHEAD if now >= PLAUSIBLE_FROM else None)

    def can_be(self, moments: Any) -> Any:
        """Which moments, int64 in microseconds since 1970, can be true."""
        true = moments >= _microseconds(self.since)
        return true if self.until is None else true & (moments <= _microseconds(self.until))


@dataclass(frozen=True, slots=True)
class Stamps:
    """The clocks of records: arrays of int64; ``wall`` and ``mono`` in microseconds.

    A record that was not seen live, as of a capture, has neither boot nor monotonic clock: both are 0.
    """

    boot: Any
    mono: Any
    wall: Any

    @classmethod
    def of(cls, rows: "pa.Table") -> "Stamps":
        """Of rows of ``raw_frames``, in the order they are in."""
        import pyarrow as pa

        wall = rows["seen_at"].cast(pa.int64()).to_numpy()
        return cls(rows["boot_id"].to_numpy(), rows["mono_ns"].to_numpy() // 1000, wall)

    def live(self) -> Any:
        """Which records were seen live."""
        return (self.boot != 0) & (self.mono != 0)

    def only(self, which: Any) -> "Stamps":
        """Those of some records."""
        return Stamps(self.boot[which], self.mono[which], self.wall[which])


@dataclass(frozen=True, slots=True)
class Beside:
    """The clocks that can be true of the records nearest to a segment: before it, after it, of a boot anywhere."""

    before: Stamps | None
    after: Stamps | None
    of_boot: Callable[[int], Stamps | None]


def first_wrong(rows: "pa.Table", clock: Clock) -> dt.datetime | None:
    """What a wrong clock said first of a record that was seen live; None: it was never wrong."""
    import numpy as np

    stamps = Stamps.of(rows)
    wrong = np.flatnonzero(stamps.live() & ~clock.can_be(stamps.wall))
    if not wrong.size:
        return None
    first = wrong[rows["seq"].to_numpy()[wrong].argmin()]
    return _EPOCH + int(stamps.wall[first]) * _MICROSECOND


def sure(rows: "pa.Table", clock: Clock) -> Stamps | None:
    """The clocks of the records that were seen live while the clock can have been true; None: there is none."""
    stamps = Stamps.of(rows.sort_by("seq"))
    which = stamps.live() & clock.can_be(stamps.wall)
    return stamps.only(which) if which.any() else None


def put_right(rows: "pa.Table", clock: Clock, beside: Beside, zone: ZoneInfo, day_of: DayOf) -> "pa.Table | None":
    """A segment's rows of ``raw_frames`` with the times that their neighbours tell; None where nothing tells.

    Args:
        rows: all of a segment.
        clock: which wall clocks can be true.
        beside: what is known of the records around it.
        zone: the zone of the merchant's days.
        day_of: see ``DayOf``.
    """
    import numpy as np
    import pyarrow as pa

    rows = rows.sort_by("seq")
    stamps = Stamps.of(rows)
    live, wrong = stamps.live(), ~clock.can_be(stamps.wall)
    seen = stamps.wall.copy()
    for boot in np.unique(stamps.boot[live & wrong]).tolist():
        mine = live & wrong & (stamps.boot == boot)
        told = _told(boot, stamps.mono[mine], stamps.only(live & ~wrong), beside)
        if told is None:
            return None
        seen[mine] = told
    known = np.flatnonzero(live | ~wrong)
    apart = np.flatnonzero(~live & wrong)  # what says that records are missing lies where they would
    if known.size:
        seen[apart] = seen[known[np.maximum(np.searchsorted(known, apart) - 1, 0)]]
    changed = np.flatnonzero(seen != stamps.wall)
    days = local_days(seen, zone)
    columns = {
        "seen_at": pa.array(seen).cast(rows["seen_at"].type),
        "error": _noted(rows, changed),
        "day": _days(rows, seen, changed, days, day_of),
    }
    for name, column in columns.items():
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), column)
    return rows


def stamped(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ``raw_frames`` with the time that the clock said, be it right or wrong."""
    said = json.loads(row["error"]).get(_CLOCK) if row["error"] else None
    return row if said is None else row | {"seen_at": dt.datetime.fromisoformat(said)}


def _told(boot: int, mono: Any, own: Stamps, beside: Beside) -> Any:
    """The moments of a boot's records, by their monotonic clock; None where nothing tells."""
    import numpy as np

    for found in _nearest(boot, own, beside):
        if (same := found.boot == boot).any():
            anchors, walls = found.mono[same], found.wall[same]
            nearest = np.array([np.argmin(np.abs(anchors - each)) for each in mono.tolist()], np.int64)
            return walls[nearest] + mono - anchors[nearest]
    if beside.before is not None:
        return beside.before.wall[-1] + mono
    if beside.after is not None:
        return beside.after.wall[0] - (mono.max() - mono)
    return None


def _nearest(boot: int, own: Stamps, beside: Beside) -> Iterator[Stamps]:
    """Where a record of the same boot may be: the lake is asked last, for it must be read whole."""
    yield own
    yield from (each for each in (beside.before, beside.after) if each is not None)
    if (landed := beside.of_boot(boot)) is not None:
        yield landed


def _noted(rows: "pa.Table", changed: Any) -> "pa.Array":
    """What is told of each record, with what the clock said where that was wrong."""
    import pyarrow as pa

    notes = rows["error"].to_pylist()
    said = rows["seen_at"].take(pa.array(changed)).to_pylist()
    for at, wall in zip(changed.tolist(), said, strict=True):
        told = json.loads(notes[at]) if notes[at] else {}
        notes[at] = json.dumps(told | {_CLOCK: wall.isoformat()}, ensure_ascii=False, sort_keys=True)
    return pa.array(notes, pa.string())


def _days(rows: "pa.Table", seen: Any, changed: Any, days: Any, day_of: DayOf) -> "pa.Array":
    """The day of each record; of those that are about another day than they were seen at, that one."""
    import numpy as np
    import pyarrow as pa

    found = rows["day"].cast(pa.int32()).to_numpy().copy()
    found[changed] = days[changed]
    frames = rows.select(["profile", "kind", "frame"]).take(pa.array(changed)).to_pylist()
    for at, row in zip(changed.tolist(), frames, strict=True):
        about = day_of(row["profile"], row["frame"], _EPOCH + int(seen[at]) * _MICROSECOND) if row["frame"] else None
        if about is not None:
            found[at] = (about - _EPOCH.date()).days
    return pa.array(found.astype(np.int32)).cast(pa.date32())


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND

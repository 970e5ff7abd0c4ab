"""Recorded rows of one profile -> decoded rows, column by column: what ``ingest.decoding`` does for a frame.

For dialects whose facts come column by column (``Dialect.columns``). Equal value for value; a test
holds the two together. What a message's clock says is worked out in whole columns where the
zone's clock runs evenly on the days it may mean, and by the row function where it does not.
"""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.exchange import FRAME_COLUMNS, frame_types
from ingest.local_days import EPOCH, local_days, midnight
from ingest.near_dates import latest_date, nearest_date
from ingest.rows import as_type, nulls, whole
from protocols.columnar.distinct import distinct, mapped
from protocols.facts import infer_datetime

if TYPE_CHECKING:
    import pyarrow as pa

    from protocols.columnar.facts import ColumnFacts

RECORDED = ("segment_id", "seq", "line", "profile", "digest", "card_token", "day")
_SECOND = 1_000_000
_DAY_US = 86_400 * _SECOND
_FAR = 1 << 62
"""As far from any moment as a candidate can be that is none."""
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEAR_DAYS = 100
"""Days within which one date is nearest, where the others are twice as far away."""
_DATE, _TIME = 4, 6
"""Digits of mmdd and of hhmmss."""
_NINE = 9


def frame_table(recorded: "pa.Table", told: "ColumnFacts", zone: ZoneInfo, size: int) -> "tuple[pa.Table, pa.Table]":
    """The decoded rows of recorded frames, in the columns of ``FRAME_COLUMNS``, and the errors of those that are bad.

    Args:
        recorded: rows of ``raw_frames``, all frames of one profile.
        told: the profile's facts.
        zone: the zone the terminals' clocks run in.
        size: so many frames are decoded at a time.

    Returns:
        The rows, with ``place`` in ``recorded``, and the errors, with ``row`` in ``recorded``.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    frames, errors = [], []
    for start in range(0, recorded.num_rows, size):
        piece = recorded.slice(start, size)
        found = told.decode(whole(piece["frame"]))
        wrong = pa.Table.from_batches([found.errors])
        errors.append(wrong.set_column(0, "row", pc.add(wrong["row"].cast(pa.int64()), start)))
        rows = _rows(piece, found.columns, zone)
        rows = rows.append_column("place", pa.array(np.arange(start, start + piece.num_rows)))
        if wrong.num_rows:
            good = np.ones(piece.num_rows, bool)
            good[wrong["row"].to_numpy()] = False
            rows = rows.filter(pa.array(good))
        frames.append(rows)
    return pa.concat_tables(frames), pa.concat_tables(errors)


def _rows(recorded: "pa.Table", said: "dict[str, pa.Array]", zone: ZoneInfo) -> "pa.Table":
    import numpy as np
    import pyarrow as pa

    count = recorded.num_rows
    seen = recorded["seen_at"].cast(pa.int64()).to_numpy()
    days = local_days(seen, zone)
    clock, stated = _clocks(said["clock_mmdd"], said["clock_hhmmss"], seen, days, zone)
    near = pa.array(np.where(clock == _FAR, days, stated)).cast(pa.date32())
    without = clock == _FAR
    columns: dict[str, Any] = {name: recorded[name] for name in RECORDED}
    columns |= {name: each for name, each in said.items() if name in FRAME_COLUMNS}
    columns |= {
        "seen_us": pa.array(seen),
        "clock_us": pa.array(clock, mask=without),
        "clock_date": pa.array(stated, mask=without).cast(pa.date32()),
        "settlement_date": _dates(said["settlement_mmdd"], near, nearest_date),
        "orig_date": _dates(said["orig_mmdd"], near, latest_date),
        "is_journal": pa.repeat(pa.scalar(False), count),
        "per_line": pa.repeat(pa.scalar(False), count),
    }
    types = frame_types()
    none = nulls(count, types.values())
    arrays = [as_type(columns[name], kind) if name in columns else none[kind] for name, kind in types.items()]
    return pa.table(arrays, names=list(types))


def _dates(mmdd: "pa.Array", near: "pa.Array", chosen: Callable[[str | None, dt.date], dt.date | None]) -> "pa.Array":
    import pyarrow as pa

    if mmdd.null_count == len(mmdd):
        return pa.nulls(len(mmdd), pa.date32())
    return mapped([mmdd, near], lambda text, day: None if text is None else chosen(text, day), pa.date32())


def _clocks(mmdd: "pa.Array", hhmmss: "pa.Array", seen: Any, days: Any, zone: ZoneInfo) -> tuple[Any, Any]:
    """The moment each message's clock names, in microseconds, ``_FAR`` for none, and its local day: ``infer_datetime``.

    Args:
        mmdd: month and day, or null.
        hhmmss: time of day, or null.
        seen: int64, microseconds.
        days: int32, their local days.
        zone: the zone the clock runs in.
    """
    import numpy as np
    import pyarrow as pa

    places, found = distinct([mmdd, pa.array(days)])
    at = places.to_numpy(zero_copy_only=False)
    candidates = [_candidates(text, day, zone) for text, day in found]
    even = np.array([all(steady for _, _, steady in three) for three in candidates], bool)
    seconds, plain = _seconds(hhmmss)
    none = (seconds < 0) | (mmdd.is_null().to_numpy(False) & hhmmss.is_null().to_numpy(False))
    sure = [_sure(three, day) for three, (_, day) in zip(candidates, found, strict=True)]
    begins = np.array([_FAR if each is None else each[0] for each in sure], np.int64)[at]
    stated = np.array([0 if each is None else each[1] for each in sure], np.int32)[at]
    clock = begins + seconds * _SECOND
    several = np.flatnonzero((begins == _FAR) & ~none)
    if several.size:
        clock[several], stated[several] = _nearest(candidates, at[several], seconds[several], seen[several])
    clock[none], stated[none] = _FAR, 0
    strange = np.array([text is not None and len(text) != _DATE for text, _ in found], bool)
    for odd in np.flatnonzero((~even | strange)[at] | ~plain).tolist():
        moment = infer_datetime(mmdd[odd].as_py(), hhmmss[odd].as_py(), _moment(int(seen[odd])), zone)
        clock[odd] = _FAR if moment is None else (moment - _EPOCH_UTC) // dt.timedelta(microseconds=1)
        stated[odd] = 0 if moment is None else (moment.astimezone(zone).date() - EPOCH).days
    return clock, stated


def _sure(three: list[tuple[int, int, bool]], day: int) -> tuple[int, int] | None:
    """Of three days the one that is nearest at any time, when it begins and its number; None where there is none."""
    near = [each[:2] for each in three if each[0] != _FAR and abs(each[1] - day) < _NEAR_DAYS]
    far = [each for each in three if each[0] != _FAR and abs(each[1] - day) > 2 * _NEAR_DAYS]
    return near[0] if len(near) == 1 and len(far) == sum(each[0] != _FAR for each in three) - 1 else None


def _nearest(candidates: list[list[tuple[int, int, bool]]], at: Any, seconds: Any, seen: Any) -> tuple[Any, Any]:
    """Of the three moments that each clock may name the one nearest to ``seen``, and its day."""
    import numpy as np

    clock, stated = np.full(at.size, _FAR, np.int64), np.zeros(at.size, np.int32)
    nearest = np.full(at.size, _FAR, np.int64)
    for step in range(3):
        begins = np.array([three[step][0] for three in candidates], np.int64)[at]
        dates = np.array([three[step][1] for three in candidates], np.int32)[at]
        moments = begins + seconds * _SECOND
        apart = np.abs(moments - seen)
        nearer = (begins != _FAR) & (apart < nearest)
        for best, this in ((clock, moments), (stated, dates), (nearest, apart)):
            np.copyto(best, this, where=nearer)
    return clock, stated


def _candidates(mmdd: str | None, day: int, zone: ZoneInfo) -> list[tuple[int, int, bool]]:
    """The three days that a clock may mean: when each begins, ``_FAR`` for none; its number; whether it is even."""
    seen = EPOCH + dt.timedelta(days=day)
    found = []
    for step in (-1, 0, 1):
        try:
            if mmdd is None:
                date = seen + dt.timedelta(days=step)
            else:
                date = dt.date(seen.year + step, int(mmdd[:2]), int(mmdd[2:4]))
            begin, end = midnight(date, zone), midnight(date + dt.timedelta(days=1), zone)
        except (ValueError, OverflowError):
            found.append((_FAR, 0, True))
        else:
            found.append((begin, (date - EPOCH).days, end - begin == _DAY_US))
    return found


def _seconds(hhmmss: "pa.Array") -> tuple[Any, Any]:
    """Seconds since midnight, 0 without a time, -1 where it is none; and which rows have six digits or no time."""
    import numpy as np

    _, offsets, octets = hhmmss.buffers()
    starts = np.frombuffer(offsets, np.int32)[hhmmss.offset : hhmmss.offset + len(hhmmss) + 1]
    plain = hhmmss.is_null().to_numpy(False)
    at = np.flatnonzero((np.diff(starts) == _TIME) & ~plain)
    digits = np.zeros((0, _TIME), np.uint8)
    if at.size:
        digits = np.ndarray((octets.size - _TIME + 1,), f"V{_TIME}", octets, 0, (1,))[starts[at]]
        digits = digits.view(np.uint8).reshape(-1, _TIME) - ord("0")
    hours, minutes, seconds = (10 * digits[:, place].astype(np.int64) + digits[:, place + 1] for place in (0, 2, 4))
    legal = (hours < 24) & (minutes < 60) & (seconds < 60)
    found = np.zeros(len(hhmmss), np.int64)
    found[at] = np.where(legal, hours * 3600 + minutes * 60 + seconds, -1)
    right = digits <= _NINE
    plain[at] = True if right.all() else right.all(axis=1)
    return found, plain


def _moment(microseconds: int) -> dt.datetime:
    return _EPOCH_UTC + dt.timedelta(microseconds=microseconds)

"""Which local day moments lie on, for whole columns: between two midnights of the zone nothing need be asked."""

import bisect
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = dt.date(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_FEW = 8
"""So many midnights are compared one by one; more are looked up."""


def local_days(moments: Any, zone: ZoneInfo) -> Any:
    """The local day of each moment.

    Args:
        moments: int64, microseconds since 1970 in UTC.
        zone: the zone whose days are asked for.

    Returns:
        int32, days since 1970.
    """
    import numpy as np

    if not moments.size:
        return np.zeros(0, np.int32)
    first, last = int(moments.min()), int(moments.max())
    days = [EPOCH + dt.timedelta(days=day) for day in range(first // _DAY_US - 1, last // _DAY_US + 3)]
    begins = [midnight(day, zone) for day in days]
    between = [begin for begin in begins if first < begin <= last]
    found = np.full(moments.size, (days[bisect.bisect_right(begins, first) - 1] - EPOCH).days, np.int32)
    if len(between) > _FEW:
        return found + np.searchsorted(np.array(between), moments, "right").astype(np.int32)
    for begin in between:
        found += moments >= begin
    return found


def midnight(day: dt.date, zone: ZoneInfo) -> int:
    """The moment a local day begins, in microseconds since 1970 in UTC."""
    begins = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    return (begins.astimezone(dt.UTC) - _EPOCH_UTC) // _MICROSECOND

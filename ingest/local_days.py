"""Which local day moments lie on, for whole columns: between two midnights of the zone nothing need be asked."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = dt.date(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_DAY_US = 86_400_000_000


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
    first = int(moments.min() // _DAY_US) - 1
    days = np.arange(first, int(moments.max() // _DAY_US) + 3, dtype=np.int32)
    begins = np.array([midnight(EPOCH + dt.timedelta(days=int(day)), zone) for day in days], np.int64)
    return days[np.searchsorted(begins, moments, "right") - 1]


def midnight(day: dt.date, zone: ZoneInfo) -> int:
    """The moment a local day begins, in microseconds since 1970 in UTC."""
    begins = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
    return (begins.astimezone(dt.UTC) - _EPOCH_UTC) // _MICROSECOND

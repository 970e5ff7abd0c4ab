"""Working days of the People's Republic of China: weekends, public holidays, and weekends that are worked instead.

The days are those of the State Council's notices, as the package chinesecalendar (MIT) keeps
them; a notice comes out in November for the year that follows. A day after the last one
that is known is never guessed: what needs it is said to be unverifiable.
"""

import datetime as dt
import functools
from typing import TYPE_CHECKING

from ingest.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


@functools.cache
def known_until() -> dt.date:
    """The last day whose working time is known."""
    from chinese_calendar.constants import holidays

    return dt.date(max(day.year for day in holidays), 12, 31)


@functools.cache
def known_from() -> dt.date:
    """The first one."""
    from chinese_calendar.constants import holidays

    return dt.date(min(day.year for day in holidays), 1, 1)


def is_working_day(day: dt.date) -> bool:
    """Whether banks work on that day.

    Raises:
        UsageError: the day is past the calendar's end, or before its beginning.
    """
    if not known_from() <= day <= known_until():
        raise UsageError(
            f"{day}: the calendar of public holidays is known from {known_from()} to {known_until()}",
            hint="update the package chinesecalendar; the next year's notice comes out in November",
        )
    from chinese_calendar import is_workday

    return bool(is_workday(day))


def next_working_day(day: dt.date, count: int = 1) -> dt.date:
    """The ``count``-th working day after a day.

    Raises:
        UsageError: it is past the calendar's end.
    """
    while count > 0:
        day += dt.timedelta(days=1)
        count -= is_working_day(day)
    return day


FORESIGHT = dt.timedelta(days=14)
"""A payout's term, and a deposit's, is at most so far ahead, the longest holiday in between."""


def end_notice(day: dt.date) -> str | None:
    """What to tell whoever checks ``day``, when terms that begin on it reach past the calendar's end."""
    if day + FORESIGHT <= known_until():
        return None
    return (
        f"the calendar of public holidays ends on {known_until()}: payouts and deposits that are due later are not "
        "judged; update the package chinesecalendar"
    )


@functools.cache
def working_calendar() -> "pa.Table":
    """Every known day and how many working days there were up to it: ``day`` (date), ``worked`` (int64)."""
    import pyarrow as pa

    days = [known_from() + dt.timedelta(days=each) for each in range((known_until() - known_from()).days + 1)]
    worked, total = [], 0
    for day in days:
        total += is_working_day(day)
        worked.append(total)
    return pa.table({"day": pa.array(days, pa.date32()), "worked": pa.array(worked, pa.int64())})

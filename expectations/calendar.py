"""Working days of the People's Republic of China: weekends, public holidays, and weekends that are worked instead.

The days are those of the State Council's notices, as the package chinesecalendar (MIT) keeps
them; a notice comes out in November for the year that follows. A day after the last one
that is known is never guessed: what falls due after it is not judged, and is said to be so (`notices`).
"""

import datetime as dt
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingest.agreements import Deposit
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


def due_on(day: dt.date, count: int) -> dt.date | None:
    """The ``count``-th working day after a day; None where the calendar ends before it."""
    while count > 0:
        day += dt.timedelta(days=1)
        if not known_from() <= day <= known_until():
            return None
        count -= is_working_day(day)
    return day


FORESIGHT = dt.timedelta(days=14)
"""A payout's term is at most so far ahead, the longest holiday in between."""


def notices(day: dt.date, deposits: Iterable[Deposit] = ()) -> list[str]:
    """What to tell whoever checks ``day``: which terms reach past the calendar's end, and what to do.

    Payouts and refunds by code from two weeks before it; a deposit that was applied for as soon as its last day is
    not known.
    """
    found = []
    if day + FORESIGHT > known_until():
        found.append(
            "payouts on working days, refunds by code and public holidays after it are not judged; "
            "update the package chinesecalendar (docs/statements.md)"
        )
    found += [
        f"the {each.working_days} working days for the deposit of merchant {each.merchant}, applied for on "
        f"{each.applied_on}, end after it: when it is overdue is not judged until the package is updated"
        for each in deposits
        if each.applied_on is not None
        and each.returned_on is None
        and due_on(each.applied_on, each.working_days) is None
    ]
    return [f"the calendar of public holidays ends on {known_until()}: {each}" for each in found]


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

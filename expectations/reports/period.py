"""The weeks and months that reports are about."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal

from expectations.mail.timing import DAY, Hours
from ingest.errors import UsageError

CATCH_UP = dt.timedelta(days=2)
"""A report that could not leave at its hour is made up for within so long."""


@dataclass(frozen=True, slots=True)
class Period:
    """A week or a month of local days, both ends included."""

    kind: Literal["weekly", "monthly"]
    start: dt.date
    end: dt.date

    @property
    def name(self) -> str:
        """Under which the ledger keeps that it was told."""
        return f"{self.kind}:{self.start}"

    @property
    def days(self) -> list[dt.date]:
        """Its days."""
        return [self.start + n * DAY for n in range((self.end - self.start).days + 1)]


def due(hours: Hours) -> tuple[list[Period], dt.datetime]:
    """The periods whose reports are due, and the next moment at which one will be."""
    today = hours.now.astimezone(hours.zone).date()
    found, ahead = [], []
    for back in range(-8, 3):
        day = today - back * DAY
        moment = hours.local(day, hours.timing.digest_at)
        periods = [Period("weekly", day - 7 * DAY, day - DAY)] if day.isoweekday() == hours.timing.weekly_day else []
        if day.day == 1:
            periods.append(month(day - DAY))
        if not periods:
            continue
        if moment > hours.now:
            ahead.append(moment)
        elif hours.now - moment < CATCH_UP:
            found += periods
    return found, min(ahead)


def month(day: dt.date) -> Period:
    """The month that a day lies in."""
    start = day.replace(day=1)
    return Period("monthly", start, (start + 31 * DAY).replace(day=1) - DAY)


def named(text: str, kind: Literal["weekly", "monthly"]) -> Period:
    """The month of ``2026-11``, the week of ``2026-W47``.

    Raises:
        UsageError: it is neither.
    """
    try:
        if kind == "monthly" and re.fullmatch(r"\d{4}-\d{2}", text):
            return month(dt.date.fromisoformat(f"{text}-01"))
        if kind == "weekly" and re.fullmatch(r"\d{4}-W\d{2}", text):
            start = dt.date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
            return Period("weekly", start, start + 6 * DAY)
    except ValueError:
        pass
    form = "2026-11" if kind == "monthly" else "2026-W47"
    raise UsageError(f"{text!r} is no {'month' if kind == 'monthly' else 'week'}", hint=f"write it as {form}")

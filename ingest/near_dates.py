"""A month and a day, as messages write them, and the year that they mean. Pure."""

import datetime as dt

_DAY = dt.timedelta(days=1)


def nearest_date(mmdd: str | None, near: dt.date) -> dt.date | None:
    """The date with that month and day that is nearest to ``near``; None for ``0000`` and what is no date."""
    return min(_dates(mmdd, near), key=lambda date: abs(date - near), default=None)


def latest_date(mmdd: str | None, event: dt.date) -> dt.date | None:
    """The latest date with that month and day that is not after ``event``, or after it by one day.

    The one day: just before midnight a terminal's clock may be a minute behind the host's.
    """
    return max((date for date in _dates(mmdd, event) if date <= event + _DAY), default=None)


def _dates(mmdd: str | None, near: dt.date) -> list[dt.date]:
    """The dates with that month and day; nine years back, for there are eight between some leap years."""
    if mmdd is None or len(mmdd) != 4 or not mmdd.isdigit():
        return []
    found = []
    for year in range(near.year - 9, near.year + 5):
        try:
            found.append(dt.date(year, int(mmdd[:2]), int(mmdd[2:])))
        except ValueError:
            continue
    return found

"""Dates and times as terminals write them: YYYYMMDD, YYMMDD or MMDD, and hhmmss."""

import datetime as dt

from protocols.facts import infer_datetime

_LEAP = 2024  # a date without a year may be 29 February


def is_date(digits: str) -> bool:
    """Whether the digits name a day."""
    return _parts(digits) is not None


def is_time(digits: str) -> bool:
    """Whether the digits are hhmmss."""
    return len(digits) == 6 and digits.isdigit() and digits[:2] < "24" and digits[2:4] < "60" and digits[4:] < "60"


def _parts(digits: str) -> tuple[int | None, str] | None:
    """Year, if there is one, and MMDD."""
    if not digits.isdigit() or len(digits) not in {4, 6, 8}:
        return None
    year = {4: None, 6: 2000 + int(digits[:2]), 8: int(digits[:4])}[len(digits)]
    try:
        dt.date(year or _LEAP, int(digits[-4:-2]), int(digits[-2:]))
    except ValueError:
        return None
    if year is not None and not 2000 <= year < 2100:
        return None
    return year, digits[-4:]


def moment(date: str | None, time: str | None, seen: dt.datetime, zone: dt.tzinfo) -> dt.datetime | None:
    """The moment a journal's record names; without a year, in the latest year that is not after ``seen``.

    A journal is read after it was written, so the year is the latest possible, with a day's
    grace for a terminal's clock that is fast. None when there is no date.
    """
    parts = _parts(date or "")
    if parts is None:
        return None
    year, mmdd = parts
    text = time if time and is_time(time) else "000000"
    if year is not None:
        day = dt.date(year, int(mmdd[:2]), int(mmdd[2:]))
        return dt.datetime.combine(day, dt.time(int(text[:2]), int(text[2:4]), int(text[4:])), zone)
    near = infer_datetime(mmdd, text, seen, zone)
    if near is not None and near - seen > dt.timedelta(days=1):
        return infer_datetime(mmdd, text, seen - dt.timedelta(days=200), zone)
    return near

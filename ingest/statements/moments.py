"""Days and times of a statement: texts by the layout's form, a workbook's own values by their kind.

A day that cannot be right is refused: ahead of today, or before this century. Both come of
a wrong order of day and month, of years of two digits, or of Excel's count of days.
"""

import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ingest.statements.layout import Source
from ingest.statements.words import UnreadableError, clean, folded, shown

Moment: TypeAlias = dt.datetime | dt.date | dt.time
"""What a workbook's cell holds that is shown as a day or a time."""
EARLIEST = dt.date(2000, 1, 1)
AHEAD = {"timestamp": dt.timedelta(days=7), "date": dt.timedelta(days=14)}
"""So far after today a day may lie: clocks and zones differ, and a settlement waits for the longest holiday."""
_EXCEL_BEGINS = dt.date(1899, 12, 30)
_SERIAL = re.compile(r"\d{5}(\.\d+)?", re.ASCII)
_WITHOUT_MARKS = re.compile(r"(%[YmdHMS])+")
_CLOCK_ALONE = re.compile(r"(%[HMS])+")


def moment(text: str, kind: str, source: Source, today: dt.date) -> dt.datetime:
    """A text as the day and time that it says, without a zone.

    Args:
        text: the file's.
        kind: ``timestamp`` or ``date``: how far ahead it may be.
        source: the layout's words about it.
        today: the day of the import.

    Raises:
        UnreadableError: not of the layout's form, or no day that can be right.
    """
    form = source.form or ""
    plain = clean(folded(text))
    if _has_no_marks(form):
        plain = _whole_width(plain, form)
    try:
        found = dt.datetime.strptime(plain, form)  # noqa: DTZ007  the caller gives it its zone
    except ValueError:
        raise UnreadableError(f"{shown(text)} is not of the form {form}", hint=_serial(plain)) from None
    day = found.date()
    if EARLIEST <= day <= today + AHEAD[kind]:
        return found
    where = f"before {EARLIEST.year}" if day < EARLIEST else f"after today, {today}"
    raise UnreadableError(f"{shown(text)} is {day}, a day {where}", hint=_order(day, kind, today))


def written(source: Source, texts: Sequence[str], moments: Mapping[str, Moment]) -> str:
    """The texts of a value's columns as its form has them, a workbook's days and times written so."""
    form = source.form or ""
    pieces = [form] if len(source.columns) == 1 else form.split()
    if len(pieces) != len(source.columns):
        pieces = [""] * len(source.columns)
    told = []
    for name, piece, text in zip(source.columns, pieces, texts, strict=True):
        value = moments.get(name)
        told.append(text.strip() if value is None or not piece else value.strftime(piece))
    return " ".join(told)


@functools.cache
def _has_no_marks(form: str) -> bool:
    return any(_WITHOUT_MARKS.fullmatch(piece) for piece in form.split())


def _whole_width(plain: str, form: str) -> str:
    """A clock without marks has lost its zeros where it went through a number: 3000 is 00:30:00, not 3 o'clock.

    A day without marks that is too short could be several, and is left as no day.
    """
    parts, pieces = plain.split(), form.split()
    if len(parts) != len(pieces):
        return plain
    told = []
    for part, piece in zip(parts, pieces, strict=True):
        width = len(piece.replace("%Y", "yyyy"))
        if not (part.isdigit() and _WITHOUT_MARKS.fullmatch(piece)) or len(part) == width:
            told.append(part)
        elif _CLOCK_ALONE.fullmatch(piece) and len(part) < width:
            told.append(part.zfill(width))
        else:
            return ""
    return " ".join(told)


def _serial(plain: str) -> str:
    """What to do where Excel's count of days stands in the place of a day."""
    if not _SERIAL.fullmatch(plain.partition(" ")[0]):
        return ""
    day = _EXCEL_BEGINS + dt.timedelta(days=int(plain[:5]))
    return (
        f"it looks like Excel's count of days, {day}: format that column as a date, or as text, and save the file again"
    )


def _order(day: dt.date, kind: str, today: dt.date) -> str:
    hint = (
        "do the layout's form and the file have day, month and year in the same order, the year in four digits? "
        "is this computer's clock right?"
    )
    if day.day <= 12:
        turned = day.replace(month=day.day, day=day.month)
        if EARLIEST <= turned <= today + AHEAD[kind]:
            return f"with day and month the other way round it is {turned}: {hint}"
    return hint

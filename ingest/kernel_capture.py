"""Plain lines of a capture as a loop over bytes, compiled by numba; see ``protocols.columnar.machine``.

Import it only where numba is wanted.
"""

from typing import Any

from protocols.columnar.machine import byte, get, loop, put

_DAYS_TO_1970 = 719_468  # from 1 March of the year 0
_QUOTE, _SPACE, _BACKSLASH, _DELETE, _LINE_END = 34, 32, 92, 127, 10


@loop
def number(data: Any, at: int, size: int) -> int:
    """So many digits; below zero when one is none."""
    value = 0
    for place in range(size):
        digit = byte(data, at + place) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@loop
def moment(data: Any, at: int, end: int, nothing: int) -> int:
    """Microseconds since 1970 of an ISO 8601 time with its zone, in the years 1700 to 2199; else ``nothing``."""
    if end - at < 20:
        return nothing
    year, month, day = number(data, at, 4), number(data, at + 5, 2), number(data, at + 8, 2)
    hour, minute, second = number(data, at + 11, 2), number(data, at + 14, 2), number(data, at + 17, 2)
    marks = byte(data, at + 4) == 45 and byte(data, at + 7) == 45 and byte(data, at + 10) == 84
    if not (marks and byte(data, at + 13) == 58 and byte(data, at + 16) == 58):
        return nothing
    if year < 1700 or year > 2199 or month < 1 or month > 12 or day < 1:
        return nothing
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    most = 31
    if month == 2:
        most = 29 if leap else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:  # noqa: PLR1714  numba has no sets
        most = 30
    if day > most or hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return nothing
    at += 19
    fraction = 0
    if byte(data, at) == 46:
        size = 1
        while at + size < end and 48 <= byte(data, at + size) <= 57:
            size += 1
        if size not in (4, 7):
            return nothing
        fraction = number(data, at + 1, size - 1) * (1000 if size == 4 else 1)
        at += size
    offset = 0
    if end - at == 1 and byte(data, at) == 90:
        offset = 0
    elif end - at == 6 and (byte(data, at) == 43 or byte(data, at) == 45) and byte(data, at + 3) == 58:
        hours, minutes = number(data, at + 1, 2), number(data, at + 4, 2)
        if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
            return nothing
        offset = hours * 60 + minutes
        if byte(data, at) == 45:
            offset = -offset
    else:
        return nothing
    if month < 3:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1 - _DAYS_TO_1970
    return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000_000 + fraction


@loop
def label(data: Any, at: int, size: int, words: Any, begin: int, end: int) -> int:  # noqa: PLR0917
    """Where the text of a member begins, behind its name: -1 when another stands there.

    ``words`` from ``begin`` to ``end`` is what has to stand there; a space in it may be left out.
    """
    for place in range(begin, end):
        wanted = byte(words, place)
        here = at < size and byte(data, at) == wanted
        if not here and wanted != _SPACE:
            return -1
        at += here
    return at


@loop
def read_lines(  # noqa: PLR0917
    data: Any, words: Any, parts: Any, nibbles: Any, longest: int, nothing: int,
    wall: Any, names: Any, directions: Any, out: Any, ends: Any,
) -> int:  # fmt: skip
    """The lines of a text, until one is not plain.

    Args:
        data: int8, the text.
        words: int8, what stands before, between and behind the members' texts.
        parts: int64[6], where in ``words`` each of these begins; and the end.
        nibbles: int8[256], what a digit of hex says; -1 for anything else.
        longest: the most bytes of a line.
        nothing: a time that no line has.
        wall: int64, filled: microseconds since 1970.
        names: int64, filled: where each line's name begins and ends.
        directions: int8, filled: the first letter of the direction.
        out: int8, filled: the frames' bytes.
        ends: int32, filled: where each begins in ``out``; and the end.

    Returns:
        How many lines; -1 when one is not plain.
    """
    at, size, row, filled = 0, data.size, 0, 0
    put(ends, 0, 0)
    while at < size:
        began = at
        at = label(data, at, size, words, get(parts, 0), get(parts, 1))
        if at < 0:
            return -1
        end = at
        while end < size and byte(data, end) != _QUOTE:
            end += 1
        seen = moment(data, at, end, nothing)
        if seen == nothing:
            return -1
        put(wall, row, seen)
        at = label(data, end, size, words, get(parts, 1), get(parts, 2))
        if at < 0:
            return -1
        end = at
        while end < size:
            letter = byte(data, end)
            if letter in (_QUOTE, _BACKSLASH) or letter < _SPACE or letter >= _DELETE:
                break
            end += 1
        if end == at:
            return -1
        put(names, 2 * row, at)
        put(names, 2 * row + 1, end)
        at = label(data, end, size, words, get(parts, 2), get(parts, 3))
        if at < 0 or at + 2 > size:
            return -1
        letter = byte(data, at)
        if not (letter == 114 or letter == 116) or byte(data, at + 1) != 120:  # noqa: PLR1714  numba has no sets
            return -1
        put(directions, row, letter)
        at = label(data, at + 2, size, words, get(parts, 3), get(parts, 4))
        if at < 0:
            return -1
        first = filled
        while at + 1 < size:
            high, low = get(nibbles, byte(data, at)), get(nibbles, byte(data, at + 1))
            if high < 0 or low < 0:
                break
            put(out, filled, high << 4 | low)
            filled += 1
            at += 2
        at = label(data, at, size, words, get(parts, 4), get(parts, 5))
        if at < 0 or filled == first or at - began > longest or (at < size and byte(data, at) != _LINE_END):
            return -1
        at += 1
        row += 1
        put(ends, row, filled)
    return row

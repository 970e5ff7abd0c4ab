"""Card numbers masked, as a loop compiled by numba: what ``cards.masked`` says of each; see ``kernel_digits``."""

from typing import Any

from protocols.columnar.machine import byte, get, loop, put

_FIRST, _LAST = 6, 4
_SHORTEST, _LONGEST = 13, 19


@loop
def mask_numbers(  # noqa: PLR0917
    offsets: Any, validity: Any, first: int, data: Any, ends: Any, there: Any, out: Any
) -> int:
    """Card numbers with asterisks for what is neither their first six nor their last four digits; how many there are.

    Of text that is no ASCII -1 is given.

    Args:
        offsets: int32, one more than rows: where each number begins in ``data``.
        validity: int8, a bit a row, the lowest first; empty where all rows have a number.
        first: the bit of the first row.
        data: int8, the numbers.
        ends: int32, one more than rows, filled: where each masked number begins in ``out``.
        there: int8, filled: a bit a row, the lowest first, set where there is a number.
        out: int8, filled: the numbers, of as many bytes as ``data`` at most.
    """
    count = bits = into = 0
    put(ends, 0, 0)
    for row in range(offsets.size - 1):
        begin, end = int(get(offsets, row)), int(get(offsets, row + 1))
        if validity.size and not byte(validity, first + row >> 3) >> (first + row & 7) & 1:
            end = begin
        good = _SHORTEST <= end - begin <= _LONGEST
        for at in range(begin, end):
            digit = byte(data, at)
            if digit > 0x7F:
                return -1
            if at < begin + _FIRST or at >= end - _LAST:
                good = good and 0x30 <= digit <= 0x39
        if good:
            for at in range(begin, end):
                put(out, into, 0x2A if begin + _FIRST <= at < end - _LAST else byte(data, at))
                into += 1
            bits |= 1 << (row & 7)
            count += 1
        put(ends, row + 1, into)
        if row & 7 == 7 or row == offsets.size - 2:
            put(there, row >> 3, bits)
            bits = 0
    return count

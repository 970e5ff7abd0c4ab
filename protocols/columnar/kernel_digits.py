"""Packed digits, their parts and numbers as loops over plain numbers, compiled by numba; they trust their input.

What they do is said in ``gathers``, which do the same in numpy; ``compiled`` calls them.

A column is made in two turns. The first goes over the rows that have a value, writes it, and leaves
twice its size in ``offsets``, and 1 more to say that it is there; the second (``machine.settle``) makes of
these the offsets, and eight bits of validity at a time.

Arguments that all have, those of ``kernel_text`` too:

    data: int8, the buffer.
    rows: int32, the rows that have a field, those of all columns.
    starts: int32, the first byte of each.
    counts: int32, how many digits or bytes each has.
    lines: int64, where the rows of each column begin in each tile: a line for each, and one for their end. The bytes
        of a tile's frames stay near the processor while its columns are made.
    table: int64, a line for each column: where its rows begin, how many they are, where its values begin in
        ``out``, moved on; what follows is said at each loop.
    batch_rows: how many rows the batch has.
    tile_rows: how many of them a tile has, a multiple of eight.
    offsets: int32, filled: the offsets of one column after those of the other.
    validity: int8, filled: likewise, a bit a row.
    out: int8, filled; some bytes longer than its values, for they are written eight or sixteen bytes at a time.
    tails: int64[9], all bits of the first so many bytes of a word.
    bad: int32, filled: how many values of each column are none.
"""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put, put_digits, put_eight, settle


@loop
def fill_digits(  # noqa: PLR0917 (numba has no keyword-only arguments)
    data: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    lines: Any,
    table: Any,
    batch_rows: int,
    tile_rows: int,
    offsets: Any,
    validity: Any,
    out: Any,
    bad: Any,
) -> None:
    """Packed digits as text: ``gathers.digits``, eight bytes at a time.

    ``table`` has three numbers more: how many digits all have, or 0; which are legal, as in ``plan.ACCEPTS``; 1 where
    an odd count lies right.
    """
    size = data.size
    for column in range(table.shape[0]):
        put(offsets, column * (batch_rows + 1), 0)
        bad[column] = 0
    for tile in range(lines.shape[0] - 1):
        begin, end = tile * tile_rows, min((tile + 1) * tile_rows, batch_rows)
        for column in range(table.shape[0]):
            line, stop, at = lines[tile, column], lines[tile + 1, column], table[column, 2]
            fixed, accept, right = table[column, 3], table[column, 4], table[column, 5] & table[column, 3] & 1
            first = column * (batch_rows + 1)
            offsets[first + begin + 1 : first + end + 1] = 0
            wrongs = 0
            said = fixed << 1 | 1
            checked = 0xFFFF if accept < 2 else 0
            masks = 0xFFFF if accept == 1 else 0
            if 0 < fixed <= 16 and not right:
                tail = checked & ((1 << fixed) - 1)
                for index in range(line, stop):
                    place = get(starts, index)
                    if place + 8 <= size:
                        word = eight(data, place)
                    else:
                        word = 0
                        for shift in range((fixed + 1) >> 1):
                            word |= byte(data, place + shift) << 8 * shift
                    seen = put_digits(out, at, word)
                    if (seen ^ (seen >> 16 & masks)) & tail:
                        wrongs += 1
                    else:
                        at += fixed
                        put(offsets, first + 1 + get(rows, index), said)
            else:
                for index in range(line, stop):
                    place = int(get(starts, index))
                    left = int(get(counts, index))
                    if fixed:
                        left = fixed
                    since, until, wrong = at, at + left, 0
                    if right:  # the pad, and the first digit by itself
                        seen = put_digits(out, at, byte(data, place) << 4 & 0xF0)
                        wrong = (seen ^ (seen >> 16 & masks)) & 1
                        at += 1
                        place += 1
                        left -= 1
                    while left > 0:
                        if place + 8 <= size:
                            word = eight(data, place)
                        else:
                            word = 0
                            for shift in range(min((left + 1) >> 1, 8)):
                                word |= byte(data, place + shift) << 8 * shift
                        seen = put_digits(out, at, word)
                        wrong |= (seen ^ (seen >> 16 & masks)) & ((1 << min(left, 16)) - 1)
                        at += 16
                        place += 8
                        left -= 16
                    at = until
                    if wrong & checked:
                        wrongs += 1
                        at = since
                    else:
                        put(offsets, first + 1 + get(rows, index), (until - since) << 1 | 1)
            bad[column] += wrongs
            table[column, 2] = at
            settle(offsets, first, begin, end, validity, column * ((batch_rows + 7) >> 3))


@loop
def fill_parts(  # noqa: PLR0917
    rows: Any, whole_offsets: Any, whole: Any, table: Any, batch_rows: int, offsets: Any, validity: Any, out: Any
) -> None:
    """Some characters of a column of digits, as many as there are; part after part.

    Args:
        rows: the rows that may have one.
        whole_offsets: the column's.
        whole: int8, its data; some bytes longer than its values.
        table: a line for each part: its first character, one past its last, at most sixteen characters on, and
            where its values begin.
        batch_rows: how many rows there are.
        offsets: see above.
        validity: likewise.
        out: likewise.
    """
    for part in range(table.shape[0]):
        skipped, last, at = table[part, 0], table[part, 1], table[part, 2]
        first = part * (batch_rows + 1)
        offsets[first : first + batch_rows + 1] = 0
        for index in range(rows.size):
            row = int(get(rows, index))
            place = int(get(whole_offsets, row)) + skipped
            count = min(last - skipped, int(get(whole_offsets, row + 1)) - place)
            if count > 0:
                put_eight(out, at, eight(whole, place))
                if last - skipped > 8:
                    put_eight(out, at + 8, eight(whole, place + 8))
                at += count
                put(offsets, first + 1 + row, count << 1 | 1)
        settle(offsets, first, 0, batch_rows, validity, part * ((batch_rows + 7) >> 3))


@loop
def fill_totals(  # noqa: PLR0917
    rows: Any, whole_offsets: Any, whole: Any, digits: int, table: Any, batch_rows: int, values: Any, there: Any
) -> None:
    """Numbers out of settlement totals: those rows whose field has so many digits, none of them masked.

    Args:
        rows: the rows that have the field.
        whole_offsets: the offsets of its digits.
        whole: int8, the digits.
        digits: how many make totals.
        table: int32, a line for each number: its first digit, one past its last.
        batch_rows: how many rows there are.
        values: int64, filled: the numbers of one column after those of the other; 0 where there is none.
        there: int8, filled: whether a row has totals.
    """
    values[:] = 0
    there[:] = 0
    for index in range(rows.size):
        row = get(rows, index)
        place = int(get(whole_offsets, row))
        if int(get(whole_offsets, row + 1)) - place != digits:
            continue
        legal = True
        for digit in range(digits):
            legal &= byte(whole, place + digit) <= 0x39
        if not legal:
            continue
        put(there, row, 1)
        for column in range(table.shape[0]):
            value = 0
            for digit in range(table[column, 0], table[column, 1]):
                value = 10 * value + byte(whole, place + digit) - 0x30
            put(values, column * batch_rows + row, value)

"""The steps of a batch as loops over plain numbers, compiled by numba; they trust their input.

What they do is said in ``gathers``, which do the same in numpy; ``compiled`` calls them. A loop calls
none of another file, so that numba sees when what it keeps on disk is old.

A column is made in two turns. The first goes over the rows that have a value, writes it, and leaves
twice its size in ``offsets``, and 1 more to say that it is there; the second (``_settle``) makes of
these the offsets, and eight bits of validity at a time.

Arguments that all have:

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
    out: int8, filled; some bytes longer than its values, for they are written eight bytes at a time.
    tails: int64[9], all bits of the first so many bytes of a word.
    bad: int32, filled: how many values of each column are none.
"""

from typing import Any

from protocols.columnar.machine import byte, eight, four, get, loop, put, put_eight


@loop
def _settle(  # noqa: PLR0917
    offsets: Any, first: int, begin: int, end: int, validity: Any, bits_at: int
) -> None:
    """Twice the size of each value, and 1 for being there -> offsets and validity of rows ``begin`` to ``end``.

    ``first`` is where the column's offsets begin, ``bits_at`` its validity; ``begin`` is a multiple of eight.
    """
    total = int(get(offsets, first + begin))
    for block in range(begin >> 3, end >> 3):
        bits = 0
        for place in range(8):
            said = get(offsets, first + 8 * block + place + 1)
            bits |= (said & 1) << place
            total += said >> 1
            put(offsets, first + 8 * block + place + 1, total)
        put(validity, bits_at + block, bits)
    if end & 7:
        bits = 0
        for row in range(end & ~7, end):
            said = get(offsets, first + row + 1)
            bits |= (said & 1) << (row & 7)
            total += said >> 1
            put(offsets, first + row + 1, total)
        put(validity, bits_at + (end >> 3), bits)


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
    tails: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    bad: Any,
) -> None:
    """Packed digits as text: ``gathers.digits``.

    Four bytes become eight characters by shifts: each nibble gets a byte of its own, 0x30 is added to it, and
    7 more where it is above 9.

    ``table`` has three numbers more: how many digits all have, or 0; which are legal, as in ``plan.ACCEPTS``; 1 where
    an odd count lies right.
    """
    size = data.size
    one = 0x0101010101010101
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
            checked = -1 if accept < 2 else 0
            masks = one if accept == 1 else 0
            if 0 < fixed <= 8 and accept == 0 and not right:
                tail = one & tails[fixed]
                for index in range(line, stop):
                    place = get(starts, index)
                    if place + 4 <= size:
                        word = four(data, place)
                    else:
                        word = 0
                        for shift in range((fixed + 1) >> 1):
                            word |= byte(data, place + shift) << 8 * shift
                    word = (word | word << 16) & 0x0000FFFF0000FFFF
                    word = (word | word << 8) & 0x00FF00FF00FF00FF
                    word = (word >> 4 & 0x000F000F000F000F) | (word << 8 & 0x0F000F000F000F00)
                    put_eight(out, at, word | 0x3030303030303030)
                    if (word + 0x0606060606060606) >> 4 & tail:
                        wrongs += 1
                    else:
                        at += fixed
                        put(offsets, first + 1 + get(rows, index), said)
            elif 0 < fixed <= 16 and not right:
                low_tail, high_tail = tails[min(fixed, 8)] & checked, tails[max(fixed - 8, 0)] & checked
                for index in range(line, stop):
                    place = get(starts, index)
                    if place + 8 <= size:
                        word = eight(data, place)
                    else:
                        word = 0
                        for shift in range((fixed + 1) >> 1):
                            word |= byte(data, place + shift) << 8 * shift
                    low, high = word & 0xFFFFFFFF, word >> 32 & 0xFFFFFFFF
                    low = (low | low << 16) & 0x0000FFFF0000FFFF
                    high = (high | high << 16) & 0x0000FFFF0000FFFF
                    low = (low | low << 8) & 0x00FF00FF00FF00FF
                    high = (high | high << 8) & 0x00FF00FF00FF00FF
                    low = (low >> 4 & 0x000F000F000F000F) | (low << 8 & 0x0F000F000F000F00)
                    high = (high >> 4 & 0x000F000F000F000F) | (high << 8 & 0x0F000F000F000F00)
                    letters = (low + 0x0606060606060606) >> 4 & one
                    put_eight(out, at, low + 0x3030303030303030 + letters * 7)
                    wrong = (letters ^ ((low + one) >> 4 & masks)) & low_tail
                    letters = (high + 0x0606060606060606) >> 4 & one
                    put_eight(out, at + 8, high + 0x3030303030303030 + letters * 7)
                    wrong |= (letters ^ ((high + one) >> 4 & masks)) & high_tail
                    if wrong:
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
                        word = byte(data, place) & 0x0F
                        letter = (word + 6) >> 4
                        wrong = letter ^ ((word + 1) >> 4 & masks & 1)
                        put(out, at, word + 0x30 + letter * 7)
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
                        low, high = word & 0xFFFFFFFF, word >> 32 & 0xFFFFFFFF
                        low = (low | low << 16) & 0x0000FFFF0000FFFF
                        high = (high | high << 16) & 0x0000FFFF0000FFFF
                        low = (low | low << 8) & 0x00FF00FF00FF00FF
                        high = (high | high << 8) & 0x00FF00FF00FF00FF
                        low = (low >> 4 & 0x000F000F000F000F) | (low << 8 & 0x0F000F000F000F00)
                        high = (high >> 4 & 0x000F000F000F000F) | (high << 8 & 0x0F000F000F000F00)
                        letters = (low + 0x0606060606060606) >> 4 & one
                        put_eight(out, at, low + 0x3030303030303030 + letters * 7)
                        illegal = letters ^ ((low + one) >> 4 & masks)
                        letters = (high + 0x0606060606060606) >> 4 & one
                        put_eight(out, at + 8, high + 0x3030303030303030 + letters * 7)
                        more = letters ^ ((high + one) >> 4 & masks)
                        if left < 16:
                            illegal &= get(tails, min(left, 8))
                            more &= get(tails, max(left - 8, 0))
                        wrong |= illegal | more
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
            _settle(offsets, first, begin, end, validity, column * ((batch_rows + 7) >> 3))


@loop
def fill_bytes(  # noqa: PLR0917
    data: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    table: Any,
    batch_rows: int,
    offsets: Any,
    validity: Any,
    out: Any,
) -> None:
    """The bytes themselves, of those that have a place (a start of 0 or more).

    ``table`` has one number more: where the column's starts and counts begin, if that is not where its rows do.
    """
    size = data.size
    for column in range(table.shape[0]):
        line, many, at, from_line = table[column, 0], table[column, 1], table[column, 2], table[column, 3]
        first = column * (batch_rows + 1)
        offsets[first : first + batch_rows + 1] = 0
        for index in range(many):
            place = get(starts, from_line + index)
            if place < 0:
                continue
            count = get(counts, from_line + index)
            if place + count + 8 <= size:  # what is copied too much is written over by the next value
                put_eight(out, at, eight(data, place))
                for shift in range(8, count, 8):
                    put_eight(out, at + shift, eight(data, place + shift))
            else:
                for shift in range(count):
                    put(out, at + shift, get(data, place + shift))
            at += count
            put(offsets, first + 1 + get(rows, line + index), count << 1 | 1)
        _settle(offsets, first, 0, batch_rows, validity, column * ((batch_rows + 7) >> 3))


@loop
def fill_text(  # noqa: PLR0917
    data: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    lines: Any,
    table: Any,
    batch_rows: int,
    tile_rows: int,
    tails: Any,
    plain: Any,
    wide: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    bad: Any,
) -> None:
    """GBK as UTF-8: ``gathers.text``; plain text eight bytes at a time.

    Beside what all have:

        plain: int8[256], whether a byte is its own text.
        wide: int32[65536], the character of two bytes, or 0.
        bad: how many values of each column hold what is no printable text; those are not done.
    """
    size = data.size
    high, blanks, one = -0x7F7F7F7F7F7F7F80, 0x2020202020202020, 0x0101010101010101  # 0x80 in each byte
    backslash = 0x5C5C5C5C5C5C5C5C
    for column in range(table.shape[0]):
        put(offsets, column * (batch_rows + 1), 0)
        bad[column] = 0
    for tile in range(lines.shape[0] - 1):
        begin, end = tile * tile_rows, min((tile + 1) * tile_rows, batch_rows)
        for column in range(table.shape[0]):
            line, stop, at = lines[tile, column], lines[tile + 1, column], table[column, 2]
            first = column * (batch_rows + 1)
            offsets[first + begin + 1 : first + end + 1] = 0
            wrongs = 0
            for index in range(line, stop):
                place, left = int(get(starts, index)), int(get(counts, index))
                since = at
                while left >= 8:
                    word = eight(data, place)
                    other = word ^ backslash
                    good = ((word | high) - blanks) & ((other | high) - one) & ~((word + one) | word) & high
                    if good != high:
                        break
                    put_eight(out, at, word)
                    at += 8
                    place += 8
                    left -= 8
                if 0 < left < 8 and place + 8 <= size:
                    word = eight(data, place)
                    other = word ^ backslash
                    good = ((word | high) - blanks) & ((other | high) - one) & ~((word + one) | word) | ~get(
                        tails, left
                    )
                    if good & high == high:
                        put_eight(out, at, word)
                        at += left
                        left = 0
                while left > 0:
                    letter = byte(data, place)
                    if get(plain, letter):
                        put(out, at, letter)
                        at += 1
                        place += 1
                        left -= 1
                        continue
                    char = 0
                    if letter > 0x80 and left > 1:
                        char = int(get(wide, letter << 8 | byte(data, place + 1)))
                    if char == 0:
                        wrongs += 1
                        break
                    if char < 0x800:
                        put(out, at, 0xC0 | char >> 6)
                        at += 1
                    else:
                        put(out, at, 0xE0 | char >> 12)
                        put(out, at + 1, 0x80 | (char >> 6 & 0x3F))
                        at += 2
                    put(out, at, 0x80 | (char & 0x3F))
                    at += 1
                    place += 2
                    left -= 2
                put(offsets, first + 1 + get(rows, index), (at - since) << 1 | 1)
            bad[column] += wrongs
            table[column, 2] = at
            _settle(offsets, first, begin, end, validity, column * ((batch_rows + 7) >> 3))


@loop
def fill_terminated(  # noqa: PLR0917
    data: Any,
    rows: Any,
    starts: Any,
    table: Any,
    batch_rows: int,
    tails: Any,
    legal: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    bad: Any,
    strange: Any,
) -> None:
    """Text up to a zero byte; plain text eight bytes at a time.

    ``table`` has three numbers more: where the column's starts begin, its bytes with the zero byte, and whether only
    digits are legal. Beside what all have:

        legal: int8[256], whether a byte is a digit or stands for one.
        bad: how many values of each column have no zero byte, or no digits.
        strange: int32, filled: how many hold more than plain text; those are not done.
    """
    high, blanks, one = -0x7F7F7F7F7F7F7F80, 0x2020202020202020, 0x0101010101010101  # 0x80 in each byte
    backslash = 0x5C5C5C5C5C5C5C5C
    for column in range(table.shape[0]):
        line, many, at, from_line = table[column, 0], table[column, 1], table[column, 2], table[column, 3]
        size, digits = table[column, 4], table[column, 5]
        first = column * (batch_rows + 1)
        offsets[first : first + batch_rows + 1] = 0
        wrongs, stranges = 0, 0
        for index in range(many):
            place = int(get(starts, from_line + index))
            length, ended, plain, good = 0, False, True, True
            while length < size and not ended:
                if place + length + 8 <= data.size:
                    word = eight(data, place + length)
                else:
                    word = blanks
                    for shift in range(data.size - place - length):
                        word ^= (byte(data, place + length + shift) ^ 0x20) << 8 * shift
                zero = (word - one) & ~word & high
                taken = 8
                if zero:  # the lowest of these bits stands where the first zero byte does
                    taken = ((((zero & -zero) - 1) & one) * one >> 56) - 1
                    ended = True
                other = word ^ backslash
                fine = ((word | high) - blanks) & ((other | high) - one) & ~((word + one) | word) | ~get(tails, taken)
                plain = plain and fine & high == high
                put_eight(out, at + length, word)
                length += taken
            if digits:
                for shift in range(min(length, size)):
                    good = good and get(legal, byte(data, place + shift)) != 0
            if not ended or length >= size or not good:
                wrongs += 1
            elif not plain:
                stranges += 1
            else:
                at += length
                put(offsets, first + 1 + get(rows, line + index), length << 1 | 1)
        bad[column] = wrongs
        strange[column] = stranges
        _settle(offsets, first, 0, batch_rows, validity, column * ((batch_rows + 7) >> 3))


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
        _settle(offsets, first, 0, batch_rows, validity, part * ((batch_rows + 7) >> 3))


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

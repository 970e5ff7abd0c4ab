"""Bytes and texts as loops over plain numbers, compiled by numba; see ``kernel_digits``."""

from typing import Any

from protocols.columnar.machine import byte, copy_sixteen, eight, get, loop, plain_bytes, put, put_eight, settle


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
            if place + count + 16 <= size:  # what is copied too much is written over by the next value
                copy_sixteen(out, at, data, place)
                for shift in range(16, count, 16):
                    copy_sixteen(out, at + shift, data, place + shift)
            else:
                for shift in range(count):
                    put(out, at + shift, get(data, place + shift))
            at += count
            put(offsets, first + 1 + get(rows, line + index), count << 1 | 1)
        settle(offsets, first, 0, batch_rows, validity, column * ((batch_rows + 7) >> 3))


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
    plain: Any,
    wide: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    bad: Any,
) -> None:
    """GBK as UTF-8: ``gathers.text``; plain text sixteen bytes at a time.

    Beside what all have:

        plain: int8[256], whether a byte is its own text.
        wide: int32[65536], the character of two bytes, or 0.
        bad: how many values of each column hold what is no printable text; those are not done.
    """
    size = data.size
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
                while left > 0 and place + 16 <= size:
                    step = min(left, 16)
                    if copy_sixteen(out, at, data, place) | -1 << step != -1:
                        break
                    at += step
                    place += step
                    left -= step
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
            settle(offsets, first, begin, end, validity, column * ((batch_rows + 7) >> 3))


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
                plain = plain and (plain_bytes(word) | ~get(tails, taken)) & high == high
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
        settle(offsets, first, 0, batch_rows, validity, column * ((batch_rows + 7) >> 3))

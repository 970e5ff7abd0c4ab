"""Values that come again, numbered; and stretches of time, as loops compiled by numba; see ``kernel_digits``."""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put

_TURN = 0x9E3779B97F4A7C1  # odd, its bits without order (the golden ratio's)


@loop
def same_text(offsets: Any, data: Any, row: int, begin: int, size: int) -> bool:
    """Whether the text of a row is the one that begins there; both are of one size, -1 for none."""
    other, place = int(get(offsets, row)), 0
    while place + 8 <= size:
        if eight(data, begin + place) != eight(data, other + place):
            return False
        place += 8
    while place < size:
        if get(data, begin + place) != get(data, other + place):
            return False
        place += 1
    return True


@loop
def number_texts(  # noqa: PLR0917
    offsets: Any,
    validity: Any,
    first: int,
    data: Any,
    codes: Any,
    table: Any,
    rows: Any,
    sizes: Any,
    before: Any,
) -> int:
    """A number for each row, equal where its number before and its text are; how many there are.

    They rise from 0 in the order of the rows in which they first come. Of more than half as many as ``table`` has
    slots -1 is given, and ``codes`` are as they were.

    Args:
        offsets: int32, one more than rows: where each text begins in ``data``.
        validity: int8, a bit a row, the lowest first; empty where all rows have a text.
        first: the bit of the first row.
        data: int8, the texts.
        codes: int64, the numbers before; overwritten.
        table: int32, a power of two of slots, each -1; overwritten.
        rows: int32, filled: the first row of each number.
        sizes: int32, scratch, as long as ``codes``.
        before: int64, likewise.
    """
    count, mask, near = 0, table.size - 1, data.size - 8
    latest = earlier = 0  # a request's and its answer's, by turns
    for row in range(codes.size):
        begin = int(get(offsets, row))
        size = get(offsets, row + 1) - begin
        if validity.size and not byte(validity, first + row >> 3) >> (first + row & 7) & 1:
            size = -1
        code = get(codes, row)
        number = -1
        for known in (latest, earlier):
            if (
                number < 0
                and known < count
                and get(before, known) == code
                and get(sizes, known) == size
                and same_text(offsets, data, int(get(rows, known)), begin, size)
            ):
                number = known
        if number < 0:
            mark, at, end = code * _TURN + size, begin, begin + size
            while at + 8 <= end:
                mark = (mark ^ eight(data, at)) * _TURN
                mark ^= mark >> 32
                at += 8
            if at < end:
                rest = 0
                if at <= near:
                    rest = eight(data, at) & (1 << 8 * (end - at)) - 1
                else:
                    for place in range(end - at):
                        rest |= byte(data, at + place) << 8 * place
                mark = (mark ^ rest) * _TURN
            slot = (mark ^ mark >> 29) & mask
            while number < 0:
                number = int(get(table, slot))
                if number < 0:
                    if 2 * count > mask:
                        for done in range(row):
                            put(codes, done, get(before, get(codes, done)))
                        return -1
                    put(table, slot, count)
                    put(rows, count, row)
                    put(sizes, count, size)
                    put(before, count, code)
                    number = count
                    count += 1
                elif (
                    get(before, number) != code
                    or get(sizes, number) != size
                    or not same_text(offsets, data, int(get(rows, number)), begin, size)
                ):
                    number = -1
                    slot = slot + 1 & mask
        if number != latest:
            latest, earlier = number, latest
        put(codes, row, number)
    return count


@loop
def are_trimmed(offsets: Any, validity: Any, first: int, data: Any) -> bool:
    """Whether every text has a first and a last byte, both printable ASCII and no blank, and nowhere a backslash.

    Args:
        offsets: as of `number_texts`.
        validity: likewise.
        first: likewise.
        data: likewise.
    """
    for row in range(offsets.size - 1):
        if validity.size and not byte(validity, first + row >> 3) >> (first + row & 7) & 1:
            continue
        begin, end = int(get(offsets, row)), int(get(offsets, row + 1))
        if begin == end:
            return False
        if byte(data, begin) - 0x21 > 0x5D or byte(data, end - 1) - 0x21 > 0x5D:
            return False
        if byte(data, begin) < 0x21 or byte(data, end - 1) < 0x21:
            return False
        for at in range(begin, end):
            if byte(data, at) == 0x5C:
                return False
    return True


@loop
def read_numbers(offsets: Any, validity: Any, data: Any, most: int, out: Any) -> bool:
    """Texts of digits as numbers, 0 where there is no text; whether every text is one.

    Args:
        offsets: int32, one more than rows: where each text begins in ``data``.
        validity: int8, a bit a row, the lowest first; empty where all rows have a text.
        data: int8, the texts.
        most: so many digits may one have.
        out: int64, filled.
    """
    for row in range(out.size):
        number = 0
        if not validity.size or byte(validity, row >> 3) >> (row & 7) & 1:
            begin, end = int(get(offsets, row)), int(get(offsets, row + 1))
            if begin == end or end - begin > most:
                return False
            for at in range(begin, end):
                digit = byte(data, at) - 48
                if digit < 0 or digit > 9:
                    return False
                number = 10 * number + digit
        put(out, row, number)
    return True


@loop
def cut(  # noqa: PLR0917
    codes: Any,
    seen: Any,
    silence: Any,
    order: Any,
    table: Any,
    stretch: Any,
    first: Any,
    last: Any,
    sizes: Any,
) -> int:
    """The stretch of each row: those of one code, cut where it is silent too long; how many there are.

    Args:
        codes: int64.
        seen: int64, when.
        silence: int64, how long before a row its stretch may be silent.
        order: int64, the rows by ``seen``.
        table: int64, a power of two of slots, more than the rows, of two numbers each, all -1; overwritten: a code
            and its latest stretch, so that both share a line of the cache.
        stretch: int64, filled: they rise from 0 in the order of their first rows.
        first: int64, filled: the first row of each stretch.
        last: likewise, the last one.
        sizes: likewise, how many it has.
    """
    count, mask = 0, (table.size >> 1) - 1
    for place in range(order.size):
        row = get(order, place)
        code = get(codes, row)
        mark = (code >> 3) * _TURN
        slot = ((mark ^ mark >> 32) << 3 | code & 7) & mask  # numbers that follow each other share a line of the cache
        while get(table, 2 * slot) != code and get(table, 2 * slot) >= 0:
            slot = slot + 1 & mask
        one = count
        if get(table, 2 * slot) >= 0:
            one = int(get(table, 2 * slot + 1))
            if get(seen, row) - get(seen, get(last, one)) > get(silence, row):
                one = count
        if one == count:
            put(table, 2 * slot, code)
            put(table, 2 * slot + 1, one)
            put(first, one, row)
            put(sizes, one, 0)
            count += 1
        put(stretch, row, one)
        put(last, one, row)
        put(sizes, one, get(sizes, one) + 1)
    return count

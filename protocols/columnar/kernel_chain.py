"""BLAKE2b (RFC 7693) and CRC-32C (RFC 3720) of many stretches of bytes, compiled by numba; see ``kernel_digits``.

Words are signed here, so that numba keeps to integers: sums and exclusive ors are the same, and a turn
to the right cuts off the sign that it would draw in.
"""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put, put_eight

_BLOCK, _WORDS, _ROUNDS = 128, 16, 12
CRC_BYTES = 4


@loop
def mix(a: int, b: int, c: int, d: int, first: int, second: int) -> tuple[int, int, int, int]:  # noqa: PLR0917
    """The function G (RFC 7693, 3.1)."""
    a += b + first
    d ^= a
    d = (d >> 32 & 0xFFFFFFFF) | d << 32
    c += d
    b ^= c
    b = (b >> 24 & 0xFFFFFFFFFF) | b << 40
    a += b + second
    d ^= a
    d = (d >> 16 & 0xFFFFFFFFFFFF) | d << 48
    c += d
    b ^= c
    b = (b >> 63 & 1) | b << 1
    return a, b, c, d


@loop
def compress(state: Any, first: Any, order: Any, data: Any, at: int, count: int, last: int) -> None:  # noqa: PLR0917
    """The function F (3.2): ``state`` with the block of ``data`` at ``at``; ``last`` is -1 for the last one, else 0."""
    a, b, c, d = get(state, 0), get(state, 1), get(state, 2), get(state, 3)
    e, f, g, h = get(state, 4), get(state, 5), get(state, 6), get(state, 7)
    i, j, k, l = get(first, 0), get(first, 1), get(first, 2), get(first, 3)  # noqa: E741  the words' own order
    m, n, o, p = get(first, 4) ^ count, get(first, 5), get(first, 6) ^ last, get(first, 7)
    for turn in range(_ROUNDS):
        line = turn * _WORDS
        a, e, i, m = mix(a, e, i, m, eight(data, at + get(order, line)), eight(data, at + get(order, line + 1)))
        b, f, j, n = mix(b, f, j, n, eight(data, at + get(order, line + 2)), eight(data, at + get(order, line + 3)))
        c, g, k, o = mix(c, g, k, o, eight(data, at + get(order, line + 4)), eight(data, at + get(order, line + 5)))
        d, h, l, p = mix(d, h, l, p, eight(data, at + get(order, line + 6)), eight(data, at + get(order, line + 7)))  # noqa: E741
        a, f, k, p = mix(a, f, k, p, eight(data, at + get(order, line + 8)), eight(data, at + get(order, line + 9)))
        b, g, l, m = mix(b, g, l, m, eight(data, at + get(order, line + 10)), eight(data, at + get(order, line + 11)))  # noqa: E741
        c, h, i, n = mix(c, h, i, n, eight(data, at + get(order, line + 12)), eight(data, at + get(order, line + 13)))
        d, e, j, o = mix(d, e, j, o, eight(data, at + get(order, line + 14)), eight(data, at + get(order, line + 15)))
    put(state, 0, get(state, 0) ^ a ^ i)
    put(state, 1, get(state, 1) ^ b ^ j)
    put(state, 2, get(state, 2) ^ c ^ k)
    put(state, 3, get(state, 3) ^ d ^ l)
    put(state, 4, get(state, 4) ^ e ^ m)
    put(state, 5, get(state, 5) ^ f ^ n)
    put(state, 6, get(state, 6) ^ g ^ o)
    put(state, 7, get(state, 7) ^ h ^ p)


@loop
def digest(keyed: Any, first: Any, order: Any, data: Any, begin: int, end: int, rest: Any, state: Any) -> None:  # noqa: PLR0917
    """The hash of a stretch of one byte or more; ``keyed`` is the state behind the key's block, ``rest`` scratch."""
    for word in range(8):
        put(state, word, get(keyed, word))
    at, count = begin, _BLOCK
    while end - at > _BLOCK:
        count += _BLOCK
        compress(state, first, order, data, at, count, 0)
        at += _BLOCK
    for word in range(_WORDS):
        put_eight(rest, 8 * word, 0)
    for place in range(end - at):
        put(rest, place, get(data, at + place))
    compress(state, first, order, rest, 0, count + end - at, -1)


@loop
def hash_stretches(  # noqa: PLR0917
    data: Any, starts: Any, ends: Any, keyed: Any, first: Any, order: Any, rest: Any, state: Any, words: int, out: Any
) -> None:
    """The keyed hash of each stretch.

    Args:
        data: int8, the buffer.
        starts: int64, where each stretch begins.
        ends: int64, where it ends; none is empty.
        keyed: int64[8], the state behind the key's block.
        first: int64[8], the state at the start.
        order: int64[192], for each round in which order the words are taken, as bytes from the block's start.
        rest: int8[128], scratch.
        state: int64[8], scratch.
        words: how many words of eight bytes a hash has.
        out: int64, filled: so many words for each stretch.
    """
    for row in range(starts.size):
        digest(keyed, first, order, data, int(get(starts, row)), int(get(ends, row)), rest, state)
        for word in range(words):
            put(out, row * words + word, get(state, word))


@loop
def chain_records(  # noqa: PLR0917
    data: Any,
    ends: Any,
    chain_at: int,
    link: int,
    keyed: Any,
    first: Any,
    order: Any,
    table: Any,
    rest: Any,
    state: Any,
) -> int:
    """Put into each record the hash of the one before and a checksum; the last one's hash is given back.

    Args:
        data: int8, the records end to end.
        ends: int64, where each ends, before that where the first one begins.
        chain_at: where in a record the eight bytes of the hash stand; the CRC are its last four.
        link: the hash of the record before the first, as a number.
        keyed: see ``hash_stretches``.
        first: likewise.
        order: likewise.
        table: int64[2048], the CRC of each byte with none to seven zeros behind it.
        rest: see ``hash_stretches``.
        state: likewise.
    """
    for row in range(ends.size - 1):
        begin, end = int(get(ends, row)), int(get(ends, row + 1))
        put_eight(data, begin + chain_at, link)
        at, upto, crc = begin, end - CRC_BYTES, 0xFFFFFFFF
        while upto - at >= 8:
            word = eight(data, at) ^ crc
            crc = get(table, 1792 + (word & 255)) ^ get(table, 1536 + (word >> 8 & 255))
            crc ^= get(table, 1280 + (word >> 16 & 255)) ^ get(table, 1024 + (word >> 24 & 255))
            crc ^= get(table, 768 + (word >> 32 & 255)) ^ get(table, 512 + (word >> 40 & 255))
            crc ^= get(table, 256 + (word >> 48 & 255)) ^ get(table, word >> 56 & 255)
            at += 8
        while at < upto:
            crc = get(table, (crc ^ byte(data, at)) & 255) ^ crc >> 8
            at += 1
        crc ^= 0xFFFFFFFF
        for place in range(CRC_BYTES):
            put(data, upto + place, crc >> 8 * (3 - place))
        digest(keyed, first, order, data, begin, end, rest, state)
        link = get(state, 0)
    return link


@loop
def place_bytes(data: Any, starts: Any, ends: Any, out: Any, places: Any) -> None:
    """Copy each stretch of ``data`` (int8) to its place in ``out`` (int8); the numbers are int64."""
    for row in range(starts.size):
        begin, at = int(get(starts, row)), int(get(places, row))
        for place in range(int(get(ends, row)) - begin):
            put(out, at + place, get(data, begin + place))


@loop
def follow(  # noqa: PLR0917
    data: Any, at: int, end: int, length_at: int, overhead: int, places: Any, count: int
) -> int:
    """Where each record begins, each telling how long it is; how many there are now.

    Args:
        data: int8, the buffer.
        at: where the next one begins.
        end: a record whose overhead would end behind it is not looked at.
        length_at: where in a record its length stands, four bytes, the highest first.
        overhead: so many bytes a record has beside that length.
        places: int64, filled, one for each record that can be there; behind them where the next one would begin.
        count: how many are known.
    """
    while at + overhead <= end and count < places.size - 1:
        put(places, count, at)
        count += 1
        length = 0
        for place in range(4):
            length = length << 8 | byte(data, at + length_at + place)
        at += overhead + length
    put(places, count, at)
    return count

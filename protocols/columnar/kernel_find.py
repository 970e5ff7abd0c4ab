"""Tags, ends of texts and amounts of a batch as loops over plain numbers, compiled by numba; see ``kernel_digits``."""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put


@loop
def find_tags(  # noqa: PLR0917
    data: Any,
    starts: Any,
    counts: Any,
    wanted: Any,
    lines: Any,
    following: Any,
    templates: Any,
    deepest: int,
    ends: Any,
    places: Any,
    sizes: Any,
    sums: Any,
) -> None:
    """Where the wanted BER-TLV tags lie in each value: ``gathers.tags``.

    Args:
        data: int8, the buffer.
        starts: int32, the first byte of each value.
        counts: int32, its bytes.
        wanted: int64, the tags.
        lines: int32[256], by a tag's lowest byte: the first wanted tag that ends so, or -1.
        following: int32, for each wanted tag the next one that ends so, or -1.
        templates: int8[65536], whether a tag holds others.
        deepest: how deep templates are looked into.
        ends: int64, scratch: one more than ``deepest``.
        places: int32, filled: a line for each wanted tag, -1 where a value has none.
        sizes: likewise, the bytes of it, or 0.
        sums: int64, filled: for each wanted tag the bytes of all.
    """
    places[:] = -1
    sizes[:] = 0
    many = starts.size
    for index in range(many):
        at = int(get(starts, index))
        depth = 0
        end = at + get(counts, index)
        ends[0] = end
        broken = False
        while True:
            if at >= end:
                depth -= 1
                if depth < 0:
                    break
                end = ends[depth]
                continue
            tag = byte(data, at)
            at += 1
            if tag == 0:
                continue
            if tag & 0x1F == 0x1F:
                taken = 1
                more = True
                while more:
                    if at >= end or taken > 3:
                        broken = True
                        break
                    octet = byte(data, at)
                    more = octet & 0x80 != 0
                    tag = tag << 8 | octet
                    at += 1
                    taken += 1
            if broken or at >= end:
                broken = True
                break
            length = byte(data, at)
            at += 1
            if length > 0x80 and tag >> 8 != 0xFF:
                count = length & 0x7F
                if count > 2 or at + count > end:
                    broken = True
                    break
                length = byte(data, at)
                if count == 2:
                    length = length << 8 | byte(data, at + 1)
                at += count
            if at + length > end:
                broken = True
                break
            line = get(lines, tag & 0xFF)
            while line >= 0:
                if get(wanted, line) == tag:
                    put(places, line * many + index, at)
                    put(sizes, line * many + index, length)
                line = get(following, line)
            if tag < 65536 and get(templates, tag) and depth < deepest:
                depth += 1
                end = at + length
                ends[depth] = end
            else:
                at += length
        if broken:
            for line in range(wanted.size):
                places[line * many + index] = -1
                sizes[line * many + index] = 0
    for line in range(wanted.size):
        total = 0
        for index in range(many):
            total += get(sizes, line * many + index)
        sums[line] = total


@loop
def fill_fen(  # noqa: PLR0917
    data: Any, pairs: Any, starts: Any, size: int, values: Any, good: Any
) -> None:
    """Numbers of packed digits: ``vectors.fen``; ``values`` and ``good`` are filled."""
    for index in range(starts.size):
        place = int(get(starts, index))
        value, legal = 0, True
        for at in range(size):
            pair = int(get(pairs, byte(data, place + at)))
            legal &= pair >= 0
            value = value * 100 + pair
        put(values, index, value)
        put(good, index, legal)


@loop
def find_ends(data: Any, starts: Any, counts: Any, lengths: Any, high: Any) -> None:
    """Where the text of values padded with zero bytes ends.

    Args:
        data: int8, the buffer.
        starts: int32, the first byte of each value.
        counts: int32, the bytes of each.
        lengths: int32, filled: the bytes before the padding.
        high: int8, filled: 1 where one of these is no ASCII.
    """
    for index in range(starts.size):
        place, left = int(get(starts, index)), int(get(counts, index))
        while left > 0 and byte(data, place + left - 1) == 0:
            left -= 1
        seen, at = 0, 0
        while at + 8 <= left:
            seen |= eight(data, place + at)
            at += 8
        while at < left:
            seen |= byte(data, place + at)
            at += 1
        put(lengths, index, left)
        put(high, index, 1 if seen & -0x7F7F7F7F7F7F7F80 else 0)

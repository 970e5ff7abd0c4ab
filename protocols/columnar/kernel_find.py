"""Tags, ends of texts and amounts of a batch as loops over plain numbers, for numba to compile; see ``kernel``."""

from typing import Any


def find_tags(  # noqa: PLR0917
    data: Any, starts: Any, counts: Any, wanted: Any, templates: Any, deepest: int, ends: Any, places: Any, sizes: Any
) -> None:
    """Where the wanted BER-TLV tags lie in each value: ``gathers.tags``.

    Args:
        data: int8, the buffer.
        starts: int32, the first byte of each value.
        counts: int32, its bytes.
        wanted: int32, the tags.
        templates: int8[65536], whether a tag holds others.
        deepest: how deep templates are looked into.
        ends: int32, scratch: one more than ``deepest``.
        places: int32, filled: a line for each wanted tag, -1 where a value has none.
        sizes: likewise, the bytes of it.
    """
    for index in range(starts.size):
        for line in range(wanted.size):
            places[line, index] = -1
        at = starts[index]
        depth = 0
        ends[0] = at + counts[index]
        broken = False
        while depth >= 0 and not broken:
            end = ends[depth]
            if at >= end:
                depth -= 1
                continue
            tag = data[at] & 0xFF
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
                    byte = data[at] & 0xFF
                    more = byte & 0x80 != 0
                    tag = tag << 8 | byte
                    at += 1
                    taken += 1
            if broken or at >= end:
                broken = True
                break
            length = data[at] & 0xFF
            at += 1
            if length > 0x80 and tag >> 8 != 0xFF:
                count = length & 0x7F
                if count > 2 or at + count > end:
                    broken = True
                    break
                length = data[at] & 0xFF
                if count == 2:
                    length = length << 8 | (data[at + 1] & 0xFF)
                at += count
            if at + length > end:
                broken = True
                break
            for line in range(wanted.size):
                if wanted[line] == tag:
                    places[line, index] = at
                    sizes[line, index] = length
            if tag < 65536 and templates[tag] and depth < deepest:
                depth += 1
                ends[depth] = at + length
            else:
                at += length
        if broken:
            for line in range(wanted.size):
                places[line, index] = -1


def find_zeros(  # noqa: PLR0917
    data: Any, legal: Any, starts: Any, size: int, digits: int, ends: Any
) -> None:
    """How many bytes stand before the first zero byte: ``vectors.zeros``; ``ends`` is filled."""
    for index in range(starts.size):
        place = starts[index] & 0x7FFFFFFF
        end, good = 0, 1
        while end < size and data[place + end] != 0:
            good &= legal[data[place + end] & 0xFF]
            end += 1
        ends[index] = end if end < size and (good or not digits) else -1


def fill_fen(  # noqa: PLR0917
    data: Any, pairs: Any, starts: Any, size: int, values: Any, good: Any
) -> None:
    """Numbers of packed digits: ``vectors.fen``; ``values`` and ``good`` are filled."""
    for index in range(starts.size):
        place = starts[index] & 0x7FFFFFFF
        value, legal = 0, 1
        for byte in range(size):
            pair = pairs[data[place + byte] & 0xFF]
            legal &= pair >= 0
            value = value * 100 + pair
        values[index] = value
        good[index] = legal

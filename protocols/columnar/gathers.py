"""From places to values, in numpy: bytes gathered from all over a buffer, digits unpacked, text made text.

Each function takes the places of one field and gives the values end to end in one buffer, and
how long each is; -1 for a value that is none. ``kernel_*`` have the same functions as loops.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from protocols.codecs import gbk_text
from protocols.columnar import tables


class Values(NamedTuple):
    """Values end to end.

    Attributes:
        lengths: int32, bytes of each; -1 for none.
        data: uint8.
    """

    lengths: Any
    data: Any


def raw(data: Any, starts: Any, counts: Any) -> Values:
    """The bytes themselves."""
    return Values(counts, _ragged(data, starts, counts))


def digits(data: Any, starts: Any, counts: Any, accept: int, *, right: bool) -> Values:
    """Packed digits as text.

    Args:
        data: the buffer.
        starts: int64, the first byte of each.
        counts: int32, how many nibbles each has.
        accept: which of them are legal, as in ``plan.ACCEPTS``; a value with another is none.
        right: the first nibble is the pad of an odd count, not the last.
    """
    import numpy as np

    widths = (counts + 1) >> 1
    text = tables.chars()[_ragged(data, starts, widths)].view(np.uint8)
    odd = counts & 1 == 1
    if odd.any():
        ends = 2 * np.cumsum(widths, dtype=np.int64)
        pads = (ends - 2 * widths if right else ends - 1)[odd]
        kept = np.ones(text.size, bool)
        kept[pads] = False
        text = text[kept]
    wrong = np.flatnonzero(tables.illegal()[accept][text])
    if not wrong.size:
        return Values(counts, text)
    ends = np.cumsum(counts, dtype=np.int64)
    bad = np.zeros(counts.size, bool)
    bad[np.searchsorted(ends, wrong, side="right")] = True
    return Values(np.where(bad, np.int32(-1), counts), text[~np.repeat(bad, counts)])


def text(data: Any, starts: Any, counts: Any) -> Values:
    """GBK as UTF-8, as ``gbk_text`` has it."""
    import numpy as np

    found = _ragged(data, starts, counts)
    strange = np.flatnonzero(~tables.plain()[found])
    if not strange.size:
        return Values(counts, found)
    ends = np.cumsum(counts, dtype=np.int64)
    return _said(found, counts, np.unique(np.searchsorted(ends, strange, side="right")), gbk_text)


def encoded(data: Any, starts: Any, counts: Any, strange: Any, coding: str) -> Values:
    """Text of any coding as UTF-8; what is none is none.

    Args:
        data: the buffer.
        starts: int64, the first byte of each.
        counts: int32, the bytes of each.
        strange: which hold more than ASCII.
        coding: one of ``parts.ENCODINGS``.
    """
    import numpy as np

    def said(raw: bytes) -> str | None:
        try:
            return raw.decode(coding)
        except UnicodeDecodeError:
            return None

    return _said(_ragged(data, starts, counts), counts, np.flatnonzero(strange), said)


def _said(found: Any, counts: Any, rows: Any, text_of: Callable[[bytes], str | None]) -> Values:
    """Values end to end, some of them said otherwise, or not at all."""
    import numpy as np

    ends = np.cumsum(counts, dtype=np.int64)
    parts: list[Any] = []
    lengths = counts.copy()
    at = 0
    for row in rows:
        start, end = int(ends[row] - counts[row]), int(ends[row])
        text = text_of(found[start:end].tobytes())
        said = b"" if text is None else text.encode()
        parts += [found[at:start].tobytes(), said]
        lengths[row] = -1 if text is None else len(said)
        at = end
    parts.append(found[at:].tobytes())
    return Values(lengths, np.frombuffer(b"".join(parts), np.uint8))


def stripped(data: Any, starts: Any, counts: Any) -> tuple[Any, Any]:
    """How many bytes of each stand before the zero bytes at its end, and which hold a byte that is no ASCII."""
    import numpy as np

    found = _ragged(data, starts, counts)
    ends = np.cumsum(counts, dtype=np.int64)
    begins = ends - counts
    filled = np.flatnonzero(found)
    last = np.append(-1, filled)[np.searchsorted(filled, ends)]
    high = np.append(0, np.cumsum(found >= 0x80, dtype=np.int64))
    return np.maximum(last + 1 - begins, 0).astype(np.int32), high[ends] > high[begins]


def _ragged(data: Any, starts: Any, widths: Any) -> Any:
    """The bytes of places of any width, end to end."""
    import numpy as np

    if not starts.size:
        return np.zeros(0, np.uint8)
    width = int(widths[0])
    if (widths == width).all():
        return data[starts[:, None] + np.arange(width)].ravel()
    before = np.cumsum(widths, dtype=np.int64) - widths
    return data[np.repeat(starts - before, widths) + np.arange(int(before[-1] + widths[-1]))]


def fixed(data: Any, starts: Any, kind: str) -> Any:
    """A value of a numpy type of fixed size from each place, wherever it lies."""
    import numpy as np

    size = np.dtype(kind).itemsize
    if not starts.size:
        return np.zeros(0, kind)
    return np.ndarray((data.size - size + 1,), kind, data.data, 0, (1,))[starts]


def tags(data: Any, starts: Any, ends: Any, wanted: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Where the wanted BER-TLV tags lie in each value.

    As ``protocols.tlv.elements``: all values take one step after the other together. A value
    that is no BER-TLV has none of them; of a tag that comes twice the last counts.

    Returns:
        For each wanted tag the first byte of its value in each, -1 where there is none, and how many bytes it has.
    """
    import numpy as np

    from protocols.tlv import MOST_DEPTH, TEMPLATES

    templates = np.array(sorted(TEMPLATES))
    found = [(np.full(starts.size, -1, np.int64), np.zeros(starts.size, np.int32)) for _ in wanted]
    rows = np.arange(starts.size)
    at = starts.astype(np.int64)
    depth = np.zeros(starts.size, np.int64)
    stack = np.zeros((starts.size, MOST_DEPTH + 1), np.int64)
    stack[:, 0] = ends
    broken = np.zeros(starts.size, bool)
    last = data.size - 1

    def peek(places: Any) -> Any:
        return data[np.minimum(places, last)].astype(np.int64)

    while rows.size:
        end = stack[rows, depth[rows]]
        climb = at[rows] >= end
        depth[rows[climb]] -= 1
        rows = rows[depth[rows] >= 0]
        end = stack[rows, depth[rows]]
        padding = peek(at[rows]) == 0
        going = (at[rows] < end) & ~padding
        at[rows[(at[rows] < end) & padding]] += 1
        some = rows[going]
        if not some.size:
            continue
        end = end[going]
        place = at[some]
        tag = peek(place)
        place += 1
        bad = np.zeros(some.size, bool)
        more = tag & 0x1F == 0x1F
        for taken in range(1, 5):
            bad |= more & ((place >= end) | (taken > 3))
            more &= ~bad
            byte = peek(place)
            tag = np.where(more, tag << 8 | byte, tag)
            place += more
            more &= byte & 0x80 != 0
        bad |= place >= end
        length = peek(place)
        place += 1
        long = (length > 0x80) & (tag >> 8 != 0xFF)
        count = np.where(long, length & 0x7F, 0)
        bad |= long & ((count > 2) | (place + count > end))
        length = np.where(long, np.where(count == 1, peek(place), peek(place) << 8 | peek(place + 1)), length)
        place += count
        bad |= place + length > end
        broken[some[bad]] = True
        rows = rows[~broken[rows]]
        some, place, length, tag = some[~bad], place[~bad], length[~bad], tag[~bad]
        for want, (where, size) in zip(wanted, found, strict=True):
            hit = tag == want
            where[some[hit]], size[some[hit]] = place[hit], length[hit]
        inner = np.isin(tag, templates) & (depth[some] < MOST_DEPTH)
        down = some[inner]
        depth[down] += 1
        stack[down, depth[down]] = (place + length)[inner]
        at[some] = np.where(inner, place, place + length)
    for where, _ in found:
        where[broken] = -1
    return found

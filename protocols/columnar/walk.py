"""The walk over a batch in numpy: each step once, over all frames that have the field.

The same law as ``protocols.locate`` and ``protocols.walk``: the layouts the first bytes
allow are tried in their order, the first whose fields end with the bytes wins, and where
none does the first one's error stands. This module knows no field: it has the walk's steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from protocols.columnar import tables
from protocols.columnar.places import HEADER, MTI, TPDU, Fault, Place, Walked, no_rows_walked, place
from protocols.envelope import (
    ETX,
    HEADER_BYTES,
    LENGTH_BYTES,
    LENGTH_CODINGS,
    LENGTH_COUNTS,
    STX,
    STX_OVERHEAD,
    TPDU_BYTES,
    Link,
)
from protocols.locate import TPDU_ID
from protocols.walk import BITMAP_BYTES, HEAD_BYTES, Step, Walk

HEAD = TPDU_BYTES + HEADER_BYTES
_MTI_BYTES = HEAD_BYTES - BITMAP_BYTES


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames as Arrow has them: one buffer, and where each frame starts and ends in it.

    Attributes:
        data: uint8; never empty.
        starts: int64.
        ends: int64.
    """

    data: Any
    starts: Any
    ends: Any

    @property
    def rows(self) -> int:
        """How many frames."""
        return int(self.starts.size)

    def byte(self, rows: Any, at: int) -> Any:
        """One byte of each frame, as int; from its end where ``at`` is negative; any byte where it has none."""
        import numpy as np

        places = self.starts[rows] + at if at >= 0 else self.ends[rows] + at
        return self.data[np.clip(places, 0, self.data.size - 1)].astype(np.int32)


class _Layout(NamedTuple):
    """One way to read some rows; places count in the buffer."""

    rows: Any
    head: Any
    message: Any
    end: Any
    wrong: Any


def codings(link: Link) -> list[tuple[str, int]]:
    """The codings of a length that an STX frame may have, and how many bytes more than the body each counts."""
    if link.envelope == "stx":
        return [(link.length_coding, link.extra)]
    return [(coding, extra) for coding in LENGTH_CODINGS for extra in LENGTH_COUNTS.values()]


def walk(link: Link, declared: Walk, batch: Batch) -> Walked:
    """Find the message of each frame and its fields."""
    import numpy as np

    found = no_rows_walked(batch.rows)
    done = np.zeros(batch.rows, bool)
    seen = np.zeros(batch.rows, bool)
    owner = np.full(batch.rows, -1, np.int8)
    pieces: list[tuple[Any, dict[int, Place]]] = []
    for layout in _layouts(link, batch, done, seen):
        tried = _Try(declared, batch, layout)
        good = tried.fault == Fault.NONE
        won = good | ~seen[layout.rows]
        rows = layout.rows[won]
        tried.keep(found, rows, won)
        owner[rows] = len(pieces)
        pieces.append((layout.rows, tried.places))
        seen[layout.rows] = True
        done[layout.rows[good]] = True
    for number in declared.steps:
        joined = _joined(number, pieces, owner)
        if joined is not None:
            found.places[number] = joined
    if 64 in declared.steps and declared.steps[64].last:
        found.mac_absent[:] = (found.bitmap & np.uint64(1) == 1) & (found.fault == Fault.NONE)
        if 64 in found.places:
            found.mac_absent[found.places[64].rows] = False
    found.places.update(_heads(batch, found))
    return found


def _heads(batch: Batch, found: Walked) -> Iterator[tuple[int, Place]]:
    """Where what stands before the fields lies."""
    import numpy as np

    message, head = batch.starts + found.message, batch.starts + found.head
    for number, there, starts in (
        (MTI, found.there, message),
        (TPDU, found.head >= 0, head),
        (HEADER, found.head >= 0, head + TPDU_BYTES),
    ):
        rows = np.flatnonzero(there).astype(np.int32)
        if rows.size:
            yield number, Place(rows, starts[rows], rows[:0], 0)


def _joined(number: int, pieces: list[tuple[Any, dict[int, Place]]], owner: Any) -> Place | None:
    """One field's places in the layouts that won; in a piece, ``rows`` count among the rows of its layout."""
    import numpy as np

    found = []
    for index, (rows, places) in enumerate(pieces):
        if number in places:
            here = places[number]
            mine = owner[rows[here.rows]] == index
            found.append(place(rows[here.rows][mine].astype(np.int32), here.starts[mine], here.counts[mine]))
    if len(found) < 2:
        return found[0] if found else None
    rows = np.concatenate([here.rows for here in found])
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([here.starts for here in found])
    counts = np.concatenate([here.counts for here in found])
    return place(rows[order], starts[order], counts[order])


def _layouts(link: Link, batch: Batch, done: Any, seen: Any) -> Iterator[_Layout]:
    """The layouts in the order they are tried; each for the rows that are still open when it is its turn."""
    import numpy as np

    every = np.arange(batch.rows)
    size = (batch.ends - batch.starts).astype(np.int64)
    first = batch.byte(every, 0)

    def inside(rows: Any, before: int, after: int, wrong: Any) -> _Layout:
        start, end = batch.starts[rows] + before, batch.ends[rows] - after
        tpdu = (batch.byte(rows, before) == TPDU_ID) & (end - start > HEAD)
        return _Layout(rows, np.where(tpdu, start, -1), start + HEAD * tpdu, end, wrong)

    stx = (size > STX_OVERHEAD) & (first == STX)
    if link.envelope != "stx":
        stx &= batch.byte(every, -2) == ETX
    if stx.any():
        rows = every[stx]
        yield inside(rows, 1 + LENGTH_BYTES, 2, _stx_wrong(link, batch, rows))
    if link.envelope == "length":
        claimed = _length(link.length_coding, first, batch.byte(every, 1), link.extra)
        rows = every[(size > LENGTH_BYTES) & (claimed == size - LENGTH_BYTES) & ~done]
        if rows.size:
            yield inside(rows, LENGTH_BYTES, 0, np.zeros(rows.size, bool))
    rows = every[(size > HEAD) & (first == TPDU_ID) & ~done]
    if rows.size:
        start = batch.starts[rows]
        yield _Layout(rows, start, start + HEAD, batch.ends[rows], np.zeros(rows.size, bool))
    follows = (size > LENGTH_BYTES + HEAD) & (batch.byte(every, LENGTH_BYTES) == TPDU_ID)
    follows &= batch.byte(every, LENGTH_BYTES + HEAD) <= 0x09
    rows = every[(size > 0) & (first <= 0x09) & follows & ~done & ~seen]
    if rows.size:
        start = batch.starts[rows] + LENGTH_BYTES
        wrong = np.full(rows.size, link.envelope == "length")
        wrong |= _length("binary", first[rows], batch.byte(rows, 1), 0) != size[rows] - LENGTH_BYTES
        yield _Layout(rows, start, start + HEAD, batch.ends[rows], wrong)
    rows = every[(size > 0) & (first <= 0x09) & ~done]
    if rows.size:
        none = np.full(rows.size, -1)
        yield _Layout(rows, none, batch.starts[rows], batch.ends[rows], np.zeros(rows.size, bool))


def _length(coding: str, first: Any, second: Any, extra: int) -> Any:
    """The two bytes of a length, less what it counts beside the body; -1 when they are no length."""
    import numpy as np

    if coding == "binary":
        return (first << 8 | second) - extra
    high, low = tables.pairs()[first], tables.pairs()[second]
    return np.where((high < 0) | (low < 0), -1, high * 100 + low - extra)


def _stx_wrong(link: Link, batch: Batch, rows: Any) -> Any:
    """Whether length, ETX or LRC of an STX frame do not agree."""
    import numpy as np

    body = batch.ends[rows] - batch.starts[rows] - STX_OVERHEAD
    first, second = batch.byte(rows, 1), batch.byte(rows, 2)
    agrees = np.zeros(rows.size, bool)
    for coding, extra in codings(link):
        agrees |= _length(coding, first, second, extra) == body
    covered = np.stack([batch.starts[rows] + 1, batch.ends[rows] - 1], axis=1).ravel()
    lrc = np.bitwise_xor.reduceat(batch.data, covered)[::2]
    return ~agrees | (batch.byte(rows, -2) != ETX) | (lrc != batch.byte(rows, -1))


class _Try:
    """One layout walked: the places in it, and what is wrong."""

    def __init__(self, declared: Walk, batch: Batch, layout: _Layout) -> None:
        import numpy as np

        self.batch, self.layout = batch, layout
        rows = layout.rows.size
        self.fault = np.zeros(rows, np.int8)
        self.number = np.zeros(rows, np.int8)
        self.at = np.zeros(rows, np.int64)
        self.expected = np.zeros(rows, np.int64)
        self.got = np.zeros(rows, np.int64)
        self.bitmap = np.zeros(rows, np.uint64)
        self.places: dict[int, Place] = {}
        self.whole = layout.end - layout.message >= HEAD_BYTES
        self._head(declared)
        self.started = self.fault == Fault.NONE
        self._steps(declared)
        in_bitmap = (self.fault == Fault.UNKNOWN) & ~layout.wrong
        self.fault[layout.wrong] = Fault.LAYOUT
        steps = self.started & (self.bitmap != 0)
        self.there = self.whole & ((self.fault == Fault.NONE) | steps | in_bitmap)

    def keep(self, found: Walked, rows: Any, won: Any) -> None:
        """Write what was found of the rows this layout is the best for."""
        import numpy as np

        start = self.batch.starts[rows]
        found.head[rows] = np.where(self.layout.head[won] < 0, -1, self.layout.head[won] - start)
        found.message[rows] = self.layout.message[won] - start
        found.there[rows] = self.there[won]
        found.bitmap[rows] = np.where(self.there[won], self.bitmap[won], np.uint64(0))
        found.fault[rows] = self.fault[won]
        found.number[rows] = self.number[won]
        found.at[rows] = self.at[won] - start
        found.expected[rows] = self.expected[won]
        found.got[rows] = self.got[won]

    def _say(self, rows: Any, fault: Fault, number: Any, at: Any, words: tuple[Any, Any] = (0, 0)) -> None:
        self.fault[rows], self.number[rows], self.at[rows] = fault, number, at
        self.expected[rows], self.got[rows] = words

    def _head(self, declared: Walk) -> None:
        """MTI and bitmap."""
        import numpy as np

        message, data = self.layout.message, self.batch.data
        left = np.maximum(self.layout.end - message, 0)
        self._say(~self.whole, Fault.HEAD, 0, message[~self.whole], (0, left[~self.whole]))
        rows = np.flatnonzero(self.whole)
        head = data[message[rows, None] + np.arange(HEAD_BYTES)]
        pairs = tables.pairs()
        bad = (head[:, 0] > 0x09) | (pairs[head[:, 0]] < 0) | (pairs[head[:, 1]] < 0)
        self._say(rows[bad], Fault.MTI, 0, message[rows[bad]])
        bitmap = np.ascontiguousarray(head[:, _MTI_BYTES:]).view(">u8")[:, 0].astype(np.uint64)
        self.bitmap[rows] = bitmap
        known = sum(1 << (64 - number) for number in declared.steps)
        unknown = bitmap & np.uint64(~known & (1 << 64) - 1)
        alien = rows[~bad & (unknown != 0)]
        numbers = [65 - int(bits).bit_length() for bits in unknown[~bad & (unknown != 0)]]
        self._say(alien, Fault.UNKNOWN, numbers, message[alien] + _MTI_BYTES)

    def _steps(self, declared: Walk) -> None:
        """Each field in its turn."""
        import numpy as np

        self.position = self.layout.message + HEAD_BYTES
        for number in sorted(declared.steps):
            bit = np.uint64(1 << (64 - number))
            rows = np.flatnonzero((self.fault == Fault.NONE) & (self.bitmap & bit != 0))
            if rows.size:
                self._step(declared.steps[number], rows)
        left = self.layout.end - self.position
        over = (self.fault == Fault.NONE) & (left != 0)
        self._say(over, Fault.LONG, 0, self.position[over], (0, left[over]))

    def _step(self, step: Step, rows: Any) -> None:
        import numpy as np

        at, end = self.position[rows], self.layout.end[rows]
        count = np.full(rows.size, step.size, np.int64)
        good = np.ones(rows.size, bool)
        if step.prefix:
            cut = at + step.prefix > end
            self._say(rows[cut], Fault.SHORT_LENGTH, step.number, at[cut], (step.prefix, (end - at)[cut]))
            pairs, data = tables.pairs(), self.batch.data
            count = pairs[data[np.minimum(at, data.size - 1)]].astype(np.int64)
            if step.prefix == 2:
                low = pairs[data[np.minimum(at + 1, data.size - 1)]]
                count = np.where((count < 0) | (low < 0), -1, count * 100 + low)
            odd = ~cut & ((count < 0) | (count > step.size))
            self._say(rows[odd], Fault.LENGTH, step.number, at[odd], (step.size, count[odd]))
            good = ~cut & ~odd
        value = at + step.prefix
        after = value + ((count + 1) >> 1 if step.digits else count)
        over = good & (after > end)
        if step.last:
            over &= at != end
        self._say(rows[over], Fault.SHORT, step.number, at[over], (count[over], (end - value)[over]))
        good &= after <= end
        self.position[rows[good]] = after[good]
        if good.any():
            self.places[step.number] = place(rows[good], value[good], count[good].astype(np.int32))

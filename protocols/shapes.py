"""Frames built like one that came before, made safe without being walked again.

Where the fields of a frame lie is fixed by its length, its MTI, its bitmap and the bytes that say a length. A shape
keeps these and what is overwritten where; a frame that has them all, and its card number where it belongs, takes a few
operations on it as one whole number. Every other frame is walked, and both ways give the same (``protocols.mask``).
A shape holds places and lengths, nothing of what a field said.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from protocols import sweep
from protocols.dialect import Secured
from protocols.envelope import LENGTH_BYTES, STX, Link, folded
from protocols.grammar import FieldSpec
from protocols.locate import Layout
from protocols.mask import (
    CONTROL,
    SECURITY_CONTROL,
    TRACK_3,
    TRACK_SEPARATOR,
    Masking,
    filler_of,
    fits_its_parts,
    mask_field,
)
from protocols.walk import HEAD_BYTES, Item

SHAPES_KEPT = 256
"""Lengths, types and bitmaps; some dozens are met on one link, and noise must not grow them without bound."""
ALIKE_KEPT = 4
"""Shapes of one length, type and bitmap: their fields' lengths differ, and add up to the same."""
_CARD_DIGITS = range(sweep.SHORTEST, sweep.LONGEST + 1)
_ALWAYS_MASKED = frozenset({"pan", "track", "overwrite"})
"""Where these fill what a shape expects, bytes change."""
_SEPARATOR = TRACK_SEPARATOR.lower()

_Span = tuple[int, int]
_Fill = tuple[int, int]
"""What stays of a frame as a number, and what is put in: ``number & stays | put``."""


@dataclass(slots=True)
class _Shape:
    """One way of being built; nibbles are counted from the frame's first.

    Attributes:
        marks: the bytes of a frame that say where everything lies; ``marked`` are this shape's.
        end: one past the message's last byte.
        fields: first byte of the first field, one past the last one's last.
        items: every field.
        pan, track: where their digits lie; None where there are none, or they are among ``others``.
        fills: what is overwritten, by the digits of the card number in the track; under 0 where there is no track.
        masked: the names of that.
        wanted: what must hold of a frame's nibbles.
        others: the fields that are looked through one by one.
    """

    marks: Callable[[bytes], tuple[int, ...]]
    marked: tuple[int, ...]
    end: int
    fields: _Span
    items: dict[int, Item]
    pan: _Span | None = None
    track: _Span | None = None
    fills: dict[int, _Fill] = field(default_factory=dict)
    masked: tuple[str, ...] = ()
    wanted: list[Callable[[str], bool]] = field(default_factory=list)
    others: list[Item] = field(default_factory=list)


class Shapes:
    """The shapes met on one link.

    Args:
        link: its envelope.
        table: the field table, which says what each field may hold.
    """

    def __init__(self, link: Link, table: Mapping[int, FieldSpec]) -> None:
        self._has_tpdu = bool(link.before_message)
        self._table = table
        self._in_stx = link.envelope == "stx"
        self._head = LENGTH_BYTES + self._in_stx
        self._message = self._head + link.before_message
        self._shapes: dict[tuple[int, bytes], list[_Shape]] = {}

    def __len__(self) -> int:
        """How many lengths, types and bitmaps are remembered."""
        return len(self._shapes)

    def secure(self, frame: bytes) -> Secured | None:
        """The frame with its secrets overwritten; None when it must be walked."""
        at, size = self._message, len(frame)
        for shape in self._shapes.get((size, frame[at : at + HEAD_BYTES]), ()):
            if shape.marks(frame) == shape.marked:
                break
        else:
            return None
        number = int.from_bytes(frame, "big")
        if self._in_stx and folded(number, size) != STX:  # the LRC is the XOR of all between STX and itself
            return None
        nibbles = frame.hex()
        cards: list[str] = []
        digits = 0
        if shape.pan is not None:
            card = nibbles[shape.pan[0] : shape.pan[1]]
            if not card.isdigit():
                return None
            cards.append(card)
        if shape.track is not None:
            card, separator, _ = nibbles[shape.track[0] : shape.track[1]].partition(_SEPARATOR)
            digits = len(card)
            if not separator or digits not in shape.fills or not card.isdigit():
                return None
            if card not in cards:
                cards.append(card)
        for holds in shape.wanted:
            if not holds(nibbles):
                return None
        stays, put = shape.fills[digits]
        number = number & stays | put
        masked = shape.masked
        if shape.others:
            safe, masked = self._look_through(shape, number.to_bytes(size, "big"), cards)
            number = int.from_bytes(safe, "big")
        else:
            safe = number.to_bytes(size, "big")
        if cards:
            fields = safe[shape.fields[0] : shape.fields[1]]
            nibbles = fields.hex()
            for card in cards:
                if card in nibbles or card.encode("ascii") in fields:  # it stands somewhere else too
                    return None
        if self._in_stx:
            safe = (number | folded(number, size) ^ STX).to_bytes(size, "big")
        return Secured(safe, cards[0] if cards else None, frame[at : shape.end], masked)

    def _look_through(self, shape: _Shape, frame: bytes, cards: list[str]) -> tuple[bytes, tuple[str, ...]]:
        mti = frame[self._message : self._message + 2].hex()
        work = Masking(bytearray(frame), mti, self._table, shape.items, cards, list(shape.masked))
        for item in shape.others:
            mask_field(work, item)
        return bytes(work.buffer), tuple(work.masked)

    def learn(self, frame: bytes, layout: Layout, items: Sequence[Item]) -> None:
        """A frame was walked: keep how it is built, if one such came before.

        Args:
            frame: a sound one.
            layout: as ``locate.own_layout`` found it.
            items: its fields, as ``Walk.whole`` found them.
        """
        at = self._message
        if not items or layout.message != at or (not self._in_stx and frame[0] == STX):
            return
        key = (len(frame), frame[at : at + HEAD_BYTES])
        alike = self._shapes.get(key)
        if alike is None:
            if len(self._shapes) >= SHAPES_KEPT:
                self._shapes.clear()
            self._shapes[key] = []
        elif len(alike) < ALIKE_KEPT and not any(each.marks(frame) == each.marked for each in alike):
            alike.append(self._shape(frame, layout, items))

    def _shape(self, frame: bytes, layout: Layout, items: Sequence[Item]) -> _Shape:
        around = [*range(self._head), len(frame) - 2] if self._in_stx else [*range(self._head)]
        if self._has_tpdu:
            around.append(self._head)  # of the TPDU, which is told by it
        places = [*around, *(place for item in items for place in range(item.start, item.value))]
        marks = operator.itemgetter(*places)
        fields = (items[0].start, items[-1].end)
        shape = _Shape(marks, marks(frame), layout.end, fields, {item.step.number: item for item in items})
        return _Drawing(shape, len(frame), in_stx=self._in_stx).draw(items, self._table)


class _Drawing:
    """A shape in the making: what is overwritten, field by field; in whole numbers what ``protocols.mask`` does.

    From the first field that has to be looked through, each is.
    """

    def __init__(self, shape: _Shape, size: int, *, in_stx: bool) -> None:
        self.shape = shape
        self._size = size
        self._stays = (1 << 8 * size) - (0x100 if in_stx else 1)  # an LRC is made anew
        self._put = 0
        self._track_end = 0
        self._kinds: dict[str, Callable[[Item], bool]] = {
            "pan": self._pan,
            "track": self._track,
            "overwrite": self._overwrite,
            "control": self._control,
            "references": self._references,
        }

    def draw(self, items: Sequence[Item], table: Mapping[int, FieldSpec]) -> _Shape:
        """Take all fields."""
        shape, masked = self.shape, []
        for item in items:
            kind = table[item.step.number].mask
            if kind == "none":
                continue
            if shape.others or kind not in self._kinds or not self._kinds[kind](item):
                shape.others.append(item)
            elif kind in _ALWAYS_MASKED:
                masked.append(f"F{item.step.number}")
        shape.masked = tuple(masked)
        if shape.track is None:
            shape.fills[0] = (self._stays, self._put)
            return shape
        first, last = shape.track
        for digits in [each for each in _CARD_DIGITS if each < last - first]:
            over = self._ones(first, sweep.hidden(digits)) | self._ones(first, (digits + 1, self._track_end - first))
            shape.fills[digits] = (self._stays, self._put | over)
        return shape

    def _pan(self, item: Item) -> bool:
        first, last = _digits(item)
        shape = self.shape
        if last - first not in _CARD_DIGITS or shape.pan is not None or shape.track is not None:
            return False
        shape.pan = (first, last)
        self._put |= self._ones(first, sweep.hidden(last - first))
        return True

    def _track(self, item: Item) -> bool:
        shape = self.shape
        if shape.track is not None:
            return False
        shape.track = _digits(item)
        self._track_end = 2 * item.end
        control = shape.items.get(SECURITY_CONTROL)
        if control is not None:
            says_so = _digits(control)[0] + 2
            shape.wanted.append(lambda said: said[says_so] != "1")  # else it is encrypted
        return True

    def _overwrite(self, item: Item) -> bool:
        if item.step.number == TRACK_3:
            return False
        size = item.end - item.value
        filler = bytes([filler_of(item.step.codec)]) * size
        at = slice(2 * item.value, 2 * item.end)
        self._stays &= ~self._ones(at.start, (0, 2 * size))
        self._put |= int.from_bytes(filler, "big") << 8 * (self._size - item.end)
        self.shape.wanted.append(lambda said: said[at] != filler.hex())
        return True

    def _control(self, item: Item) -> bool:
        at = slice(*_digits(item))
        self.shape.wanted.append(lambda said: CONTROL.fullmatch(said[at]) is not None)
        return True

    def _references(self, item: Item) -> bool:
        at, number = slice(*_digits(item)), item.step.number
        self.shape.wanted.append(lambda said: fits_its_parts(number, said[at]))
        return True

    def _ones(self, at: int, span: sweep.Span) -> int:
        """The frame as a number with ones in these nibbles only, counted from the nibble ``at``."""
        first, last = span
        width = max(last - first, 0)
        return ((1 << 4 * width) - 1) << 4 * (2 * self._size - at - first - width)


def _digits(item: Item) -> _Span:
    """Where a field's nibbles lie, as counted; ``Masking.digits`` gives the same."""
    first = 2 * item.value
    return first, first + item.length if item.step.digits else 2 * item.end

"""A walk derived from a message's construct declaration.

One declaration, several speeds: ``derive`` looks at the declaration and keeps for
each field its bit, its width rule and its codec. The walk then finds where each
field lies without touching a value, can stop for want of bytes and go on, and is
what the deframer, the sanitiser and the row decoder stand on. A construct it
cannot derive (Optional, lambdas, GreedyRange …) is refused by name, at load.
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import construct as c
from construct.expr import BinExpr

from protocols.codecs import Bcd, CountedDigits, LastRaw, Packed, Raw, Text
from protocols.envelope import BCD
from protocols.errors import ProfileError

PLANS_KEPT = 512  # bitmaps met on one link: some dozens; noise must not grow the cache without bound
BITMAP_BYTES = 8
HEAD_BYTES = 2 + BITMAP_BYTES  # MTI and bitmap


class Step(NamedTuple):
    """How to step over one field."""

    number: int
    prefix: int  # bytes of the length in front: 0, 1 or 2
    size: int  # fixed width in bytes, or the most digits or bytes
    digits: bool  # the length counts packed digits
    last: bool  # may be missing at the very end
    codec: Any


class Item(NamedTuple):
    """Where one field lies."""

    step: Step
    start: int  # first byte, its length included
    value: int  # first byte of the value
    end: int
    length: int  # digits or bytes


class Wrong(NamedTuple):
    """Why a walk ended early; ``offset`` is the failing field's first byte."""

    code: str
    number: int
    offset: int
    expected: str
    got: str


@dataclass(slots=True)
class Place:
    """How far a walk has come: made by ``start``, moved by ``advance``."""

    steps: tuple[Step, ...]
    at: int
    index: int = 0


class Walk:
    """The field walk of one message declaration.

    Args:
        declaration: ``Struct("mti", "bitmap", "f2"/If(this.bitmap & bit, codec), …)``.

    Raises:
        ProfileError: the declaration holds something no walk can be derived from.
    """

    def __init__(self, declaration: Any) -> None:
        self.steps = {step.number: step for step in _derive(declaration)}
        self._plans: dict[int, tuple[Step, ...]] = {}

    def plan(self, bitmap: int) -> tuple[Step, ...] | int:
        """The steps of one bitmap, or the number of the first field nobody knows."""
        known = self._plans.get(bitmap)
        if known is not None:
            return known
        steps = []
        for number in range(1, 65):
            if bitmap >> (64 - number) & 1:
                if number not in self.steps:
                    return number
                steps.append(self.steps[number])
        if len(self._plans) >= PLANS_KEPT:
            self._plans.clear()
        plan = self._plans[bitmap] = tuple(steps)
        return plan

    def start(self, data: bytes | bytearray, at: int) -> Place | Wrong:
        """A walk over the message whose MTI is at ``at``; its ten first bytes must be there."""
        if data[at] > 0x09 or BCD[data[at]] < 0 or BCD[data[at + 1]] < 0:
            return no_mti(at)
        bitmap = int.from_bytes(data[at + 2 : at + HEAD_BYTES], "big")
        steps = self.plan(bitmap)
        if isinstance(steps, int):
            return unknown_bit(steps, at + 2)
        return Place(steps, at + HEAD_BYTES)

    @staticmethod
    def advance(data: bytes | bytearray, place: Place, have: int, end: int | None) -> Wrong | bool | None:
        """Step on as far as ``have`` bytes allow.

        Args:
            data: the buffer.
            place: moved forward in place.
            have: bytes of the buffer that are there.
            end: where the message must end; None when only its fields say so.

        Returns:
            True when the walk ended well, None when more bytes are needed, else what is wrong.
        """
        steps, at, index = place.steps, place.at, place.index
        known = end is not None
        limit = have if end is None else end
        wrong: Wrong | None = None
        for number, prefix, size, digits, last, _ in steps[index:]:
            count = size
            if prefix:
                if at + prefix > limit:
                    wrong = (
                        Wrong("short", number, at, f"a length of {prefix} bytes", f"{limit - at}") if known else None
                    )
                    break
                if at + prefix > have:
                    break
                count = BCD[data[at]]
                if prefix == 2:
                    low = BCD[data[at + 1]]
                    count = count * 100 + low if count >= 0 and low >= 0 else -1
                if not 0 <= count <= size:
                    wrong = impossible(number, at, count, size, digits=digits)
                    break
            after = at + prefix + ((count + 1) >> 1 if digits else count)
            if after > limit:
                if known and last and at == limit:
                    after = at
                else:
                    wrong = short(number, at, count, limit - at - prefix, digits=digits) if known else None
                    break
            at = after
            index += 1
        place.at, place.index = at, index
        if wrong is not None:
            return wrong
        if index < len(steps):
            return None
        if known and at != limit:
            return Wrong(
                "long", steps[-1].number if steps else 0, at, "the end of the message", f"{limit - at} bytes more"
            )
        return True

    def whole(self, data: bytes | bytearray, at: int, end: int) -> list[Item] | None:
        """The fields of a message that fills the bytes from ``at`` to ``end``, in one pass.

        None when it does not: ``start`` and ``advance`` say why.
        """
        if end - at < HEAD_BYTES:
            return None
        place = self.start(data, at)
        if isinstance(place, Wrong):
            return None
        made: list[Item] = []
        new = tuple.__new__  # an Item's own constructor takes twice as long
        at = place.at
        for step in place.steps:
            _, prefix, count, digits, last, _ = step
            value = at + prefix
            if prefix:
                most = count
                if value > end:
                    return None
                count = BCD[data[at]]
                if prefix == 2:
                    low = BCD[data[at + 1]]
                    count = count * 100 + low if count >= 0 and low >= 0 else -1
                if not 0 <= count <= most:
                    return None
            after = value + ((count + 1) >> 1 if digits else count)
            if after > end:
                if last and at == end:
                    break
                return None
            made.append(new(Item, (step, at, value, after, count)))
            at = after
        return made if at == end else None

    @staticmethod
    def items(data: bytes | bytearray, steps: tuple[Step, ...], at: int, end: int) -> Iterator[Item]:
        """Each field of a message that ``advance`` has accepted up to ``end``."""
        for step in steps:
            prefix = step.prefix
            if prefix == 0:
                after = at + step.size
                if after > end:
                    return
                yield Item(step, at, at, after, step.size)
            else:
                count = BCD[data[at]]
                if prefix == 2:
                    count = count * 100 + BCD[data[at + 1]]
                after = at + prefix + ((count + 1) >> 1 if step.digits else count)
                yield Item(step, at, at + prefix, after, count)
            at = after


def no_mti(at: int) -> Wrong:
    """Bytes that are no message type."""
    return Wrong("mti", 0, at, "four digits, the first one 0", "something else")


def unknown_bit(number: int, at: int) -> Wrong:
    """A bit of the bitmap that no field of the profile has."""
    return Wrong("bitmap" if number == 1 else "unknown_field", number, at, "fields of the profile", f"F{number}")


def impossible(number: int, at: int, count: int, most: int, *, digits: bool) -> Wrong:
    """A field whose length is no number (``count`` -1) or more than it holds."""
    if count < 0:
        return Wrong("length", number, at, "a length in packed digits", "another nibble")
    return Wrong("length", number, at, f"at most {most} {'digits' if digits else 'bytes'}", f"{count}")


def short(number: int, at: int, count: int, left: int, *, digits: bool) -> Wrong:
    """A message that ends inside a field of ``count`` digits or bytes."""
    return Wrong("short", number, at, f"{count} {'digits' if digits else 'bytes'}", f"{left} bytes")


def _derive(declaration: Any) -> Iterator[Step]:
    if not isinstance(declaration, c.Struct):
        raise _underivable("message", declaration)
    head, fields = declaration.subcons[:2], declaration.subcons[2:]
    if [part.name for part in head] != ["mti", "bitmap"]:
        raise ProfileError("a message starts with mti and bitmap", layer="profile", code="underivable")
    for part in fields:
        guarded = part.subcon
        if not (isinstance(guarded, c.IfThenElse) and guarded.elsesubcon is c.Pass):
            raise _underivable(part.name, guarded)
        yield _step(part.name, _number(part.name, guarded.condfunc), guarded.thensubcon)


def _number(name: str, condition: Any) -> int:
    """The field number of ``this.bitmap & bit``."""
    bit = condition.rhs if isinstance(condition, BinExpr) and condition.op is operator.and_ else None
    if not isinstance(bit, int) or bit.bit_count() != 1 or repr(condition.lhs) != "this['bitmap']":
        raise _underivable(name, condition)
    return 65 - bit.bit_length()


def _step(name: str, number: int, codec: Any) -> Step:
    if isinstance(codec, LastRaw):
        return Step(number, 0, codec.length, digits=False, last=True, codec=codec)
    if isinstance(codec, CountedDigits):
        return Step(number, codec.prefix, codec.limit, digits=True, last=False, codec=codec)
    if isinstance(codec, Packed | Text | Raw):
        inner = codec.subcon
        if isinstance(inner, c.Bytes) and isinstance(inner.length, int):
            return Step(number, 0, inner.length, digits=False, last=False, codec=codec)
        if isinstance(inner, c.Prefixed) and isinstance(inner.lengthfield, Bcd) and inner.subcon is c.GreedyBytes:
            return Step(number, inner.lengthfield.width, codec.limit, digits=False, last=False, codec=codec)
    raise _underivable(name, codec)


def _underivable(name: str, construct: Any) -> ProfileError:
    kind = type(construct).__name__
    return ProfileError(
        f"{name}: no walk can be derived from {kind}",
        layer="profile",
        path=name,
        code="underivable",
        expected="Struct, If on a bitmap bit, and a codec of protocols.codecs",
        got=kind,
    )

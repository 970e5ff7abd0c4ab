"""What to do with each column of a message, derived from its construct declaration.

The walk (``protocols.walk``) has refused whatever no walk can be derived from; this
plan refuses, by name and with the path in the declaration, a codec it has no column for.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import construct as c

from protocols.codecs import DIGITS, MASKED, NIBBLES, CountedDigits, DigitText, Fen, LastRaw, Packed, Raw, Text, Whole
from protocols.columnar.places import HEADER, MTI, TPDU
from protocols.envelope import HEADER_BYTES, TPDU_BYTES
from protocols.errors import ProfileError
from protocols.grammar import Grammar
from protocols.unionpay import PARTS, Totals

if TYPE_CHECKING:
    import pyarrow as pa

ACCEPTS = (DIGITS, MASKED, NIBBLES)
"""Which nibbles are legal, by number: digits, digits and F, any."""
TAGS = ("4F", "84", "95", "9A", "9C", "9F02", "9F06", "9F10", "9F26", "9F27", "9F36", "9F37")
"""The tags of F55 that are columns unless others are asked for: application, cryptogram, counter, amount, results."""
CHIP_DATA, TOTALS = 55, 48


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """One field of a message.

    Attributes:
        number: 2 … 64.
        kind: ``digits`` (text of packed digits), ``text`` or ``raw`` (bytes).
        digits: of digits: how many; 0 when the field counts them.
        accept: of digits: index into ``ACCEPTS``.
        right: of digits: the first nibble is the pad, not the last.
        title: the column's name where it is no field.
    """

    number: int
    kind: str
    digits: int = 0
    accept: int = 0
    right: bool = False
    title: str = ""

    @property
    def name(self) -> str:
        """``F4``: the path the errors name."""
        return self.title or f"F{self.number}"


@dataclass(frozen=True, slots=True)
class PartColumn:
    """Digits ``first`` to ``last`` of a field, as many as there are; ``60.2``."""

    name: str
    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TotalColumn:
    """A part of F48 where its digits are settlement totals; a number, or a flag as text."""

    name: str
    first: int
    last: int
    is_number: bool


@dataclass(frozen=True, slots=True)
class TagColumn:
    """The value of one tag of F55; of a tag that comes twice the last; ``F55.9F36``."""

    name: str
    tag: int


_ANY = ACCEPTS.index(NIBBLES)
HEAD = (
    FieldColumn(MTI, "digits", 4, ACCEPTS.index(DIGITS), title="mti"),
    FieldColumn(TPDU, "digits", 2 * TPDU_BYTES, _ANY, title="tpdu"),
    FieldColumn(HEADER, "digits", 2 * HEADER_BYTES, _ANY, title="header"),
)
"""What stands before the fields; the walk has looked at it already."""


@dataclass(frozen=True)
class MessagePlan:
    """A message's columns, each with what it is made of."""

    grammar: Grammar
    fields: tuple[FieldColumn, ...]
    parts: tuple[PartColumn, ...]
    totals: tuple[TotalColumn, ...]
    tags: tuple[TagColumn, ...]
    total_digits: int = field(default=0)

    @functools.cached_property
    def schema(self) -> "pa.Schema":
        """All columns in the order of the batch: what stands before the fields, these, and what is inside them."""
        import pyarrow as pa

        kinds = {"raw": pa.binary()}
        mti, tpdu, header = ((each.name, pa.string()) for each in HEAD)
        return pa.schema(
            [
                *(mti, ("bitmap", pa.uint64()), tpdu, header, ("mac_absent", pa.bool_())),
                *((each.name, kinds.get(each.kind, pa.string())) for each in self.fields),
                *((each.name, pa.int64() if each.is_number else pa.string()) for each in self.totals),
                *((each.name, pa.string()) for each in self.parts),
                *((each.name, pa.binary()) for each in self.tags),
            ]
        )


def message_plan(grammar: Grammar, tags: Sequence[str] = TAGS) -> MessagePlan:
    """The columns of a message.

    Args:
        grammar: the message's table and declaration.
        tags: which tags of F55 are columns, in hex.

    Raises:
        ProfileError: a codec there is no column for; ``path`` is where it stands in the declaration.
    """
    steps = grammar.walk.steps
    fields = tuple(_field(number, steps[number].codec) for number in sorted(steps))
    parts = tuple(
        PartColumn(name, number, first, first + width)
        for number, widths in PARTS.items()
        if number in steps
        for first, (name, width) in zip(_places(widths), widths, strict=True)
    )
    totals = tuple(_totals()) if TOTALS in steps else ()
    chosen = tuple(TagColumn(f"F55.{_tag_hex(tag)}", int(tag, 16)) for tag in tags)
    return MessagePlan(
        grammar,
        fields,
        parts,
        totals,
        chosen if CHIP_DATA in steps and isinstance(steps[CHIP_DATA].codec, Raw) else (),
        totals[-1].last if totals else 0,
    )


def _tag_hex(tag: str) -> str:
    try:
        return bytes.fromhex(tag).hex().upper()
    except ValueError:
        pass
    raise ProfileError(
        f"{tag!r} is no tag", layer="profile", path=f"F{CHIP_DATA}", code="tag", expected="hex, e.g. 9F36", got=tag
    )


def _places(widths: Sequence[tuple[str, int]]) -> Iterator[int]:
    at = 0
    for _, width in widths:
        yield at
        at += width


def _field(number: int, codec: Any) -> FieldColumn:
    if isinstance(codec, Packed):
        return FieldColumn(
            number, "digits", codec.digits, ACCEPTS.index(codec.accept), codec.right and bool(codec.digits & 1)
        )
    if isinstance(codec, CountedDigits):
        return FieldColumn(number, "digits", accept=ACCEPTS.index(codec.accept))
    if isinstance(codec, Text):
        return FieldColumn(number, "text")
    if isinstance(codec, Raw | LastRaw):
        return FieldColumn(number, "raw")
    raise underivable(f"f{number}", codec)


def _totals() -> Iterator[TotalColumn]:
    """The parts of the settlement totals, from their own declaration over ASCII digits."""
    at = 0
    for part in Totals.subcons:
        codec = part.subcon
        number = isinstance(codec, Whole | Fen)
        digits = codec.subcon if number else codec
        if not isinstance(digits, DigitText):
            raise underivable(f"f{TOTALS} -> {part.name}", digits)
        yield TotalColumn(f"{TOTALS}.{part.name}", at, at + digits.digits, number)
        at += digits.digits


def underivable(path: str, declared: Any) -> ProfileError:
    """The refusal of a construct that no column can be derived from."""
    kind = type(declared.subcon if isinstance(declared, c.Renamed) else declared).__name__
    return ProfileError(
        f"{path}: no column can be derived from {kind}",
        layer="profile",
        path=path,
        code="underivable",
        expected="a codec of protocols.codecs or of protocols.journal.layout; or an integer, Enum, Const, Bytes, "
        "padded text or padding, its size a number or told by numbers before it",
        got=kind,
    )

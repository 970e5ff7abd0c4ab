"""What an account of a case is made of, whoever draws it: texts, tables, bytes, pictures, in parts."""

from dataclasses import dataclass
from typing import TypeAlias

from expectations.evidence.raw import Field


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; ``small`` for what only somebody who checks will read."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: rows of texts, the first a heading or not; rows whose cells differ are marked; widths in millimetres."""

    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    heading: bool = True
    marked: tuple[int, ...] = ()
    small: bool = False


@dataclass(frozen=True, slots=True)
class Bytes:
    """A frame, starred where card data or hidden fields stood.

    ``lines`` are (offset, [(pair of nibbles, its field's number or '')]).
    """

    head: str
    place: str
    lines: tuple[tuple[int, tuple[tuple[str, str], ...]], ...]
    fields: tuple[Field, ...]

    @property
    def tints(self) -> dict[str, int]:
        """Which of two grounds each field has: neighbours differ."""
        return {each.number: place % 2 for place, each in enumerate(self.fields)}


@dataclass(frozen=True, slots=True)
class Picture:
    """A signature: PNG, its size in dots, the word across it, and what it is."""

    png: bytes
    width: int
    height: int
    mark: str
    caption: str


Block: TypeAlias = Text | Grid | Bytes | Picture


@dataclass(frozen=True, slots=True)
class Part:
    """One of the twelve; ``key`` names it, ``title`` is what the reader sees."""

    key: str
    title: str
    blocks: tuple[Block, ...]

"""A message format: a table of fields, and the construct declaration made of it.

The table is the one place where a field's number, name, codec, size and secrecy
stand; the declaration, the walk, the names in ``describe`` and the masks of the
sanitiser are all read from it.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import construct as c

from protocols.codecs import CODECS, Packed
from protocols.errors import ProfileError
from protocols.private_tlv import EITHER, WIDTHS
from protocols.walk import Walk

MASKS = ("none", "pan", "track", "overwrite", "control", "keys", "tlv", "totals", "references", "sweep")
"""What the sanitiser does with a field; see ``protocols.mask``."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One row of a field table.

    Attributes:
        number: 2 … 64.
        name: stable snake_case name.
        codec: a key of ``protocols.codecs.CODECS``.
        size: digits or bytes: fixed, or at most.
        mask: one of ``MASKS``.
        en: English title.
        zh: Chinese title.
        source: where the row is known from.
        tag_digits: of a private TLV (F59): digits of an element's length; 0 = whichever parses whole.
        confidence: how sure the row is: measured, public or assumed; a profile's own may be weaker.
    """

    number: int
    name: str
    codec: str
    size: int
    mask: str = "none"
    en: str = ""
    zh: str = ""
    source: str = ""
    tag_digits: int = EITHER
    confidence: str = "public"


@dataclass(frozen=True)
class Grammar:
    """A field table with what is derived from it."""

    dialect: str
    table: Mapping[int, FieldSpec]
    declaration: Any = field(repr=False, compare=False, default=None)
    head: Any = field(repr=False, compare=False, default=None)
    walk: Walk = field(repr=False, compare=False, default=None)  # type: ignore[assignment]  # set in __post_init__

    def __post_init__(self) -> None:
        """Check the table and derive the declaration and the walk.

        Raises:
            ProfileError: unknown codec or mask, bad number or size.
        """
        for spec in self.table.values():
            _check(spec)
        declaration = declare(self.table)
        object.__setattr__(self, "declaration", declaration)
        object.__setattr__(self, "head", c.Struct(*declaration.subcons[:2]))
        object.__setattr__(self, "walk", Walk(declaration))

    @functools.cached_property
    def names(self) -> dict[int, str]:
        """Number -> construct name."""
        return {number: f"f{number}" for number in self.table}


def declare(table: Mapping[int, FieldSpec]) -> Any:
    """The construct of a message: MTI, bitmap, then each field behind its bit."""
    return c.Struct(
        "mti" / Packed(4),
        "bitmap" / c.Int64ub,
        *(
            f"f{number}" / c.If(c.this.bitmap & (1 << (64 - number)), CODECS[spec.codec](spec.size))
            for number, spec in sorted(table.items())
        ),
    )


def _check(spec: FieldSpec) -> None:
    path = f"fields.{spec.number}"
    if not 2 <= spec.number <= 64:
        raise ProfileError("no such field", layer="profile", path=path, code="number", expected="2 … 64", got=path)
    if spec.codec not in CODECS:
        raise ProfileError(
            f"unknown codec {spec.codec!r}",
            layer="profile",
            path=path,
            code="codec",
            expected=", ".join(sorted(CODECS)),
            got=spec.codec,
            hint="use one of the codecs listed; a new one goes into protocols/codecs.py",
        )
    if spec.mask not in MASKS:
        raise ProfileError(
            f"unknown mask {spec.mask!r}",
            layer="profile",
            path=path,
            code="mask",
            expected=", ".join(MASKS),
            got=spec.mask,
        )
    if spec.tag_digits not in WIDTHS:
        raise ProfileError(
            "no such width of a length",
            layer="profile",
            path=f"{path}.tag_digits",
            code="tag_digits",
            expected="2, 3, or 0 for whichever parses whole",
            got=str(spec.tag_digits),
        )
    most = 99 if spec.codec.startswith("llvar") else 999
    if not 0 < spec.size <= most:
        raise ProfileError(
            "size does not fit the codec",
            layer="profile",
            path=path,
            code="size",
            expected=f"1 … {most}",
            got=str(spec.size),
        )

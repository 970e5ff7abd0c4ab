"""Laws: what must hold of a column, said without a library.

``suites.ge`` states them to Great Expectations under a name in the field's words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "key"
"""The column by which a row is named in a verdict."""

Weight = Literal["critical", "warning", "info"]


@dataclass(frozen=True, slots=True)
class NotAbove:
    """A column never exceeds a number, or another column of the same row."""

    column: str
    limit: int | str


@dataclass(frozen=True, slots=True)
class NotBelow:
    """A column never falls below a number."""

    column: str
    limit: int


@dataclass(frozen=True, slots=True)
class Equal:
    """Two columns of a row are equal."""

    column: str
    other: str


@dataclass(frozen=True, slots=True)
class Present:
    """A column is never null."""

    column: str


@dataclass(frozen=True, slots=True)
class Unique:
    """No value of a column comes twice."""

    column: str


@dataclass(frozen=True, slots=True)
class Length:
    """A text is so many characters long, where it is there at all."""

    column: str
    characters: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column holds one of these values, where it is there at all."""

    column: str
    values: tuple[str, ...]


Law = NotAbove | NotBelow | Equal | Present | Unique | Length | OneOf


@dataclass(frozen=True, slots=True)
class Stated:
    """A law under its expectation's name.

    Attributes:
        name: the expectation, in the field's words: ``ExpectOneDebitPerTrace``.
        says: the law as a sentence, shown in the Data Docs.
        law: the law.
        weight: how the Data Docs weigh a violation.
    """

    name: str
    says: str
    law: Law
    weight: Weight = "critical"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it looks at."""
        other = {NotAbove: "limit", Equal: "other"}.get(type(self.law))
        second = getattr(self.law, other) if other else None
        return (self.law.column, second) if isinstance(second, str) else (self.law.column,)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one law.

    Attributes:
        stated: the law.
        judged: how many rows it was held against.
        offenders: keys of the rows that break it.
        error: why it could not be judged; None when it was.
    """

    stated: Stated
    judged: int
    offenders: tuple[str, ...] = ()
    error: str | None = None


class Judge(Protocol):
    """Whoever holds rows against laws."""

    def judge(self, name: str, rows: "pa.Table", laws: Sequence[Stated]) -> list[Verdict]:
        """One verdict for each law, in their order."""


def breaks(law: Law, relation: str) -> str:
    """The law's violation as a condition of DuckDB's SQL on the rows of ``relation``; null is no violation."""
    match law:
        case NotAbove(column, limit):
            return f"{column} > {limit}"
        case NotBelow(column, limit):
            return f"{column} < {limit}"
        case Equal(column, other):
            return f"{column} <> {other}"
        case Present(column):
            return f"{column} IS NULL"
        case Unique(column):
            return f"{column} IN (SELECT {column} FROM {relation} GROUP BY {column} HAVING count(*) > 1)"  # noqa: S608 - ours
        case Length(column, characters):
            return f"length({column}) <> {characters}"
        case OneOf(column, values):
            return f"{column} NOT IN ({', '.join(map(_quoted, values))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""What no terminal writes: laws on the columns of a record, for one record and for many.

A law that holds for one value is stated once; the row decoder asks it of a value, the column
decoder (``protocols.columnar.records``) of a whole column, of texts once for each distinct one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Between:
    """A number from ``low`` to ``high``, both included."""

    column: str
    low: int
    high: int
    expected: str

    def holds(self, value: int) -> bool:
        """Whether one value keeps to it."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a test agrees with."""

    column: str
    test: Callable[[str], bool]
    expected: str

    def holds(self, value: str) -> bool:
        """Whether one value keeps to it."""
        return self.test(value)


Law = Between | Text


def first_broken(laws: Sequence[Law], values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The column of the first law a record breaks, and what it should be; None when it keeps all."""
    for law in laws:
        if not law.holds(values[law.column]):
            return law.column, law.expected
    return None

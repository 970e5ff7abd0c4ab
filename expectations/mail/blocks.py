"""What a mail says, apart from how it looks: blocks, and two renderers of one value.

`text` and `html` each know how to draw every block here. Neither adds a word of its
own, so the two parts of a mail cannot disagree.
"""

import itertools
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level = Literal["urgent", "attention", "calm"]
"""How loud a block is: urgent = a deadline is ahead, attention = money is wrong, calm = to look at."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whose mail this is, and of which day."""

    place: str
    day: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first thing read: what was found, how much, until when."""

    label: str
    headline: str
    amount: str
    deadline: str
    level: Level


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do, in order. ``warnings`` come first and carry no number: they say what not to do."""

    label: str
    warnings: tuple[str, ...]
    items: tuple[str, ...]
    level: Level


@dataclass(frozen=True, slots=True)
class Facts:
    """Short pairs of a name and a value."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline; ``shape`` repeats in a sign what ``result`` says in words."""

    time: str
    what: str
    shape: str
    result: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened, oldest first; ``more`` says how many lines were left out."""

    rows: tuple[Moment, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph under a name: why, what was ruled out, what is missing."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that may be said to a customer as they stand."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Links:
    """Words that can be pressed: (word, address). Only mailto: and the operator's own address."""

    label: str
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; ``more`` says how many rows were left out."""

    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, how long it is of the longest (0 to 1), what it says."""

    name: str
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture made of bars, readable without one: each bar says its figure, ``says`` what they show together."""

    label: str
    bars: tuple[Bar, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One record on an axis of time: its name, and a sign for each place of the axis."""

    name: str
    drawn: str

    @property
    def cells(self) -> tuple[tuple[str, int], ...]:
        """(sign, how many places) from left to right."""
        return tuple((sign, len(list(places))) for sign, places in itertools.groupby(self.drawn))


@dataclass(frozen=True, slots=True)
class Axis:
    """Records below each other on one axis of time; ``says`` explains the signs, ``alt`` tells the whole in words."""

    label: str
    lanes: tuple[Lane, ...]
    first: str
    last: str
    says: str
    alt: str


@dataclass(frozen=True, slots=True)
class Fine:
    """The small print, a line each."""

    lines: tuple[str, ...]


Inner: TypeAlias = Steps | Facts | Timeline | Note | Quote | Links | Bars | Axis


@dataclass(frozen=True, slots=True)
class Section:
    """One case: a heading that says how sure, how much and until when, and what is in it."""

    mark: str
    shape: str
    certainty: str
    title: str
    amount: str
    deadline: str
    level: Level
    blocks: tuple[Inner, ...]


Block: TypeAlias = Opening | Verdict | Section | Table | Fine | Inner


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole mail before it is drawn."""

    locale: str
    subject: str
    blocks: tuple[Block, ...]

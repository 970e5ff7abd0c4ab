"""What is really wrong: cases, each with one cause, and the records that they are made of.

A case is a fault, which rules must find, or a hard negative, at which all must be silent.
Its records are known by the numbers on the slip; a finding belongs to the cases of its
subjects, however many rows it has.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Key = tuple[str, ...]
"""Terminal, batch and trace number of a record; ``payout`` and its number; ``deposit`` and its merchant;
``profit`` and a reference; ``line``, a terminal and a day; a rule of merchants or terminals and the number of one."""


@dataclass(slots=True)
class Case:
    """One cause.

    Attributes:
        number: its place among a world's cases.
        kind: whether something is wrong; dropped: the play could not be acted, and counts as neither.
        name: the play's name, what a class of cases is called.
        negative: which of the hard negatives of the catalogue it is; 0 for a fault.
        rules: those that must find it.
        also: those that may speak of it as well; of a hard negative, what is rightly said of it.
        merchant: whose it is.
        at: when the last of it happened.
        loss_fen: what somebody loses by it.
        voidable_until: until when a void puts it right; None where none does.
        firsts: of a change of fees the first transaction of each class of cards that it affects.
    """

    number: int
    kind: Literal["fault", "negative", "dropped"]
    name: str
    negative: int
    rules: frozenset[str]
    also: frozenset[str]
    merchant: str
    at: dt.datetime | None = None
    loss_fen: int = 0
    voidable_until: dt.datetime | None = None
    firsts: set[Key] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class Truth:
    """All cases of a world, and which records belong to which."""

    cases: list[Case] = field(default_factory=list)
    by_key: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))

    def open(
        self,
        kind: Literal["fault", "negative"],
        name: str,
        merchant: str,
        *,
        negative: int = 0,
        rules: Iterable[str] = (),
        also: Iterable[str] = (),
    ) -> Case:
        """A new case without records."""
        case = Case(len(self.cases), kind, name, negative, frozenset(rules), frozenset(also), merchant)
        self.cases.append(case)
        return case

    def mark(self, case: Case, key: Key, at: dt.datetime | None = None) -> None:
        """Say that a record belongs to a case."""
        if key not in case.keys:
            case.keys.add(key)
            self.by_key[key].append(case.number)
        if at is not None:
            case.at = at if case.at is None else max(case.at, at)


def key_of(terminal: str, batch: int | None, stan: int | None) -> Key:
    """The key of a record with numbers; records of a trace number belong together, whatever their type."""
    return (terminal, str(batch), str(stan))

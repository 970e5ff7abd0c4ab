"""A case's life: its states, and which may follow which.

new -> told -> claimed -> promised -> recovered -> closed, forwards in any steps; a promise that is not kept may be
claimed again. ``rejected`` is a claim that was refused, or a pair that was two purchases. What is over opens again
when something new is found about the same money.
"""

from typing import Literal, TypeAlias, get_args

State: TypeAlias = Literal["new", "told", "claimed", "promised", "recovered", "rejected", "closed"]
STATES: tuple[State, ...] = get_args(State)

NEXT: dict[State, frozenset[State]] = {
    "new": frozenset({"told", "claimed", "promised", "recovered", "rejected", "closed"}),
    "told": frozenset({"claimed", "promised", "recovered", "rejected", "closed"}),
    "claimed": frozenset({"promised", "recovered", "rejected", "closed"}),
    "promised": frozenset({"claimed", "recovered", "rejected", "closed"}),
    "recovered": frozenset({"closed", "new"}),
    "rejected": frozenset({"claimed", "closed", "new"}),
    "closed": frozenset({"new"}),
}
"""What may follow each state; the same state again is no step."""

OVER: frozenset[State] = frozenset({"recovered", "rejected", "closed"})
"""States in which nobody has to do anything."""

AGES = (("0-3", 3), ("4-7", 7), ("8-15", 15))
"""Classes of age in days; older is ``>15``."""


def may_follow(before: State, after: State) -> bool:
    """Whether a case may go from one state to the other."""
    return after in NEXT[before]


def age_class(days: int) -> str:
    """The class an open case's age falls in: 0-3, 4-7, 8-15 or >15 days."""
    return next((name for name, most in AGES if days <= most), f">{AGES[-1][1]}")

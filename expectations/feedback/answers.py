"""The answers that a reader may give to a case, and what each does to it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from expectations.cases.states import State
from expectations.mail.cases import Case

Answer: TypeAlias = Literal["confirmed", "two-purchases", "done", "notice", "complain"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)

NOTICED = frozenset({"fee_rate_step_change", "fee_fixed_surcharge", "hidden_periodic_fee"})
"""Rules about charges that an acquirer may have announced."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer does: the case's state after it (None leaves it), and whether its findings are told again."""

    state: State | None
    settles: bool


EFFECTS: dict[Answer, Effect] = {
    "confirmed": Effect(None, settles=False),
    "two-purchases": Effect("rejected", settles=True),
    "done": Effect("closed", settles=True),
    "notice": Effect("closed", settles=True),
    "complain": Effect("claimed", settles=False),
}


def answers_for(case: Case) -> tuple[Answer, ...]:
    """The answers that make sense for a case, in the order in which they are offered."""
    if case.asks_duplicate:
        return ("confirmed", "two-purchases", "done")
    if case.lead.rule in NOTICED:
        return ("notice", "complain")
    return ("confirmed", "done")

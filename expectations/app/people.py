"""Who may see and do what: three roles, each for some merchants or all.

Finance gets the money back: every case but those about an operator's habits or an agent's share, and no operator's
number. A shop's manager sees what has a deadline today and what is about an operator, and answers. Operations see
and do everything, and only they see merchants side by side and what answers taught.
"""

from collections.abc import Collection
from dataclasses import dataclass

from expectations.cases.record import CaseRecord
from expectations.mail.roles import RIGHTS, about_agents, about_operators, is_for_finance
from ingest.app_settings import Person, Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role for some merchants; ``*`` is all."""

    role: Role
    merchants: tuple[str, ...]

    def covers(self, merchant_id: str) -> bool:
        """Whether it is for this merchant."""
        return "*" in self.merchants or merchant_id in self.merchants


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has logged in; ``name`` stands in the log of what they do."""

    name: str
    grants: tuple[Grant, ...]

    def may(self, right: str, merchant_id: str) -> bool:
        """Whether they may do something about a merchant's cases."""
        return any(each.covers(merchant_id) and right in RIGHTS[each.role] for each in self.grants)

    def sees(self, record: CaseRecord) -> bool:
        """Whether they may look at a case."""
        return any(each.covers(record.merchant_id) and _is_for(each.role, record) for each in self.grants)

    @property
    def overview(self) -> bool:
        """Whether they may see merchants side by side, and what was learned."""
        return any("overview" in RIGHTS[each.role] for each in self.grants)


OWNER = Visitor("owner", (Grant("operations", ("*",)),))
"""Whoever has the one token."""


def grants_of(address: str, groups: Collection[str], people: Collection[Person]) -> tuple[Grant, ...]:
    """What the settings grant to an address and its groups; all that match add up."""
    named = {address.casefold(), *groups} - {""}
    return tuple(
        Grant(each.role, tuple(each.merchants))
        for each in people
        if named & {*each.who, *(who.casefold() for who in each.who if "@" in who)}
    )


def _is_for(role: Role, record: CaseRecord) -> bool:
    if role == "finance":
        return is_for_finance(record.rule)
    if role == "manager":
        rules = {record.rule, *(each.rule for each in record.findings)}
        has_deadline = record.act_by is not None and not about_agents(record.rule)
        return has_deadline or any(about_operators(each) for each in rules)
    return True

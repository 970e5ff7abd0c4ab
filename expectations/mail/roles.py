"""What each role may see and do, the same in mails and on the page of cases.

Cases about an operator are the manager's, those about an agent's share the agent's; finance hears of neither. Where
no route names a manager, finance is told of operators after all: rather by the owner than by nobody.
"""

from collections.abc import Mapping

from expectations.mail.catalogue import behaviours
from ingest.alerting import Role

RIGHTS: Mapping[Role, frozenset[str]] = {
    "finance": frozenset({"answer", "note", "contact", "claim", "close", "pack"}),
    "manager": frozenset({"answer", "note", "operators"}),
    "agent": frozenset({"answer"}),
    "operations": frozenset({"answer", "note", "contact", "claim", "close", "pack", "operators", "overview"}),
}
"""Role -> what it may do; ``pack`` is the evidence: the dossier and the letter of complaint."""


def about_operators(rule: str) -> bool:
    """Whether a rule's cases are about what an operator does."""
    return rule in behaviours() and behaviours()[rule].about_operators


def about_agents(rule: str) -> bool:
    """Whether a rule's cases are about the agent's share, which is no business of the shop's."""
    return rule in behaviours() and behaviours()[rule].about_agents


def is_for_finance(rule: str, *, managed: bool = True) -> bool:
    """Whether cases that this rule leads are finance's; ``managed``: whether somebody is told as the shop's manager."""
    return not (about_agents(rule) or (about_operators(rule) and managed))

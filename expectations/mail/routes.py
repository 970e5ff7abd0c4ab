"""Who gets what: routes of the settings, held against a case.

A case goes by every route whose conditions all hold, never by the first alone. What a
role gets is fixed here; the conditions are the settings'.
"""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from expectations.mail.cases import Case, stands
from expectations.mail.catalogue import Locale
from expectations.mail.roles import RIGHTS, about_agents, about_operators, is_for_finance
from ingest.alerting import Role, Route
from ingest.settings import Settings


@dataclass(frozen=True, slots=True)
class Facts:
    """What routes may ask for beside the finding: groups of merchants, brands (profiles) of terminals."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    brands: Mapping[str, frozenset[str]] = field(default_factory=dict)


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Judged:
    """One route held against one case; ``against`` says why it does not match, empty when it does."""

    name: str
    route: Route
    against: str


def groups_of(settings: Settings) -> dict[str, frozenset[str]]:
    """Merchant -> its groups."""
    return {each.id: frozenset(each.groups) for each in settings.merchants if each.groups}


def readers_of(
    merchant_id: str, routes: Iterable[Route], facts: Facts = NO_FACTS, *, roles: Iterable[Role] = ("finance",)
) -> list[tuple[Locale, str]]:
    """Everybody of these roles who gets a merchant's mails, with their language; a name given twice counts once."""
    wanted = frozenset(roles)
    found: dict[tuple[Locale, str], None] = {}
    for route in routes:
        if route.role in wanted and not _merchant_differs(merchant_id, route, facts):
            found.update(dict.fromkeys((route.locale, address) for address in route.to))
    return list(found)


def readers_of_case(case: Case, routes: Iterable[Route], facts: Facts = NO_FACTS) -> list[tuple[Locale, str]]:
    """Everybody whom a case is told to."""
    found: dict[tuple[Locale, str], None] = {}
    for each in judge(case, routes, facts):
        if not each.against:
            found.update(dict.fromkeys((each.route.locale, address) for address in each.route.to))
    return list(found)


def of_role(role: Role, routes: Iterable[Route]) -> list[tuple[Locale, str]]:
    """Everybody of a role, whatever the merchant."""
    return list(
        dict.fromkeys((route.locale, address) for route in routes if route.role == role for address in route.to)
    )


def judge(case: Case, routes: Iterable[Route], facts: Facts = NO_FACTS) -> list[Judged]:
    """Every route with what speaks against it, in the settings' order."""
    routes = tuple(routes)
    managed = is_managed(case.lead.merchant_id, routes, facts)
    return [
        Judged(
            route.name or f"route {place}",
            route,
            _against(case, route, facts) or _role_against(case, route, managed=managed),
        )
        for place, route in enumerate(routes, 1)
    ]


def is_managed(merchant_id: str, routes: Iterable[Route], facts: Facts = NO_FACTS) -> bool:
    """Whether a route names a manager of this merchant."""
    return bool(readers_of(merchant_id, routes, facts, roles=("manager",)))


def may_have_evidence(merchant_id: str, addresses: Iterable[str], routes: Iterable[Route], facts: Facts) -> bool:
    """Whether all of these have a role for this merchant that has the evidence."""
    roles = [role for role, rights in RIGHTS.items() if "pack" in rights]
    having = {address for _, address in readers_of(merchant_id, routes, facts, roles=roles)}
    return having.issuperset(addresses)


def _against(case: Case, route: Route, facts: Facts) -> str:
    if wrong := _merchant_differs(case.lead.merchant_id, route, facts):
        return wrong
    told: Sequence[str] = sorted({each.severity for each in case.findings if stands(each)} or {case.lead.severity})
    if route.severities and not set(route.severities) & set(told):
        return f"severity {', '.join(told)} is not among {', '.join(route.severities)}"
    if route.brands:
        theirs = {brand for each in case.subjects for brand in facts.brands.get(each.terminal_id, ())}
        theirs |= facts.brands.get(case.lead.terminal_id, frozenset())
        if not theirs & set(route.brands):
            return f"brand {', '.join(sorted(theirs)) or 'unknown'} is not among {', '.join(route.brands)}"
    return ""


def _role_against(case: Case, route: Route, *, managed: bool) -> str:
    """What the route's role has against it."""
    lead = case.lead.rule
    if route.role == "operations":
        return "role operations gets reports and storms, no single cases"
    if route.role == "agent":
        return "" if about_agents(lead) else "role agent gets its table, and single cases about its share alone"
    if about_agents(lead):
        return f"role {route.role} gets no cases about an agent's share"
    if route.role == "finance" and not is_for_finance(lead, managed=managed):
        return "role finance gets no cases about operators where a route names a manager"
    if route.role == "manager" and not _for_the_counter(case):
        return "role manager gets P1 with an open deadline, cases about operators, and what has waited too long"
    return ""


def _merchant_differs(merchant_id: str, route: Route, facts: Facts) -> str:
    if not any(fnmatch.fnmatchcase(merchant_id, pattern) for pattern in route.merchants):
        return f"merchant {merchant_id} is not among {', '.join(route.merchants)}"
    if route.groups and not facts.groups.get(merchant_id, frozenset()) & set(route.groups):
        return f"merchant {merchant_id} is in none of the groups {', '.join(route.groups)}"
    return ""


def _for_the_counter(case: Case) -> bool:
    """What somebody at the till can still do something about, or should know of."""
    return any(
        about_operators(each.rule) or (stands(each) and each.severity == "P1" and case.is_open)
        for each in case.findings
    )

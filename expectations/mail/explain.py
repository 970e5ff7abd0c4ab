"""Who hears of a finding, by which route, and when: every route with what speaks for or against it."""

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from expectations.mail.cases import Case, stands
from expectations.mail.catalogue import Locale
from expectations.mail.history import Told
from expectations.mail.routes import Judged, judge
from expectations.mail.world import World


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader of a case: when they were told, or will be."""

    address: str
    locale: Locale
    route: str
    told_at: dt.datetime | None
    leaves_at: dt.datetime | None
    remark: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A finding's case, its routes, its readers; ``found``: whether a check still finds anything of the case."""

    case: Case
    routes: tuple[Judged, ...]
    readers: tuple[Reader, ...]
    found: bool

    def as_dict(self) -> dict[str, Any]:
        """The object of ``alert explain --json``."""
        return {
            "case": self.case.number,
            "rule": self.case.lead.rule,
            "severity": self.case.lead.severity,
            "certainty": self.case.lead.certainty,
            "found": self.found,
            "routes": [
                {"route": each.name, "role": each.route.role, "matches": not each.against, "against": each.against}
                for each in self.routes
            ],
            "readers": [
                {
                    "to": each.address,
                    "locale": each.locale,
                    "route": each.route,
                    "told_at": each.told_at.isoformat() if each.told_at else None,
                    "leaves_at": each.leaves_at.isoformat() if each.leaves_at else None,
                    "remark": each.remark,
                }
                for each in self.readers
            ],
        }


def explain(world: World, finding_id: str) -> Explanation | None:
    """The explanation of one finding; None when nobody is told of it: `silence` says why."""
    for theirs in world.cases.values():
        for case in theirs:
            if any(each.finding_id == finding_id for each in case.findings):
                routes = tuple(judge(case, world.settings.alerts.routes, world.facts))
                found = any(each.finding_id in world.found for each in case.findings)
                return Explanation(case, routes, tuple(_readers(case, routes, world)), found)
    return None


def silence(world: World, finding_ids: Collection[str]) -> tuple[str, str]:
    """Why none of these findings is told, and what shows more."""
    if set(finding_ids).intersection(world.settled):
        return "a person has closed it; it is not told again", "`tillwatch case show` says who"
    if world.over.intersection(finding_ids):
        return "its case is over, and no check finds it any more", "`tillwatch case show` says how it ended"
    unspoken = sorted({each.rule for each in world.findings if each.finding_id in finding_ids})
    if unspoken:
        return f"this version has no words for {', '.join(unspoken)}", "run `tillwatch check` again"
    return "no check finds it any more, and nobody was told of it", "`tillwatch case show` has what was found"


def _readers(case: Case, routes: tuple[Judged, ...], world: World) -> Iterator[Reader]:
    ids = [each.finding_id for each in case.findings]
    seen: set[tuple[Locale, str]] = set()
    for each in routes:
        for address in each.route.to:
            locale = each.route.locale
            if each.against or (locale, address) in seen:
                continue
            seen.add((locale, address))
            told_at = world.history.first_told(ids, address, locale)
            known = world.history.told | world.history.dead
            found = [f for f in case.findings if f.finding_id in world.found]
            news = [f for f in found if Told(f.finding_id, address, locale, as_case=True) not in known]
            leaves, remark = None, ""
            if not case.stands_alone:
                remark = "not sure or not grave enough for a mail of its own: the weekly report, or along with others"
            elif world.over.issuperset(ids):
                remark = "" if told_at else "its case was over before it was told"
            elif not found:
                remark = "" if told_at else "no check finds it any more: told to nobody anew"
            elif not news:
                remark = "" if told_at else "given up: `tillwatch alert status` says why"
            else:
                deadline = case.act_by if case.is_open else None
                standing = [f for f in news if stands(f)] or news
                leaves = world.hours.leaves(standing, deadline, case.lead.merchant_id, address, locale)
            yield Reader(address, locale, each.name, told_at, leaves, remark)

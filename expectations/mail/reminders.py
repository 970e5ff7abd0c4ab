"""Open cases called to mind on day 3, 7 and 15, and then brought before the manager; cases that opened again.

Days count from when a reader was first told, at the hour of the digest. A day that was missed is
not made up for: only the last that is due is told.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.history import History, Told
from expectations.mail.roles import about_agents
from expectations.mail.routes import NO_FACTS, Facts, readers_of, readers_of_case
from expectations.mail.timing import DAY, Hours
from ingest.alerting import Route

Form: TypeAlias = Literal["reminder", "escalation", "reopened"]

LONGEST = dt.timedelta(days=90)
"""A case that was told so long ago is not called to mind any more."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One case that one reader is due to hear of again.

    Attributes:
        case: the open case.
        locale: the reader's language.
        address: the reader.
        name: under which the ledger keeps it.
        days: for how many days it has been open; of an escalation, too.
        form: what it says: that a case is still open, that it goes to the manager, or that it opened again.
    """

    case: Case
    locale: Locale
    address: str
    name: str
    days: int
    form: Form


def reminders(
    open_cases: Iterable[Case], history: History, routes: Iterable[Route], hours: Hours, facts: Facts = NO_FACTS
) -> tuple[list[Reminder], list[dt.datetime]]:
    """What is due now, and when further ones will be.

    Args:
        open_cases: cases with a number that nobody has closed.
        history: who was told what.
        routes: who reads.
        hours: the timing and the decision moment.
        facts: what routes may ask for.
    """
    routes = tuple(routes)
    due: list[Reminder] = []
    later: list[dt.datetime] = []
    for case in open_cases:
        if not case.number or not case.stands_alone or case.lead.severity not in {"P1", "P2"}:
            continue
        ids = [each.finding_id for each in case.findings]
        first: dt.datetime | None = None
        for locale, address in readers_of_case(case, routes, facts):
            told = history.first_told(ids, address, locale)
            if told is None:
                continue
            first = told if first is None else min(first, told)
            name, days, when = _step(case.number, told, hours)
            later += [when] if when else []
            if name and Told(name, address, locale, as_case=True) not in history.told | history.dead:
                due.append(Reminder(case, locale, address, name, days, form="reminder"))
        if first is not None:
            due += _escalation(case, first, history, routes, hours=hours, facts=facts)
    return due, later


def reopened(
    cases: Iterable[Case],
    surer: Mapping[str, Mapping[str, dt.datetime]],
    history: History,
    routes: Iterable[Route],
    *,
    hours: Hours,
    facts: Facts = NO_FACTS,
) -> list[Reminder]:
    """Whom to tell that a case that was over is open again; who never heard of it gets its first mail instead.

    Args:
        cases: open ones.
        surer: number of a case -> findings that opened it again because they became proven, and when.
        history: who was told what.
        routes: who reads.
        hours: the decision moment.
        facts: what routes may ask for.
    """
    routes = tuple(routes)
    due = []
    for case in cases:
        if not (since := surer.get(case.number)) or not case.stands_alone:
            continue
        name, at = f"reopened:{case.number}:{len(since)}", max(since.values())
        for locale, address in readers_of_case(case, routes, facts):
            told = history.first_told(since, address, locale)
            known = Told(name, address, locale, as_case=True) in history.told | history.dead
            if told is not None and told < at and not known:
                days = (hours.now - told).days
                due.append(Reminder(case, locale, address, name, days, form="reopened"))
    return due


def _step(number: str, told: dt.datetime, hours: Hours) -> tuple[str, int, dt.datetime | None]:
    """The last reminder that is due (its name and day), and the moment of the next one."""
    day = told.astimezone(hours.zone).date()
    moments = [(each, hours.local(day + each * DAY, hours.timing.digest_at)) for each in hours.timing.reminder_days]
    past = [each for each, moment in moments if moment <= hours.now]
    ahead = [moment for _, moment in moments if moment > hours.now]
    name = f"reminder:{number}:{past[-1]}" if past and hours.now - told < LONGEST else ""
    return name, past[-1] if past else 0, min(ahead, default=None)


def _escalation(
    case: Case, first: dt.datetime, history: History, routes: tuple[Route, ...], *, hours: Hours, facts: Facts
) -> list[Reminder]:
    """To the managers, and where no route names one to those who were told."""
    days = (hours.now.astimezone(hours.zone).date() - first.astimezone(hours.zone).date()).days
    moment = hours.local(first.astimezone(hours.zone).date() + hours.timing.escalate_days * DAY, hours.timing.digest_at)
    if not moment <= hours.now < first + LONGEST:
        return []
    merchant_id, name = case.lead.merchant_id, f"escalation:{case.number}"
    managers = [] if about_agents(case.lead.rule) else readers_of(merchant_id, routes, facts, roles=("manager",))
    readers = managers or readers_of_case(case, routes, facts)
    known = history.told | history.dead
    return [
        Reminder(case, locale, address, name, days, form="escalation")
        for locale, address in readers
        if Told(name, address, locale, as_case=True) not in known
    ]

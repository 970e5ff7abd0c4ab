"""What goes out now, and when the next decision is due: a pure function of a `World`."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from expectations.mail.catalogue import Locale
from expectations.mail.decide import Alert, Held, Known, decide
from expectations.mail.history import Told
from expectations.mail.notice import EVERYBODY, Notice
from expectations.mail.reminder_letters import reminder_notice
from expectations.mail.reminders import Form, Reminder, reminders, reopened
from expectations.mail.resolved import closings
from expectations.mail.routes import of_role, readers_of_case
from expectations.mail.storm_letters import storm_mail, storm_notice
from expectations.mail.storms import Storm
from expectations.mail.together import together
from expectations.mail.world import World

if TYPE_CHECKING:
    from expectations.reports.source import Source

Mail: TypeAlias = Alert | Notice


@dataclass(frozen=True, slots=True)
class Plan:
    """One moment's decision.

    Attributes:
        mails: what goes out now.
        held: cases that wait for their time.
        next_at: when something that waits is due; None when nothing waits.
        finished: numbers of recovered cases that nobody need be told of any more.
        unrouted: merchants that nobody is named for.
        unspoken: rules that there are no words for.
        unheard: storms that no route tells operations of.
    """

    mails: tuple[Mail, ...]
    held: tuple[Held, ...]
    next_at: dt.datetime | None
    finished: tuple[str, ...]
    unrouted: tuple[str, ...]
    unspoken: tuple[str, ...]
    unheard: tuple[str, ...]


def plan(world: World, merchant: str | None = None, source: "Source | None" = None) -> Plan:
    """The mails of this moment, of all merchants or one.

    Args:
        world: everything that is known.
        merchant: only this one's; `EVERYBODY` for what is about many.
        source: the tables that reports are made from; None: no reports.
    """
    mails: list[Mail] = []
    in_storm: set[str] = set()
    unheard: list[str] = []
    for storm in world.storms:
        if merchant in {None, EVERYBODY}:
            readers = of_role("operations", world.settings.alerts.routes)
            unheard += [] if readers else [storm.name]
            mails += [
                storm_mail(storm, locale, who, world) for locale, who in _lacking(storm, EVERYBODY, readers, world)
            ]
        for merchant_id in storm.merchants:
            if merchant in {None, merchant_id}:
                told, ids = _storm_notices(storm, merchant_id, world)
                mails += [storm_notice(storm, storm.of(merchant_id), locale, who, world) for locale, who in told]
                in_storm |= ids
    theirs = [
        each for each in world.findings if merchant in {None, each.merchant_id} and each.finding_id not in in_storm
    ]
    history = world.history
    settled = world.over.union(world.settled)
    known = Known(history.told, history.dead, history.doubts, settled, world.numbers, world.facts)
    decision = decide(theirs, world.settings.alerts.routes, world.now, known, world.hours)
    mails += decision.alerts
    closing, finished = closings(
        [each for each in world.recovered if merchant in {None, each.merchant_id}],
        world.money_back,
        history.told | history.dead,
        world.now,
        settings=world.settings,
        facts=world.facts,
    )  # fmt: skip
    mails += [each for each in closing if world.hours.wakes(world.now) == world.now]
    notices, later = _reminders(world, merchant)
    if source is not None:
        from expectations.reports.plan import reports

        reporting, next_report = reports(world, source, merchant)
        notices += reporting
        later = [*later, next_report]
    mails += together(notices)
    waits = [*(each.until for each in decision.held), *later]
    return Plan(
        mails=tuple(mails),
        held=decision.held,
        next_at=min((each for each in waits if each > world.now), default=None),
        finished=tuple(finished),
        unrouted=decision.unrouted,
        unspoken=decision.unspoken,
        unheard=tuple(unheard),
    )


def _lacking(
    storm: Storm, merchant_id: str, readers: Iterable[tuple[Locale, str]], world: World
) -> list[tuple[Locale, tuple[str, ...]]]:
    """Of these readers those who have not heard of the storm at this merchant, by language."""
    has = world.history.readers(storm.name, merchant_id)
    wanted: dict[Locale, list[str]] = {}
    for locale, address in readers:
        if (locale, address) not in has:
            wanted.setdefault(locale, []).append(address)
    return [(locale, tuple(sorted(addresses))) for locale, addresses in sorted(wanted.items())]


def _storm_notices(
    storm: Storm, merchant_id: str, world: World
) -> tuple[list[tuple[Locale, tuple[str, ...]]], set[str]]:
    """Who of one merchant gets the short notice now, and the findings that it stands for meanwhile."""
    cases = storm.of(merchant_id)
    readers = dict.fromkeys(
        reader for case in cases for reader in readers_of_case(case, world.settings.alerts.routes, world.facts)
    )
    known = world.history.told | world.history.dead
    new = [
        each
        for case in cases
        for each in case.findings
        if each.finding_id not in world.over
        and any(Told(each.finding_id, address, locale, as_case=True) not in known for locale, address in readers)
    ]
    lacking = _lacking(storm, merchant_id, readers, world)
    if not new or not lacking:
        return [], set()
    locale, addresses = lacking[0]
    deadline = min((case.act_by for case in cases if case.is_open and case.act_by), default=None)
    leaves = world.hours.leaves(new, deadline, merchant_id, addresses[0], locale)
    return (lacking if leaves <= world.now else []), {each.finding_id for each in new}


def _reminders(world: World, merchant: str | None) -> tuple[list[Notice], list[dt.datetime]]:
    """Reminders of one reader and merchant in one mail, outside of quiet hours."""
    open_cases = [
        case
        for merchant_id, theirs in world.cases.items()
        if merchant in {None, merchant_id}
        for case in theirs
        if case.number in world.open_numbers
    ]
    routes = world.settings.alerts.routes
    due, later = reminders(open_cases, world.history, routes, world.hours, world.facts)
    again = reopened(open_cases, world.surer, world.history, routes, hours=world.hours, facts=world.facts)
    told = {(each.case.number, each.address) for each in again}
    due = [*(each for each in due if (each.case.number, each.address) not in told), *again]
    wakes = world.hours.wakes(world.now)
    if due and wakes != world.now:
        return [], [*later, wakes]
    together: dict[tuple[str, Locale, Form, tuple[str, ...]], list[tuple[str, Reminder]]] = {}
    by_reader: dict[tuple[str, Locale, str, Form], list[Reminder]] = {}
    for each in due:
        key = (each.case.lead.merchant_id, each.locale, each.address, each.form)
        by_reader.setdefault(key, []).append(each)
    for (merchant_id, locale, address, form), mine in by_reader.items():
        names = tuple(each.name for each in mine)
        together.setdefault((merchant_id, locale, form, names), []).extend((address, each) for each in mine)
    return [
        reminder_notice(
            tuple({each.name: each for _, each in pairs}.values()),
            tuple(sorted({address for address, _ in pairs})), world,
        )
        for pairs in together.values()
    ], later  # fmt: skip

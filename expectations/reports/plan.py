"""Which reports go out now, and when the next ones will."""

import datetime as dt
from collections.abc import Callable, Iterable
from functools import partial

from expectations.findings import CERTAINTIES
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.history import Told
from expectations.mail.notice import EVERYBODY, Notice
from expectations.mail.roles import about_operators, is_for_finance
from expectations.mail.routes import is_managed, of_role, readers_of
from expectations.mail.timing import DAY
from expectations.mail.world import World
from expectations.reports.notices import fleet_notice, incomplete_notice, operators_notice, report_notice
from expectations.reports.period import Period, due
from expectations.reports.source import Source

MOST_REVIEWED = 10
"""Rows of the list to review."""

RECALLED = 21 * DAY
"""What is to be reviewed is looked for so long before a period, too."""
JUDGED_WITHIN = dt.timedelta(hours=36)
"""A report waits so long for the check of its last days; then it says that they are not judged."""
LATEST = dt.timedelta(hours=12)
"""That records are missing is told within so long after the digest's hour, or the next day."""


def reports(world: World, source: Source, merchant: str | None = None) -> tuple[list[Notice], dt.datetime]:
    """The reports of this moment, of all merchants or one, and the moment of the next.

    Args:
        world: ledger, clock and settings.
        source: the tables.
        merchant: only this one's; `EVERYBODY` for those about many.
    """
    periods, next_at = due(world.hours)
    found: list[Notice] = []
    if world.hours.wakes(world.now) == world.now:
        for period in periods:
            found += _shops(world, source, period, merchant)
            found += _operators(world, period, merchant) if period.kind == "weekly" else []
            if period.kind == "weekly" and merchant in {None, EVERYBODY}:
                found += _fleet(world, source, period)
        found += _silent(world, source, merchant)
    return found, next_at


def to_review(
    world: World, merchant_id: str, reader: tuple[Locale, str], since: dt.date, *, fits: Callable[[str], bool]
) -> tuple[Case, ...]:
    """What is too doubtful or too small for a mail of its own and new to a reader, the surest first.

    ``fits`` says of a leading rule whether its cases are this reader's.
    """
    locale, address = reader
    known = world.history.told | world.history.dead
    cases = [
        case
        for case in world.cases.get(merchant_id, ())
        if not case.stands_alone
        and fits(case.lead.rule)
        and case.lead.business_date >= since
        and any(Told(each.finding_id, address, locale, as_case=False) not in known for each in case.findings)
    ]
    cases.sort(key=lambda each: (CERTAINTIES.index(each.lead.certainty), -each.amount_fen, each.lead.finding_id))
    return tuple(cases[:MOST_REVIEWED])


def _shops(world: World, source: Source, period: Period, merchant: str | None) -> list[Notice]:
    routes = [each for each in world.settings.alerts.routes if not each.severities or "P4" in each.severities]
    patience = world.hours.local(period.end + DAY, world.settings.alerts.timing.digest_at) + JUDGED_WITHIN
    found = []
    for merchant_id in sorted(source.merchants(period)):
        if merchant not in {None, merchant_id}:
            continue
        lacking = _lacking(period.name, merchant_id, readers_of(merchant_id, routes, world.facts), world)
        if lacking and source.of_shop(period, merchant_id).unjudged_days and world.now < patience:
            continue
        managed = is_managed(merchant_id, routes, world.facts)
        together: dict[tuple[Locale, tuple[str, ...]], tuple[tuple[Case, ...], list[str]]] = {}
        for locale, address in lacking:
            fits = partial(is_for_finance, managed=managed)
            review = to_review(world, merchant_id, (locale, address), period.start - RECALLED, fits=fits)
            told = tuple(each.lead.finding_id for each in review)
            together.setdefault((locale, told), (review, []))[1].append(address)
        for (locale, _), (review, addresses) in together.items():
            shop = source.of_shop(period, merchant_id)
            reader = (locale, tuple(sorted(addresses)))
            found.append(report_notice(shop, period, review, reader, settings=world.settings, now=world.now))
    return found


def _operators(world: World, period: Period, merchant: str | None) -> list[Notice]:
    """To managers what is only possible about operators, where there is any; who has the shop's report has it there."""
    routes = world.settings.alerts.routes
    found = []
    for merchant_id in world.cases:
        if merchant not in {None, merchant_id}:
            continue
        managers = readers_of(merchant_id, routes, world.facts, roles=("manager",))
        together: dict[tuple[Locale, tuple[str, ...]], tuple[tuple[Case, ...], list[str]]] = {}
        for locale, address in _lacking(f"operators:{period.start}", merchant_id, managers, world):
            review = to_review(world, merchant_id, (locale, address), period.start - RECALLED, fits=about_operators)
            if review:
                told = tuple(each.lead.finding_id for each in review)
                together.setdefault((locale, told), (review, []))[1].append(address)
        for (locale, _), (review, addresses) in together.items():
            reader: tuple[Locale, tuple[str, ...]] = (locale, tuple(sorted(addresses)))
            found.append(operators_notice(merchant_id, period, review, reader, settings=world.settings, now=world.now))
    return found


def _fleet(world: World, source: Source, period: Period) -> list[Notice]:
    """To agents about the merchants of their routes, to operations about all."""
    routes = world.settings.alerts.routes
    found = []
    for role, word in (("agent", "fleet"), ("operations", "operations")):
        readers = of_role("agent" if role == "agent" else "operations", routes)
        for locale, address in _lacking(f"{word}:{period.start}", EVERYBODY, readers, world):
            mine = [each for each in routes if each.role == role and address in each.to]
            everything = source.figures(period)
            shops = {
                name: shop
                for name, shop in everything.items()
                if readers_of(name, mine, world.facts, roles=("agent", "operations"))
            }
            quiet = {
                name: day
                for name, day in source.quiet(period).items()
                if readers_of(name, mine, world.facts, roles=("agent", "operations"))
            }
            if not shops and not quiet:
                continue
            cases = [
                case
                for name in shops
                for case in world.cases.get(name, ())
                if case.stands_alone and period.start <= case.lead.business_date <= period.end
            ]
            is_operations = role == "operations"
            spent = source.budget(world) if is_operations else None
            files = source.absent_files(period, shops) if is_operations else {}
            notice = fleet_notice(
                shops, period, (locale, (address,)), spent, cases=cases, files=files, quiet=quiet,
                settings=world.settings, now=world.now,
            )  # fmt: skip
            found.append(notice)
    return found


def _silent(world: World, source: Source, merchant: str | None) -> list[Notice]:
    """Nothing yesterday of a merchant that was heard on that weekday in both weeks before: a day of rest is none."""
    today = world.now.astimezone(world.hours.zone).date()
    moment = world.hours.local(today, world.settings.alerts.timing.digest_at)
    if not moment <= world.now < moment + LATEST:
        return []
    yesterday = today - DAY
    found = []
    for merchant_id, days in sorted(source.last_days.items()):
        if merchant not in {None, merchant_id} or days & {yesterday, today}:
            continue
        if not {yesterday - 7 * DAY, yesterday - 14 * DAY} <= days:
            continue
        last = max(days)
        readers = readers_of(merchant_id, world.settings.alerts.routes, world.facts)
        by_locale: dict[Locale, list[str]] = {}
        for locale, address in _lacking(f"incomplete:{last}", merchant_id, readers, world):
            by_locale.setdefault(locale, []).append(address)
        for locale, addresses in sorted(by_locale.items()):
            reader = (locale, tuple(sorted(addresses)))
            found.append(incomplete_notice(merchant_id, last, reader, settings=world.settings, now=world.now))
    return found


def _lacking(
    name: str, merchant_id: str, readers: Iterable[tuple[Locale, str]], world: World
) -> list[tuple[Locale, str]]:
    """Of these readers those who have not got this merchant's mail of this name, and were not given up for it."""
    has = world.history.readers(name, merchant_id)
    return [(locale, address) for locale, address in readers if (locale, address) not in has]

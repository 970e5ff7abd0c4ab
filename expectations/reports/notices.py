"""Reports as mails: the weekly and monthly ones to shops, the one about many shops, and that data is missing."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from expectations.mail.blocks import Block, Fine, Letter, Note, Opening, Steps, Table, Verdict
from expectations.mail.budget import Budget
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.compose import name_of, place_of, review_tables
from expectations.mail.figures import Figures
from expectations.mail.notice import EVERYBODY, Notice
from expectations.money import CNY, total
from expectations.reports.figures import AGES, ShopFigures
from expectations.reports.letter import ages_bars, report_letter, whole
from expectations.reports.period import Period
from ingest.settings import Settings

MOST_SHOPS = 60
MOST_AGED = 20
NO_FILES: Mapping[str, Sequence[dt.date]] = MappingProxyType({})
NOBODY: Mapping[str, dt.date | None] = MappingProxyType({})


def report_notice(
    shop: ShopFigures,
    period: Period,
    review: Sequence[Case],
    reader: tuple[Locale, tuple[str, ...]],
    *,
    settings: Settings,
    now: dt.datetime,
) -> Notice:
    """The report of a period to one shop's readers of a language."""
    locale, recipients = reader
    return Notice(
        kind=period.kind,
        merchant_id=shop.merchant_id,
        locale=locale,
        recipients=recipients,
        decided_at=now,
        business_date=period.end,
        finding_ids=(period.name,),
        review_ids=tuple(sorted(each.finding_id for case in review for each in case.findings)),
        letter=report_letter(shop, period, review, locale, settings, now=now),
        cases=shop.cases,
    )


def operators_notice(
    merchant_id: str,
    period: Period,
    review: Sequence[Case],
    reader: tuple[Locale, tuple[str, ...]],
    *,
    settings: Settings,
    now: dt.datetime,
) -> Notice:
    """What is only possible about operators, for the manager: a list once a week, as the shop's report has one."""
    locale, recipients = reader
    figures = Figures.of(locale, settings, now)
    say = figures.texts.phrases
    values = {
        "n": figures.count(len(review)),
        "place": place_of(merchant_id, settings, figures),
        "period": figures.days({period.start, period.end}),
    }
    blocks: tuple[Block, ...] = (
        Opening(place=values["place"], day=values["period"]),
        Verdict(say["verdict"], say["operators_headline"].format(**values), "", say["operators_calm"], "calm"),
        *review_tables(review, figures),
        Fine(lines=(say["privacy"], say["recipients"])),
    )
    return Notice(
        kind="weekly",
        merchant_id=merchant_id,
        locale=locale,
        recipients=recipients,
        decided_at=now,
        business_date=period.end,
        finding_ids=(f"operators:{period.start}",),
        review_ids=tuple(sorted(each.finding_id for case in review for each in case.findings)),
        letter=Letter(locale, say["operators_subject"].format(**values), blocks),
    )


def incomplete_notice(
    merchant_id: str, last: dt.date, reader: tuple[Locale, tuple[str, ...]], *, settings: Settings, now: dt.datetime
) -> Notice:
    """That nothing was heard of a merchant since a day."""
    locale, recipients = reader
    figures = Figures.of(locale, settings, now)
    say = figures.texts.phrases
    values = {"place": place_of(merchant_id, settings, figures), "day": figures.date(last)}
    blocks: tuple[Block, ...] = (
        Opening(place=values["place"], day=figures.date(now.astimezone(settings.zone).date())),
        Verdict(
            say["verdict"], say["silent_headline"].format(**values), "", say["silent_calm"], "attention"
        ),
        Steps(say["do_now"], (), (say["silent_act_1"], say["silent_act_2"], say["silent_act_3"]), "attention"),
        Fine(lines=(say["recipients"],)),
    )  # fmt: skip
    return Notice(
        kind="incomplete",
        merchant_id=merchant_id,
        locale=locale,
        recipients=recipients,
        decided_at=now,
        business_date=last,
        finding_ids=(f"incomplete:{last}",),
        letter=Letter(locale, say["silent_subject"].format(**values), blocks),
    )


def fleet_notice(
    shops: Mapping[str, ShopFigures],
    period: Period,
    reader: tuple[Locale, tuple[str, ...]],
    spent: Budget | None,
    *,
    cases: Sequence[Case],
    settings: Settings,
    now: dt.datetime,
    files: Mapping[str, Sequence[dt.date]] = NO_FILES,
    quiet: Mapping[str, dt.date | None] = NOBODY,
) -> Notice:
    """The report about many shops; for operations (``spent``) with the mails' budget and the cases for machines.

    ``files``: acquirer -> days of which its file is expected and not there; ``quiet``: merchant of whom nothing is
    heard -> the last day with a record, None for never.
    """
    locale, recipients = reader
    figures = Figures.of(locale, settings, now)
    say = figures.texts.phrases
    found, back = total(e.found for e in shops.values()), total(e.recovered for e in shops.values())
    count = sum(e.cases for e in shops.values())
    form = f"fleet_counted_{'one' if len(shops) == 1 else 'many'}_{'one' if count == 1 else 'many'}"
    values = {
        "counted": say[form].format(n=figures.count(len(shops)), cases=figures.count(count)),
        "found": figures.sums(found),
        "back": figures.sums(back),
        "period": figures.days({period.start, period.end}),
    }
    ordered = sorted(shops.values(), key=lambda e: (-e.still_open.get(CNY), -e.found.get(CNY), e.merchant_id))
    blocks: list[Block] = [
        Opening(place=say["fleet"], day=values["period"]),
        Verdict(say["verdict"], say["fleet_headline"].format(**values), "", say["report_recovered"].format(**values),
                "calm"),
        _shops(ordered, figures, settings),
    ]  # fmt: skip
    ages = {name: sum(shop.ages[name] for shop in ordered) for name in AGES}
    if any(ages.values()):
        blocks += [
            ages_bars(ages, total(shop.still_open for shop in ordered), figures),
            _ages(ordered, figures, settings),
        ]
    blocks += [*_brands(shops, cases, figures), *_software(ordered, figures)]
    if quiet:
        blocks.append(Note(say["quiet"], _quiet(quiet, figures, settings)))
    if files:
        lacking = (
            say["files_of"].format(acquirer=acquirer, days=say["list_comma"].join(figures.date(day) for day in days))
            for acquirer, days in sorted(files.items())
        )
        blocks.append(Note(say["files_missing"], say["list_semicolon"].join(lacking)))
    if spent is not None:
        blocks.append(Note(say["budget"], _budget(spent, figures)))
    blocks.append(Fine(lines=(say["privacy"],)))
    return Notice(
        kind="fleet",
        merchant_id=EVERYBODY,
        locale=locale,
        recipients=recipients,
        decided_at=now,
        business_date=period.end,
        finding_ids=(f"{'operations' if spent else 'fleet'}:{period.start}",),
        letter=Letter(locale, say["fleet_subject"].format(**values), tuple(blocks)),
        cases=count,
        machine=tuple(cases) if spent is not None else None,
        identifiers=(*shops, *quiet),
    )


def _shops(ordered: Sequence[ShopFigures], figures: Figures, settings: Settings) -> Table:
    say = figures.texts.phrases
    checked = f"{say['report_checked']} · {say['report_whole']}"
    columns = (say["fleet_shop"], checked, say["report_found"], say["report_back"])
    rows = tuple(
        (
            name_of(shop.merchant_id, settings) or shop.merchant_id,
            f"{figures.count(shop.checked)} · {whole(shop, figures)}",
            f"{shop.cases} · {figures.sums(shop.found)}" if shop.cases else "—",
            figures.sums(shop.recovered) if shop.recovered else "—",
        )
        for shop in ordered[:MOST_SHOPS]
    )
    left = len(ordered) - len(rows)
    return Table(say["fleet_shops"], columns, rows, say["rows_more"].format(n=left) if left > 0 else "")


def _ages(ordered: Sequence[ShopFigures], figures: Figures, settings: Settings) -> Table:
    """How old each merchant's open cases are."""
    say = figures.texts.phrases
    having = [shop for shop in ordered if any(shop.ages.values())]
    rows = tuple(
        (name_of(shop.merchant_id, settings) or shop.merchant_id, *(str(shop.ages[name] or "—") for name in AGES))
        for shop in having[:MOST_AGED]
    )
    left = len(having) - len(rows)
    columns = (say["fleet_shop"], *(say["report_days"].format(days=name) for name in AGES))
    return Table(say["fleet_ages"], columns, rows, say["rows_more"].format(n=left) if left > 0 else "")


def _brands(shops: Mapping[str, ShopFigures], cases: Sequence[Case], figures: Figures) -> list[Block]:
    """For each protocol: terminals, attempts that were judged, and cases by the terminal that they accuse."""
    say = figures.texts.phrases
    terminals: Counter[str] = Counter()
    checked: Counter[str] = Counter()
    theirs: dict[str, list[Case]] = {}
    for shop in shops.values():
        terminals.update(profile for profile, _ in shop.terminals.values())
        checked.update(shop.profiles)
    for case in cases:
        shop_terminals = shops[case.lead.merchant_id].terminals
        profile, _ = shop_terminals.get(case.lead.terminal_id, ("", None))
        theirs.setdefault(profile, []).append(case)
    names = sorted({*terminals, *checked, *theirs}, key=lambda name: (not name, name))
    rows = tuple(
        (
            name or say["fleet_no_profile"],
            figures.count(terminals[name]) if name else "—",
            figures.count(checked[name]) if name else "—",
            _counted(theirs.get(name, ()), figures),
        )
        for name in names
    )
    columns = (say["report_profile"], say["fact_terminal"], say["report_checked"], say["fleet_cases"])
    return [Table(say["fleet_brands"], columns, rows)] if rows else []


def _software(shops: Iterable[ShopFigures], figures: Figures) -> list[Block]:
    """How many terminals tell each version of their software; nothing where none tells any."""
    say = figures.texts.phrases
    told = Counter((shop.terminals[each][0], version) for shop in shops for each, version in shop.software.items())
    ordered = sorted(told.items(), key=lambda each: (-each[1], each[0]))
    rows = tuple((version, profile, figures.count(n)) for (profile, version), n in ordered[:MOST_SHOPS])
    left = len(ordered) - len(rows)
    more = say["rows_more"].format(n=left) if left > 0 else ""
    columns = (say["report_software"], say["report_profile"], say["fact_terminal"])
    return [Table(say["fleet_software"], columns, rows, more)] if rows else []


def _counted(cases: Sequence[Case], figures: Figures) -> str:
    at_risk = total(case.at_risk for case in cases)
    if not cases:
        return "—"
    return f"{len(cases)} · {figures.sums(at_risk)}" if at_risk else str(len(cases))


def _quiet(quiet: Mapping[str, dt.date | None], figures: Figures, settings: Settings) -> str:
    say = figures.texts.phrases
    told = [
        say["quiet_since" if day else "quiet_never"].format(
            shop=name_of(merchant_id, settings) or merchant_id, day=figures.date(day) if day else ""
        )
        for merchant_id, day in quiet.items()
    ]
    left = len(told) - MOST_SHOPS
    more = [say["rows_more"].format(n=left)] if left > 0 else []
    return say["list_semicolon"].join([*told[:MOST_SHOPS], *more])


def _budget(spent: Budget, figures: Figures) -> str:
    say = figures.texts.phrases
    mails = "—" if spent.median_mails is None else f"{spent.median_mails:g}"
    acted = "—" if spent.acted is None else f"{spent.p1_acted}/{spent.p1_mails}"
    return say["budget_says"].format(
        mails=mails, acted=acted, holds=say["budget_holds" if spent.holds else "budget_over"]
    )


def figures_json(shops: Mapping[str, ShopFigures]) -> str:
    """One object a merchant, a line each."""
    return "".join(json.dumps(each.as_dict(), ensure_ascii=False) + "\n" for each in shops.values())

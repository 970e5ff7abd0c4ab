"""Reports as mails: the weekly and monthly ones to shops, the one about many shops, and that data is missing."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from expectations.mail.blocks import Block, Fine, Letter, Note, Opening, Steps, Table, Verdict
from expectations.mail.budget import Budget
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.compose import name_of, place_of
from expectations.mail.figures import Figures
from expectations.mail.notice import EVERYBODY, Notice
from expectations.money import CNY, total
from expectations.reports.figures import AGES, ShopFigures
from expectations.reports.letter import ages_bars, report_letter, whole
from expectations.reports.period import Period
from ingest.settings import Settings

MOST_SHOPS = 60
NO_FILES: Mapping[str, Sequence[dt.date]] = MappingProxyType({})


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
) -> Notice:
    """The report about many shops; for operations (``spent``) with the mails' budget and the cases for machines.

    ``files``: acquirer -> days of which its file is expected and not there.
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
        blocks.append(ages_bars(ages, total(shop.still_open for shop in ordered), figures))
    profiles: dict[str, int] = {}
    for shop in ordered:
        for profile, _ in shop.terminals.values():
            profiles[profile] = profiles.get(profile, 0) + 1
    if profiles:
        said = say["list_comma"].join(f"{name} {count}" for name, count in sorted(profiles.items()))
        blocks.append(Note(say["fleet_terminals"], said))
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
        identifiers=tuple(shops),
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

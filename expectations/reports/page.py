"""A period as one HTML file, made of the same blocks as the mails."""

import datetime as dt
from collections.abc import Mapping

from expectations.cases.book import case_book
from expectations.findings import read_findings
from expectations.mail.blocks import Block, Letter
from expectations.mail.catalogue import Locale
from expectations.mail.compose import place_of
from expectations.mail.figures import Figures
from expectations.mail.html import render_html
from expectations.mail.roles import about_agents
from expectations.reports.figures import ShopFigures, figures
from expectations.reports.letter import report_blocks
from expectations.reports.period import Period
from ingest.settings import Settings
from ingest.tables import Lake


def period_figures(settings: Settings, period: Period, merchant: str | None = None) -> dict[str, ShopFigures]:
    """The figures of every merchant, or one, that has a record in the period, without what is about agents' shares.

    Raises:
        CaseError: the database of cases cannot be used.
        LakeError: a table cannot be read.
    """
    lake = Lake.of(settings.lake)
    book = case_book(settings)
    records = [each for each in book.cases(review=True) if not about_agents(each.rule)]
    numbers = {each.number for each in records}
    back = [each for each in book.money_back() if each.number in numbers]
    found = figures(settings, lake, records, read_findings(lake), period, money_back=back, now=_now())
    return {name: shop for name, shop in found.items() if merchant in {None, name} and shop.seen_days}


def page(
    shops: Mapping[str, ShopFigures],
    period: Period,
    locale: Locale,
    settings: Settings,
    *,
    now: dt.datetime | None = None,
) -> str:
    """One shop behind the other, as written at a moment: now, unless one is given."""
    written = Figures.of(locale, settings, now or _now())
    say = written.texts.phrases
    blocks: list[Block] = []
    for shop in shops.values():
        blocks += report_blocks(shop, period, (), written, settings)
    place = say["list_comma"].join(place_of(name, settings, written) for name in list(shops)[:3])
    values = {"what": say["page_title"], "place": place, "period": written.days({period.start, period.end})}
    return render_html(Letter(locale, say[f"{period.kind}_subject"].format(**values), tuple(blocks)))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

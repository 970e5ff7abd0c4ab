"""A week or a month as a letter to one shop: takings, what was found and is back, fees, deposits, completeness.

When nothing was found it says so, with how much was looked at: silence must not look like breakage. When
records are missing, that is the first thing it says.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from expectations.deposits import DepositProgress
from expectations.mail.blocks import Bar, Bars, Block, Fine, Letter, Note, Opening, Table, Verdict
from expectations.mail.cases import Case
from expectations.mail.catalogue import Locale
from expectations.mail.compose import place_of, review_tables
from expectations.mail.figures import Figures
from expectations.mail.wording import capital, numbers_missing
from expectations.money import CNY, Money
from expectations.reports.figures import Fees, ShopFigures
from expectations.reports.period import Period
from ingest.settings import Settings

MOST_TERMINALS = 12
MOST_DAILY = 2
"""Currencies that are shown day by day, yuan first; of others the total: mail readers cut a month of many."""
WHOLE = 0.999
"""From this share of trace numbers on a period counts as complete."""


def report_letter(
    shop: ShopFigures, period: Period, review: Sequence[Case], locale: Locale, settings: Settings, *, now: dt.datetime
) -> Letter:
    """The report to one shop."""
    figures = Figures.of(locale, settings, now)
    say = figures.texts.phrases
    place = place_of(shop.merchant_id, settings, figures)
    values = _values(shop, period, figures)
    subject = say[f"{period.kind}_subject"].format(place=place, what=say[_state(shop)].format(**values), **values)
    return Letter(locale, subject, tuple(report_blocks(shop, period, review, figures, settings)))


def report_blocks(
    shop: ShopFigures, period: Period, review: Sequence[Case], figures: Figures, settings: Settings
) -> list[Block]:
    """What it says, for a letter of its own or for a page of many shops."""
    say = figures.texts.phrases
    values = _values(shop, period, figures)
    blocks: list[Block] = [
        Opening(place=place_of(shop.merchant_id, settings, figures), day=values["period"]),
        Verdict(
            say["verdict"],
            say[_state(shop)].format(**values),
            say["amount_at_stake"].format(amount=values["found"]) if shop.found else "",
            say["report_recovered"].format(**values)
            if shop.recovered and not shop.unjudged_days
            else say[f"{_state(shop)}_calm"],
            "attention" if _is_incomplete(shop) or shop.unjudged_days or shop.still_open else "calm",
        ),
        *_takings(shop, figures),
    ]
    if shop.found or shop.recovered:
        blocks.append(Bars(say["report_money"], tuple(_money_bars(shop, figures))))
    if any(shop.ages.values()):
        blocks.append(ages_bars(shop.ages, shop.still_open, figures))
    if shop.fees is not None:
        blocks.append(_fees(shop.fees, figures))
    blocks += [_deposit(each, figures) for each in shop.deposits]
    blocks += [_complete(shop, period, figures), *_terminals(shop, figures)]
    blocks += review_tables(review, figures)
    blocks.append(Fine(lines=(say["report_basis"], say["privacy"], say["recipients"])))
    return blocks


def _values(shop: ShopFigures, period: Period, figures: Figures) -> dict[str, str]:
    return {
        "n": figures.count(shop.checked),
        "cases": figures.count(shop.cases),
        "found": figures.sums(shop.found),
        "back": figures.sums(shop.recovered),
        "missing": figures.count(shop.numbers_missing),
        "unjudged": figures.count(shop.unjudged_days),
        "silent": str(len(period.days) - shop.seen_days),
        "period": figures.days({period.start, period.end}),
    }


def _state(shop: ShopFigures) -> str:
    """Which sentence comes first."""
    if shop.checked == 0:
        return "report_nothing"
    if shop.unjudged_days:
        return "report_unjudged_one" if shop.unjudged_days == 1 else "report_unjudged"
    if shop.cases:
        return "report_found_some_one" if shop.cases == 1 else "report_found_some"
    if not _is_incomplete(shop):
        return "report_clear"
    return "report_incomplete_one" if shop.numbers_missing == 1 else "report_incomplete"


def _is_incomplete(shop: ShopFigures) -> bool:
    return shop.completeness is None or shop.completeness < WHOLE


def _takings(shop: ShopFigures, figures: Figures) -> list[Bars]:
    """A picture for each currency; yuan are left out where all that was taken is foreign."""
    say = figures.texts.phrases
    found: list[Bars] = []
    for currency, by_day in sorted(shop.takings.items(), key=lambda each: (each[0] != CNY, each[0])):
        if currency == CNY and len(shop.takings) > 1 and not any(by_day.values()):
            continue
        most = max([*by_day.values(), 1])
        bars = tuple(
            Bar(figures.date(day), max(0.0, minor / most), figures.money(minor, currency))
            for day, minor in sorted(by_day.items())
        )
        total = figures.money(sum(by_day.values()), currency)
        bars = bars if len(found) < MOST_DAILY else ()
        found.append(Bars(say["report_takings"], bars, say["report_total"].format(amount=total)))
    return found


def _money_bars(shop: ShopFigures, figures: Figures) -> Iterator[Bar]:
    """Found beside back, each currency by its own measure."""
    say = figures.texts.phrases
    for currency, _ in (shop.found + shop.recovered).parts:
        found, back = shop.found.get(currency), shop.recovered.get(currency)
        most = max(found, back, 1)
        yield Bar(say["report_found"], max(0.0, found / most), figures.money(found, currency))
        yield Bar(say["report_back"], max(0.0, back / most), figures.money(back, currency))


def ages_bars(ages: Mapping[str, int], still_open: Money, figures: Figures) -> Bars:
    """How old open cases are."""
    say = figures.texts.phrases
    most = max(ages.values())
    bars = tuple(
        Bar(say["report_days"].format(days=name), count / most, figures.count(count)) for name, count in ages.items()
    )
    return Bars(say["report_ages"], bars, say["report_open"].format(amount=figures.sums(still_open)))


def _fees(fees: Fees, figures: Figures) -> Block:
    """Paid beside contract; without a contract the rate that was paid."""
    say = figures.texts.phrases
    if fees.contract_fen <= 0:
        rate = figures.rate(fees.paid_fen * 1_000_000 // fees.turnover_fen) if fees.turnover_fen else "—"
        return Note(say["report_fees"], say["report_fees_paid"].format(paid=figures.money(fees.paid_fen), rate=rate))
    most = max(fees.contract_paid_fen, fees.contract_fen)
    bars = (
        Bar(say["report_fees_is"], fees.contract_paid_fen / most, figures.money(fees.contract_paid_fen)),
        Bar(say["report_fees_agreed"], fees.contract_fen / most, figures.money(fees.contract_fen)),
    )
    over = fees.contract_paid_fen - fees.contract_fen
    form = "report_fees_over" if over > 0 else "report_fees_right"
    return Bars(say["report_fees"], bars, say[form].format(amount=figures.money(abs(over))))


def _deposit(deposit: DepositProgress, figures: Figures) -> Bars:
    say = figures.texts.phrases
    if deposit.returned_on:
        says = say["deposit_returned"].format(day=figures.date(deposit.returned_on))
    elif deposit.until:
        says = say["deposit_until"].format(day=figures.full_date(deposit.until))
    else:
        says = ""
    label = say["deposit"].format(amount=figures.money(deposit.amount_fen))
    return Bars(label, tuple(_reached(deposit, figures)), says)


def _reached(deposit: DepositProgress, figures: Figures) -> Iterator[Bar]:
    """A bar for each condition that was agreed."""
    say = figures.texts.phrases
    if deposit.volume_needed_fen:
        done, needed = figures.money(deposit.volume_fen), figures.money(deposit.volume_needed_fen)
        yield Bar(say["deposit_volume"], deposit.share, f"{done} / {needed}")
    if deposit.fees_needed_fen:
        done, needed = figures.money(deposit.fees_fen), figures.money(deposit.fees_needed_fen)
        yield Bar(say["deposit_fees"], min(1.0, deposit.fees_fen / deposit.fees_needed_fen), f"{done} / {needed}")
    if deposit.months_needed:
        done, needed = figures.count(deposit.months), figures.count(deposit.months_needed)
        yield Bar(say["deposit_months"], min(1.0, deposit.months / deposit.months_needed), f"{done} / {needed}")


def whole(shop: ShopFigures, figures: Figures) -> str:
    """The share of trace numbers that was seen, rounded down: 100% is said of nothing that lacks one."""
    return "—" if shop.completeness is None else figures.rate(int(shop.completeness * 10_000) * 100)


def _complete(shop: ShopFigures, period: Period, figures: Figures) -> Bars:
    """How much of what there must be was seen: trace numbers, and days."""
    say, days = figures.texts.phrases, len(period.days)
    bars = (
        Bar(say["report_numbers"], shop.completeness or 0.0, whole(shop, figures)),
        Bar(say["report_seen_days"], shop.seen_days / days, f"{shop.seen_days} / {days}"),
    )
    return Bars(say["data"], bars, capital(numbers_missing(shop.numbers_missing, figures)))


def _terminals(shop: ShopFigures, figures: Figures) -> list[Block]:
    """Each terminal with its protocol and last day, and its software where one of them tells it."""
    say = figures.texts.phrases
    columns = [say["fact_terminal"], say["report_profile"], say["report_last"]]
    if shop.software:
        columns.append(say["report_software"])
    rows = tuple(
        (terminal, profile, figures.date(day), *([shop.software.get(terminal, "—")] if shop.software else []))
        for terminal, (profile, day) in sorted(shop.terminals.items())
    )
    if not rows:
        return []
    left = len(rows) - MOST_TERMINALS
    more = say["rows_more"].format(n=left) if left > 0 else ""
    return [Table(say["report_terminals"], tuple(columns), rows[:MOST_TERMINALS], more)]

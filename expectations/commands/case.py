"""`tillwatch case`: list cases, look at one, write down what was said, claim, close."""

import datetime as dt
import getpass
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from expectations.money import plain, total
from ingest.commands.options import config_option, json_option
from ingest.settings import Settings, load_settings

if TYPE_CHECKING:
    from expectations.cases.book import CaseBook
    from expectations.cases.record import CaseRecord
    from expectations.mail.catalogue import Locale

STATES = ("new", "told", "claimed", "promised", "recovered", "rejected", "closed")
COLUMNS = ("number", "state", "age", "risk", "claimed", "recovered", "act_by", "merchant", "rule")
NUMBERS = frozenset({"age", "risk", "claimed", "recovered"})


class Yuan(click.ParamType[int]):
    """An amount as people write it, ``368`` or ``1,286.00``; gives hundredths: fen, where it is of yuan."""

    name = "yuan"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Hundredths, or one line saying what an amount looks like."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"¥?(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d{1,2}))?", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not an amount in yuan; write it as 368.00", param, ctx)
        return int(found[1].replace(",", "")) * 100 + int((found[2] or "0").ljust(2, "0"))


by_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--by", help="Who writes this; the user of this computer by default."
)
locale_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--locale", type=click.Choice(["zh-CN", "en"]), help="Language of the words; the terminal's by default."
)


@click.group()
def case() -> None:
    """List cases, look at one, write down what was said, claim, close.

    CASE is the number that the mail shows: C-1121-0007, or 1121-0007. Amounts are yuan, or of the case's own currency.
    """


@case.command("ls")
@click.option("--state", type=click.Choice(STATES), help="Only cases in this state.")
@click.option("--merchant", metavar="M", help="Only this merchant's.")
@click.option("--all", "everything", is_flag=True, help="Also those that are only for review.")
@locale_option
@json_option
@config_option
def ls(
    *, state: str | None, merchant: str | None, everything: bool, locale: Any, as_json: bool, config: Path | None
) -> None:
    """List the cases, the oldest first."""
    settings, book = _book(config)
    found = book.cases(state=state, merchant=merchant, review=everything, whole=as_json)
    now = dt.datetime.now(dt.UTC)
    if as_json:
        for each in found:
            click.echo(json.dumps(each.as_dict(now), ensure_ascii=False))
    elif found:
        _table(found, settings, now, locale)
    click.echo(_total(found) if found else "no cases; `tillwatch check` opens them", err=True)


@case.command()
@click.argument("number", metavar="CASE")
@locale_option
@json_option
@config_option
def show(number: str, locale: Any, as_json: bool, config: Path | None) -> None:
    """Show one case: its findings and everything that was done about it."""
    settings, book = _book(config)
    _show(book.case(number), settings, locale, as_json=as_json)


@case.command()
@click.argument("number", metavar="CASE")
@click.argument("text")
@click.option("--with", "contact", required=True, help='Whom you spoke with and how: "acquirer, phone, clerk 8021".')
@click.option("--promised", type=Yuan(), help="They promised to pay back this much.")
@click.option("--refused", is_flag=True, help="They refused.")
@by_option
@locale_option
@json_option
@config_option
def log(
    *,
    number: str,
    text: str,
    contact: str,
    promised: int | None,
    refused: bool,
    by: str | None,
    locale: Any,
    as_json: bool,
    config: Path | None,
) -> None:
    """Write down whom you spoke with about CASE and what was said."""
    if promised is not None and refused:
        raise click.UsageError("--promised and --refused exclude each other")
    settings, book = _book(config)
    state: Any = "promised" if promised is not None else "rejected" if refused else None
    _show(
        book.contact(
            number, contact, text, by or getpass.getuser(), state=state, amount_fen=_minor(book, number, promised)
        ),
        settings,
        locale,
        as_json=as_json,
    )


@case.command()
@click.argument("number", metavar="CASE")
@click.argument("text")
@by_option
@locale_option
@json_option
@config_option
def note(*, number: str, text: str, by: str | None, locale: Any, as_json: bool, config: Path | None) -> None:
    """Write a remark into CASE."""
    settings, book = _book(config)
    _show(book.note(number, text, by or getpass.getuser()), settings, locale, as_json=as_json)


@case.command()
@click.argument("number", metavar="CASE")
@click.option(
    "--amount",
    type=Yuan(),
    help="How much; all that is at risk by default.",
)
@click.option("--text", default="", help="How and with whom.")
@by_option
@locale_option
@json_option
@config_option
def claim(
    *, number: str, amount: int | None, text: str, by: str | None, locale: Any, as_json: bool, config: Path | None
) -> None:
    """Note that the money of CASE was claimed back."""
    settings, book = _book(config)
    _show(
        book.claim(number, _minor(book, number, amount), text, by or getpass.getuser()),
        settings,
        locale,
        as_json=as_json,
    )


@case.command()
@click.argument("number", metavar="CASE")
@click.option("--text", required=True, help="Why it is closed.")
@click.option("--recovered", type=Yuan(), help="So much came back by a way that tillwatch does not see.")
@by_option
@locale_option
@json_option
@config_option
def close(
    *, number: str, text: str, recovered: int | None, by: str | None, locale: Any, as_json: bool, config: Path | None
) -> None:
    """Close CASE."""
    settings, book = _book(config)
    done = book.close(number, text, by or getpass.getuser(), recovered_fen=_minor(book, number, recovered))
    _show(done, settings, locale, as_json=as_json)


def _minor(book: "CaseBook", number: str, hundredths: int | None) -> int | None:
    """An amount in the case's own currency."""
    return None if hundredths is None else book.case(number).minor(hundredths)


def _book(config: Path | None) -> "tuple[Settings, CaseBook]":
    from expectations.cases.book import case_book

    settings = load_settings(config)
    return settings, case_book(settings)


def _table(found: "Sequence[CaseRecord]", settings: Settings, now: dt.datetime, locale: "Locale | None") -> None:
    from expectations.cases.wording import reader_locale, words
    from expectations.mail.catalogue import texts

    locale = locale or reader_locale()
    say, rules = words(locale), texts(locale).rules
    lines = [tuple(say["columns"][name] for name in COLUMNS)]
    lines += [
        (
            each.number,
            say["states"][each.state],
            str(each.age_days(now)),
            plain(each.amount_fen, each.currency),
            plain(each.claimed_fen, each.currency),
            plain(each.recovered_fen, each.currency),
            f"{each.act_by.astimezone(settings.zone):%Y-%m-%d %H:%M}" if each.act_by else "",
            each.merchant_id,
            rules[each.rule].title if each.rule in rules else each.rule,
        )
        for each in found
    ]
    widths = [max(_width(line[place]) for line in lines) for place in range(len(COLUMNS))]
    for line in lines:
        cells = (
            " " * (width - _width(cell)) + cell if name in NUMBERS else cell + " " * (width - _width(cell))
            for name, cell, width in zip(COLUMNS, line, widths, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _width(text: str) -> int:
    """Columns on a terminal; a Chinese character takes two."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _total(found: "Sequence[CaseRecord]") -> str:
    risk, back = total(each.at_risk for each in found), total(each.recovered for each in found)
    return f"{len(found)} cases, {risk} at risk, {back} recovered"


def _show(record: "CaseRecord", settings: Settings, locale: "Locale | None", *, as_json: bool) -> None:
    from expectations.cases.wording import entry_text, reader_locale, words

    now = dt.datetime.now(dt.UTC)
    if as_json:
        click.echo(json.dumps(record.as_dict(now), ensure_ascii=False))
        return
    locale = locale or reader_locale()
    _table([record], settings, now, locale)
    for each in record.findings:
        click.echo(f"  {each.finding_id[:8]}  {each.rule}  {each.certainty}  {each.at_risk}")
    kinds = words(locale)["kinds"]
    for entry in record.log:
        said = "  ".join(part for part in (entry.contact, entry_text(entry.kind, entry.text, locale)) if part)
        amount = "" if entry.amount_fen is None else f"  {plain(entry.amount_fen, record.currency)}"
        at = entry.at.astimezone(settings.zone)
        click.echo(f"  {at:%Y-%m-%d %H:%M:%S}  {kinds[entry.kind]}{amount}  [{entry.by}]  {said}".rstrip())

"""`tillwatch feedback`: what readers answered, what was learned from it, and taking either back."""

import getpass
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from expectations.cases.refusals import StepRefusedError
from expectations.commands.case import Yuan
from expectations.money import CNY, LETTERS, digits, letters, plain
from ingest.commands.options import config_option, json_option
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings

if TYPE_CHECKING:
    from expectations.feedback.record import Feedback

by_option = click.option("--by", help="Who does this; the user of this computer by default.")
merchant_option = click.option("--merchant", metavar="M", help="Only this merchant's.")


class Currency(click.ParamType[str]):
    """A currency as people write it, ``JPY`` or ``392``; gives its ISO 4217 number."""

    name = "currency"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The number, or one line that lists what is known."""
        numbers = {"CNY": CNY} | {name: number for number, name in LETTERS.items()}
        said = str(value).strip().upper()
        if re.fullmatch(r"[0-9]{3}", said):
            return said
        if said not in numbers:
            self.fail(f"{value!r} is not a currency; one of {', '.join(sorted(numbers))}, or its number", param, ctx)
        return numbers[said]


@click.group()
def feedback() -> None:
    """Look at readers' answers and at what they taught; take either back.

    Answers come from the buttons of mails, from the page of cases and from `tillwatch alert ack CASE`.
    """


@feedback.command("ls")
@merchant_option
@click.option("--all", "everything", is_flag=True, help="Also answers that were taken back.")
@click.option("--by-rule", is_flag=True, help="How right each rule was by these answers, instead of the answers.")
@json_option
@config_option
def ls(*, merchant: str | None, everything: bool, by_rule: bool, as_json: bool, config: Path | None) -> None:
    """List answers, the oldest first, and how right each rule was by those that stand.

    A rule was right at a case that was confirmed, wrong at one that was two purchases; other answers say neither.
    """
    from expectations.feedback.precision import precision

    settings, answers = _feedback(config)
    found = answers.answers(merchant, standing=not everything)
    for rule in precision(found):
        if by_rule and as_json:
            click.echo(json.dumps(rule.as_dict(), ensure_ascii=False))
        else:
            others = f", {rule.others} others" if rule.others else ""
            click.echo(f"{rule.rule}: confirmed {rule.said}{others}", err=not by_rule)
    for each in () if by_rule else found:
        if as_json:
            click.echo(json.dumps(each.as_dict(), ensure_ascii=False))
            continue
        price = "" if each.price_fen is None else f"  {plain(each.price_fen, each.price_currency or CNY)}"
        back = f"  (taken back by {each.withdrawn_by})" if each.withdrawn_at else ""
        at = each.at.astimezone(settings.zone)
        click.echo(
            f"{at:%Y-%m-%d %H:%M}  {each.number}  {each.answer:<13}  {each.rule}{price}  [{each.by}]{back}".rstrip()
        )
    counts = Counter(each.answer for each in found if each.withdrawn_at is None)
    said = ", ".join(f"{count} {answer}" for answer, count in sorted(counts.items()))
    click.echo(said or "no answers yet", err=True)


@feedback.command()
@click.argument("number", metavar="CASE")
@by_option
@config_option
def undo(number: str, by: str | None, config: Path | None) -> None:
    """Take the answer to CASE back: the case is open again, and the answer teaches nothing."""
    _, answers = _feedback(config)
    record = answers.withdraw(number, by or getpass.getuser())
    click.echo(f"{record.number} {record.state}")


@feedback.command()
@merchant_option
@json_option
@config_option
def prices(merchant: str | None, as_json: bool, config: Path | None) -> None:
    """List the price points that answers taught: amounts a card may well pay twice.

    Three answers "two purchases" on one amount at one merchant make one; the rule dup_card_amount_window then
    takes that amount for one of the merchant's common prices.
    """
    settings, answers = _feedback(config)
    found = answers.prices(merchant)
    for each in found:
        if as_json:
            click.echo(json.dumps(each.as_dict(), ensure_ascii=False))
            continue
        since = each.since.astimezone(settings.zone)
        price = plain(each.amount_fen, each.currency)
        click.echo(f"{each.merchant_id}  {price:>12}  since {since:%Y-%m-%d}  by {', '.join(each.cases)}")
    click.echo(f"{len(found)} price points" if found else "no price points", err=True)


@feedback.command()
@click.argument("merchant", metavar="MERCHANT")
@click.argument("amount", type=Yuan())
@click.option(
    "--currency",
    type=Currency(),
    help="Of AMOUNT: three letters or the ISO 4217 number; needed where AMOUNT is a price point in several.",
)
@by_option
@config_option
def forget(merchant: str, amount: int, currency: str | None, by: str | None, config: Path | None) -> None:
    """Take the price point AMOUNT of MERCHANT back; the answers until now teach it no more."""
    _, answers = _feedback(config)
    written = [
        each for each in answers.prices(merchant) if each.amount_fen * 100 == amount * 10 ** digits(each.currency)
    ]
    meant = [each for each in written if currency in {None, each.currency}]
    if len(meant) > 1:
        several = ", ".join(plain(each.amount_fen, each.currency) for each in meant)
        raise UsageError(
            f"merchant {merchant} has several such price points: {several}", hint="say which with --currency"
        )
    if not meant:
        named = f"{plain(amount)} {letters(currency)}" if currency not in {None, CNY} else plain(amount)
        raise StepRefusedError("no_price", amount=named, merchant=merchant)
    (point,) = meant
    answers.forget(merchant, point.amount_fen, point.currency, by or getpass.getuser())
    click.echo(
        f"{merchant} {plain(point.amount_fen, point.currency)} forgotten; `tillwatch check` judges by it from now on"
    )


def _feedback(config: Path | None) -> "tuple[Settings, Feedback]":
    from expectations.feedback.record import feedback_of

    settings = load_settings(config)
    return settings, feedback_of(settings)

"""`tillwatch feedback`: what readers answered, what was learned from it, and taking either back."""

import getpass
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from expectations.commands.case import Yuan
from expectations.money import CNY, digits, plain
from ingest.commands.options import config_option, json_option
from ingest.settings import Settings, load_settings

if TYPE_CHECKING:
    from expectations.feedback.record import Feedback

by_option = click.option("--by", help="Who does this; the user of this computer by default.")
merchant_option = click.option("--merchant", metavar="M", help="Only this merchant's.")


@click.group()
def feedback() -> None:
    """Look at readers' answers and at what they taught; take either back.

    Answers come from the buttons of mails, from the page of cases and from `tillwatch alert ack CASE`.
    """


@feedback.command("ls")
@merchant_option
@click.option("--all", "everything", is_flag=True, help="Also answers that were taken back.")
@json_option
@config_option
def ls(*, merchant: str | None, everything: bool, as_json: bool, config: Path | None) -> None:
    """List answers, the oldest first."""
    settings, answers = _feedback(config)
    found = answers.answers(merchant, standing=not everything)
    for each in found:
        if as_json:
            click.echo(json.dumps(each.as_dict(), ensure_ascii=False))
            continue
        price = "" if each.price_fen is None else f"  {plain(each.price_fen)}"
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
@by_option
@config_option
def forget(merchant: str, amount: int, by: str | None, config: Path | None) -> None:
    """Take the price point AMOUNT of MERCHANT back; the answers until now teach it no more."""
    _, answers = _feedback(config)
    points = answers.prices(merchant)
    meant = [each for each in points if each.amount_fen * 100 == amount * 10 ** digits(each.currency)]
    minor, currency = (meant[0].amount_fen, meant[0].currency) if meant else (amount, CNY)
    answers.forget(merchant, minor, by or getpass.getuser())
    click.echo(f"{merchant} {plain(minor, currency)} forgotten; `tillwatch check` judges by it from now on")


def _feedback(config: Path | None) -> "tuple[Settings, Feedback]":
    from expectations.feedback.record import feedback_of

    settings = load_settings(config)
    return settings, feedback_of(settings)

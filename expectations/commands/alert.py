"""`tillwatch alert`: look at the mails, send them, say what became of a finding."""

import datetime as dt
import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.commands.options import config_option, json_option
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings

if TYPE_CHECKING:
    from expectations.mail.send import SendResult

SHORTEST = 4
"""Letters of an id that are enough to name it."""
FOLDER = Path("var/preview")
MOMENTS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")

at_option = click.option(
    "--at", type=click.DateTime(MOMENTS), help="Decide as of this moment, in the shop's zone; now by default."
)
merchant_option = click.option("--merchant", metavar="M", help="Only this merchant's mails.")


@click.group()
def alert() -> None:
    """Preview, send and acknowledge the alert mails."""


@alert.command()
@config_option
@at_option
@merchant_option
@click.option("--locale", type=click.Choice(["zh-CN", "en"]), help="This language, whatever the routes say.")
@click.option("--open", "open_it", is_flag=True, help="Open the newest as HTML in the browser.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where the mails are written.",
)
@json_option
def preview(
    *,
    config: Path | None,
    at: dt.datetime | None,
    merchant: str | None,
    locale: Any,
    open_it: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write the mails that are due as .eml, .html and .txt; send nothing.

    When all has been told already, each merchant's last day is shown once more.
    """
    from expectations.mail.preview import previews, write_preview

    settings = load_settings(config)
    found = previews(settings, _moment(at, settings), locale=locale, merchant=merchant)
    if not found:
        click.echo("tillwatch: no findings that a mail would tell; `tillwatch check` looks for them", err=True)
        return
    if found[0].told_already:
        click.echo("tillwatch: nothing is due; this is what was told of the last day", err=True)
    for each in found:
        paths = write_preview(each, output)
        if as_json:
            facts = {"alert_id": each.alert.alert_id, "subject": str(each.message["Subject"])}
            click.echo(json.dumps(facts | {kind: str(path) for kind, path in paths.items()}, ensure_ascii=False))
        else:
            click.echo(f"{each.message['Subject']}\n  to {', '.join(each.alert.recipients)}")
            for path in paths.values():
                click.echo(f"  {path}")
    if open_it:
        import webbrowser

        if not webbrowser.open(paths["html"].absolute().as_uri()):
            click.echo("tillwatch: no browser here; open the .html yourself", err=True)


@alert.command()
@config_option
@at_option
@merchant_option
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and note nothing.")
@json_option
def send(config: Path | None, at: dt.datetime | None, merchant: str | None, dry_run: bool, as_json: bool) -> None:
    """Send every mail that is due.

    A mail that cannot be handed over stays unsent and is due again next time.

    Exit status: 0 all sent, 3 something could not be sent or nobody is named to tell.
    """
    from expectations.mail.send import send_alerts

    settings = load_settings(config)
    result = send_alerts(settings, _moment(at, settings), merchant=merchant, dry_run=dry_run)
    for outcome in result.outcomes:
        if as_json:
            click.echo(json.dumps(outcome.as_dict(), ensure_ascii=False))
        else:
            click.echo(f"{outcome.state:<9} {', '.join(outcome.recipients)}  {outcome.subject}")
    _say_problems(result)
    if not result.outcomes and not result.problems:
        click.echo("tillwatch: nothing is due", err=True)
    if result.problems:
        raise SystemExit(3)


@alert.command()
@config_option
@click.argument("finding")
@click.option(
    "--label",
    required=True,
    type=click.Choice(["confirmed", "two-purchases", "done"]),
    help="confirmed: it is as the mail says; two-purchases: it is not a duplicate; done: it is settled.",
)
@click.option("--by", help="Who says so; the user of this computer by default.")
def ack(config: Path | None, finding: str, label: Any, by: str | None) -> None:
    """Say what became of FINDING: its id, the beginning of it, or a mail's case number.

    A case number stands for all findings of its case, and the case hears of it. After two-purchases and done a
    finding is not told again.
    """
    from expectations.feedback.record import feedback_of
    from expectations.mail.ledger import Ledger
    from expectations.mail.send import known_findings
    from ingest.tables import Lake

    settings = load_settings(config)
    by = by or getpass.getuser()
    if finding.upper().startswith("C-"):
        record = feedback_of(settings).answer(finding, label, by)
        for each in sorted(record.findings, key=lambda each: each.finding_id):
            click.echo(f"{each.finding_id} {label}")
        return
    lake = Lake.of(settings.lake)
    known = known_findings(lake)
    matching: set[str] = set()
    if len(finding) >= SHORTEST:
        matching = {each.finding_id for each in known if each.finding_id.startswith(finding.lower())}
        if len(matching) > 1:
            raise UsageError(f"{len(matching)} findings begin with {finding}", hint="give more of the id")
    if not matching:
        raise UsageError(f"no finding is called {finding}", hint="`tillwatch findings` lists them")
    for finding_id in sorted(matching):
        Ledger(lake).acknowledge(finding_id, label, by)
        click.echo(f"{finding_id} {label}")


def _moment(at: dt.datetime | None, settings: Settings) -> dt.datetime:
    """The decision moment: as given, in the shop's zone, or now."""
    return dt.datetime.now(dt.UTC) if at is None else at.replace(tzinfo=settings.zone)


def _say_problems(result: "SendResult") -> None:
    for what, hint in result.problems:
        click.echo(f"tillwatch: {what}", err=True)
        if hint:
            click.echo(f"  try: {hint}", err=True)

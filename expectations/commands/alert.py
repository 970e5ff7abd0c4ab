"""`tillwatch alert`: look at the mails, send them, see who hears of what, say what became of a finding."""

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
    from expectations.mail.outcome import SendResult
    from expectations.mail.status import Status

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
@click.option("--at-once", is_flag=True, help="Also what waits for its hour or its next try, and what was given up.")
@json_option
def send(
    *, config: Path | None, at: dt.datetime | None, merchant: str | None, dry_run: bool, at_once: bool, as_json: bool
) -> None:
    """Send every mail whose time has come; docs/alerts.md says when that is.

    A mail that cannot be handed over stays unsent and is tried again, later each time.

    Exit status: 0 all sent, 3 something could not be sent or nobody is named to tell.
    """
    from expectations.mail.send import send_alerts

    settings = load_settings(config)
    result = send_alerts(settings, _moment(at, settings), merchant=merchant, dry_run=dry_run, at_once=at_once)
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
@at_option
@json_option
def status(config: Path | None, at: dt.datetime | None, as_json: bool) -> None:
    """Show what was sent in seven days, what was not and why, what waits, and the budget.

    Exit status: 0 everybody has theirs, 1 something is unsent or was given up.
    """
    from expectations.mail.status import status as status_of

    settings = load_settings(config)
    found = status_of(settings, _moment(at, settings))
    if as_json:
        for each in found.as_dicts():
            click.echo(json.dumps(each, ensure_ascii=False))
    else:
        _show_status(found, settings)
    if not found.is_well:
        raise SystemExit(1)


@alert.command()
@config_option
@at_option
@click.argument("finding")
@json_option
def explain(config: Path | None, at: dt.datetime | None, finding: str, as_json: bool) -> None:
    """Show who hears of FINDING, by which route, and when; FINDING as for `ack`.

    Every route is held against its case; all that match count, not only the first.
    """
    from expectations.mail.explain import explain as explanation_of
    from expectations.mail.explain import silence
    from expectations.mail.ledger import Ledger
    from expectations.mail.world import look
    from ingest.tables import Lake

    settings = load_settings(config)
    lake = Lake.of(settings.lake)
    named = sorted(_named(finding, settings))
    world = look(settings, lake, Ledger(lake), _moment(at, settings))
    found = next((each for name in named if (each := explanation_of(world, name))), None)
    if found is None:
        why, hint = silence(world, named)
        raise UsageError(f"{finding}: {why}", hint=hint)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
        return
    lead = found.case.lead
    click.echo(f"{found.case.number or lead.finding_id}  {lead.rule}  {lead.severity} {lead.certainty}")
    if not found.found:
        click.echo("no check finds it any more; the case is open, and reminders go on")
    for route in found.routes:
        click.echo(f"{'no ' if route.against else 'yes'}  {route.name} ({route.route.role})  {route.against}".rstrip())
    for reader in found.readers:
        said = [f"told {_local(reader.told_at, settings)}"] if reader.told_at else []
        said += [f"leaves {_local(reader.leaves_at, settings)}"] if reader.leaves_at else []
        click.echo(
            f"{reader.address}  {reader.locale}  by {reader.route}  {'; '.join([*said, reader.remark])}".rstrip(" ;")
        )


@alert.command()
@config_option
@click.argument("finding")
@click.option(
    "--label",
    required=True,
    type=click.Choice(["confirmed", "two-purchases", "done", "notice", "complain"]),
    help="confirmed: it is as the mail says; two-purchases: it is not a duplicate; done: it is settled; "
    "notice: the new charge was announced; complain: it is claimed back.",
)
@click.option("--by", help="Who says so; the user of this computer by default.")
def ack(config: Path | None, finding: str, label: Any, by: str | None) -> None:
    """Say what became of FINDING: its id, the beginning of it, or a mail's case number.

    A case number stands for all findings of its case, and the case hears of it. After two-purchases, done and
    notice a finding is not told again.
    """
    from expectations.feedback.record import feedback_of
    from expectations.mail.ledger import Ledger
    from ingest.tables import Lake

    settings = load_settings(config)
    by = by or getpass.getuser()
    if finding.upper().startswith("C-"):
        record = feedback_of(settings).answer(finding, label, by)
        for each in sorted(record.findings, key=lambda each: each.finding_id):
            click.echo(f"{each.finding_id} {label}")
        return
    for finding_id in sorted(_named(finding, settings)):
        Ledger(Lake.of(settings.lake)).acknowledge(finding_id, label, by)
        click.echo(f"{finding_id} {label}")


def _named(finding: str, settings: Settings) -> set[str]:
    """The findings that an id, the beginning of one, or a case number stands for.

    Raises:
        UsageError: nothing is called so, or several begin so.
    """
    from expectations.cases.book import case_book
    from expectations.mail.world import known_findings
    from ingest.tables import Lake

    matching: set[str] = set()
    if finding.upper().startswith("C-"):
        matching = {each.finding_id for each in case_book(settings).case(finding).findings}
    if not matching and len(finding) >= SHORTEST:
        known = known_findings(Lake.of(settings.lake))
        matching = {each.finding_id for each in known if each.finding_id.startswith(finding.lower())}
        if len(matching) > 1:
            raise UsageError(f"{len(matching)} findings begin with {finding}", hint="give more of the id")
    if not matching:
        raise UsageError(f"no finding is called {finding}", hint="`tillwatch findings` lists them")
    return matching


def _show_status(found: "Status", settings: Settings) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.sent.items()))
    click.echo(f"sent in 7 days    {kinds or 'none'}")
    for each in found.unsent:
        again = f"  again {_local(dt.datetime.fromisoformat(each['try_again']), settings)}" if each["try_again"] else ""
        click.echo(f"{each['state']:<9} {', '.join(each['to'])}  {each['subject']}  {each['error'] or ''}{again}")
    for held in found.plan.held:
        click.echo(f"held      {held.address}  {len(held.finding_ids)} findings  until {_local(held.until, settings)}")
    click.echo(f"due now           {len(found.plan.mails)}")
    click.echo(f"next decision     {_local(found.plan.next_at, settings) if found.plan.next_at else 'nothing waits'}")
    spent = found.budget
    median = "no merchant" if spent.median_mails is None else f"{spent.median_mails:g} mails a merchant and week"
    acted = "no P1 mail" if spent.acted is None else f"{spent.p1_acted} of {spent.p1_mails} P1 mails acted on"
    click.echo(f"budget            {median} (at most 1.5), {acted} (at least 70 %)")


def _local(at: dt.datetime, settings: Settings) -> str:
    return f"{at.astimezone(settings.zone):%Y-%m-%d %H:%M}"


def _moment(at: dt.datetime | None, settings: Settings) -> dt.datetime:
    """The decision moment: as given, in the shop's zone, or now."""
    return dt.datetime.now(dt.UTC) if at is None else at.replace(tzinfo=settings.zone)


def _say_problems(result: "SendResult") -> None:
    for what, hint in result.problems:
        click.echo(f"tillwatch: {what}", err=True)
        if hint:
            click.echo(f"  try: {hint}", err=True)

"""``tillwatch findings``: list what checks have found."""

import datetime as dt
from pathlib import Path

import click

from expectations.commands import listing
from ingest.commands.options import config_option, json_option
from ingest.errors import UsageError
from ingest.settings import load_settings


@click.command()
@listing.from_option
@listing.to_option
@json_option
@config_option
def findings(start: dt.date | None, end: dt.date | None, as_json: bool, config: Path | None) -> None:
    """List the findings that `tillwatch check` has written.

    Exit status: 0, whatever the list holds.
    """
    if start and end and end < start:
        raise UsageError(f"--to {end} is before --from {start}", hint="give the earlier day to --from")
    settings = load_settings(config)
    from expectations.findings import read_findings

    found = read_findings(settings, start, end)
    listing.echo(found, settings.zone, as_json=as_json)
    click.echo(f"{len(found)} findings" if found else "no findings stored; `tillwatch check` looks for them", err=True)

"""``tillwatch lake``: the tables in good order."""

import datetime as dt
import json
from pathlib import Path

import click

from ingest.commands.options import config_option, json_option
from ingest.settings import load_settings


@click.group()
def lake() -> None:
    """Keep the tables in good order."""


@lake.command("maintain")
@click.option("--dry-run", is_flag=True, help="Say which days would go; change nothing.")
@config_option
@json_option
def maintain_(*, dry_run: bool, config: Path | None, as_json: bool) -> None:
    """Put small files together, let old days go ([lake.keep_days]), remove files that nothing lists.

    Days that a finding or a case stands on stay. Safe beside everything else, and safe to run again.

    Exit status: 0 done, 3 could not run.
    """
    settings = load_settings(config)
    from expectations.maintenance import maintain

    changed = False
    for each in maintain(settings, dt.datetime.now(settings.zone).date(), dry_run=dry_run):
        changed = changed or each.is_changed
        if as_json:
            told = {"table": each.table, "compacted": each.compacted, "swept": each.swept}
            click.echo(json.dumps(told | {"dropped": [day.isoformat() for day in each.dropped]}))
        elif each.is_changed:
            gone = f"{len(each.dropped)} days, {each.dropped[0]} to {each.dropped[-1]}" if each.dropped else "no day"
            verb = "would let go" if dry_run else "let go"
            click.echo(
                f"{each.table}: {each.compacted} files put together, {each.swept} removed, {verb} {gone}", err=True
            )
    if not as_json and not changed:
        click.echo("nothing to do", err=True)

"""`tillwatch evidence`: make the pack of a case, and prove one."""

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ingest.commands.options import config_option, json_option
from ingest.settings import load_settings


@click.group()
def evidence() -> None:
    """Make and verify evidence packs."""


@evidence.command()
@click.argument("number", metavar="CASE")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder, or a file ending in .zip; evidence-CASE.zip by default. Never overwritten.",
)
@click.option(
    "--locale", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True, help="Language of the labels."
)
@json_option
@config_option
def make(number: str, output: Path | None, locale: Any, as_json: bool, config: Path | None) -> None:
    """Write the evidence pack of CASE: PDF, table, complaint, manifest.

    Nothing in it shows more of a card than its first six and last four digits. It shows operator numbers: whoever runs
    this reads spool and lake. The page of cases leaves them out for finance.
    """
    from expectations.cases.book import case_book
    from expectations.evidence.pack import make_pack

    settings = load_settings(config)
    record = case_book(settings).case(number)
    target = output or Path(f"evidence-{record.number}.zip")
    made = make_pack(record, settings, target, locale=locale, now=dt.datetime.now(dt.UTC), operators=True)
    if as_json:
        facts = asdict(made) | {"path": str(made.path), "too_large_to_mail": made.too_large_to_mail}
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo(f"{made.path}")
    click.echo(f"{made.size:,} bytes; rests on {made.ranges} raw records and {made.rows} rows", err=True)
    if made.too_large_to_mail:
        where = f": {settings.app.url}/cases/{record.number}/pack.zip" if settings.app.url else ""
        click.echo(f"tillwatch: over 5 MB: mailboxes refuse it, hand it over by a link{where}", err=True)


@evidence.command()
@click.argument("pack", type=click.Path(exists=True, path_type=Path))
@json_option
@config_option
def verify(pack: Path, as_json: bool, config: Path | None) -> None:
    """Prove PACK against itself, the spool and the lake.

    Records that the spool has cleared away are proven by the lake's rows of the same frames.

    Exit status: 0 every byte is as it was, 1 something was changed, or cannot be proven here (what, where, and what to
    do), 3 not a pack.
    """
    from expectations.evidence.verify import verify_pack

    result = verify_pack(pack, load_settings(config))
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    else:
        for each in result.problems:
            click.echo(each)
    said = f"{result.files} files, {result.ranges} raw records ({result.in_spool} in the spool), {result.rows} rows"
    counts = {"changed": len(result.problems) - result.unproven, "cannot be proven here": result.unproven}
    verdict = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "every byte is as it was"
    click.echo(f"{result.case}: {said}: {verdict}", err=True)
    for each in result.notes:
        click.echo(f"tillwatch: {each}", err=True)
    raise SystemExit(1 if result.problems else 0)

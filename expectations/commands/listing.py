"""Findings as people and programs read them: a plain table, or the contract's JSON lines."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import click

from expectations.findings import Finding

HEADINGS = (
    "finding",
    "severity",
    "certainty",
    "rule",
    "when",
    "terminal",
    "batch",
    "trace",
    "amount at risk",
    "act by",
)
SHOWN = 8
"""Letters of a finding's id that are shown; `tillwatch alert ack` takes them."""


class Day(click.ParamType[dt.date]):
    """A business day, ``YYYY-MM-DD``."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """The day, or one line saying what a day looks like."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day; write it as 2026-11-21", param, ctx)


from_option = click.option("--from", "start", type=Day(), help="First business day; the first there is by default.")
to_option = click.option("--to", "end", type=Day(), help="Last business day, included; the last there is by default.")


def echo(found: Sequence[Finding], zone: ZoneInfo, *, as_json: bool) -> None:
    """Print findings on stdout, one a line."""
    if as_json:
        for each in found:
            click.echo(each.to_json())
        return
    if not found:
        return
    lines = [HEADINGS, *(_cells(each, zone) for each in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        cells = (
            cell.rjust(width) if heading == "amount at risk" else cell.ljust(width)
            for heading, cell, width in zip(HEADINGS, line, widths, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _cells(found: Finding, zone: ZoneInfo) -> tuple[str, ...]:
    accused = found.subjects[0]
    when = next((each.event_at for each in found.subjects if each.event_at), None)
    return (
        found.finding_id[:SHOWN],
        found.severity,
        found.certainty,
        found.rule,
        f"{when.astimezone(zone):%Y-%m-%d %H:%M:%S}" if when else f"{found.business_date}",
        found.terminal_id,
        f"{accused.batch_no:06d}" if accused.batch_no is not None else "",
        f"{accused.stan:06d}" if accused.stan is not None else "",
        str(found.at_risk),
        f"{found.act_by.astimezone(zone):%Y-%m-%d %H:%M}" if found.act_by else "",
    )

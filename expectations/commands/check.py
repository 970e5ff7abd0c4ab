"""``tillwatch check``: run every rule and write the findings."""

import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from expectations.commands import listing
from ingest.commands.options import config_option, engine_option, json_option
from ingest.settings import load_settings

if TYPE_CHECKING:
    from expectations.run import CheckResult
    from ingest.agreements import Deposit


@click.command()
@listing.from_option
@listing.to_option
@engine_option
@json_option
@config_option
def check(start: dt.date | None, end: dt.date | None, engine: str | None, as_json: bool, config: Path | None) -> None:
    """Run every rule over these business days and write the findings.

    Findings go to stdout, the summary to stderr; the Data Docs are built beside the lake.

    Exit status: 0 nothing found, 1 findings, 3 a rule could not run (it is named;
    all others ran, and their findings are written).
    """
    settings = load_settings(config, {"engine": {"check": engine}} if engine else {})
    from expectations.run import check as run

    with _shown() as progress:
        result = run(settings, start=start, end=end, progress=progress)
    listing.echo(result.findings, settings.zone, as_json=as_json)
    for line in [*_summary(result, settings.deposits), *_beyond(result, start, end)]:
        click.echo(line, err=True)
    if result.could_not_run:
        raise SystemExit(3)
    raise SystemExit(1 if result.findings else 0)


def _summary(result: "CheckResult", deposits: "list[Deposit]") -> list[str]:
    if result.data_docs is None:
        return [*_nothing(result), *_calendar(result, deposits)]
    days = f"{result.first_day}" if result.first_day == result.last_day else f"{result.first_day} to {result.last_day}"
    found = Counter(each.severity for each in result.findings)
    kinds = ", ".join(f"{found[severity]} {severity}" for severity in sorted(found)) or "nothing wrong"
    rules = len(result.rules_run)
    lines = [
        f"{days}: {result.attempts:,} attempts, {rules} rules, {len(result.findings)} findings: {kinds}",
        *(
            f"  data quality: {each.table}: {each.broken:,} of {each.judged:,} rows: {each.says}"
            for each in result.quality
        ),
        *_unverifiable(result),
        *_misfits(result),
        *_calendar(result, deposits),
        *(f"tillwatch: {each.name} could not run: {each.reason}" for each in result.could_not_run),
    ]
    if result.could_not_run:
        lines.append("  try: tillwatch check again; if it stays, report the line above")
    return [*lines, f"data docs: {result.data_docs}"]


def _unverifiable(result: "CheckResult") -> list[str]:
    """What cannot be judged and was not said before, by what it wants; `coverage` keeps it merchant by merchant."""
    from expectations.vocabulary import NEEDS

    rules: dict[str, set[str]] = {}
    for each in result.unverifiable:
        rules.setdefault(each.needs, set()).add(each.rule)
    return [
        f"  unverifiable without {meaning}: {', '.join(sorted(rules[code]))} (said once; table coverage)"
        for code, meaning in NEEDS.items()
        if code in rules
    ]


def _misfits(result: "CheckResult") -> list[str]:
    from expectations.misfits import said

    return [f"  {each}" for each in said(list(result.misfits))]


def _calendar(result: "CheckResult", deposits: "list[Deposit]") -> list[str]:
    from expectations.calendar import notices

    days = [each for each in (result.first_day, result.last_day) if each is not None]
    return [f"  {each}" for each in notices(max(days), deposits)] if days else []


def _nothing(result: "CheckResult") -> list[str]:
    """Why nothing was judged: there is no record at all, or none of the days that were asked for."""
    if result.recorded is None:
        return ["tillwatch: nothing to check: the tables hold no record of any day", "  try: tillwatch land"]
    first, last = result.recorded
    return [
        f"tillwatch: nothing to check: no attempt on these days; there are records of {first} to {last}",
        "  try: give --from and --to days among those, or tillwatch land",
    ]


def _beyond(result: "CheckResult", start: dt.date | None, end: dt.date | None) -> list[str]:
    """Days that were asked for and of which there is no record: none of them was acquitted."""
    if result.data_docs is None or result.recorded is None:
        return []
    first, last = result.recorded
    told = [f"--from {start}: records begin on {first}"] if start is not None and start < first else []
    told += [f"--to {end}: records end on {last}"] if end is not None and end > last else []
    return [f"  {each}; of days without records nothing was judged" for each in told]


@contextmanager
def _shown() -> Iterator[Callable[[str], None]]:
    """The step under way, on stderr, while somebody is looking."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status("checking") as status:
        yield lambda step: status.update(f"checking: {step}")

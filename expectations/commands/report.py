"""``tillwatch report``: a week or a month of every shop, or one, as a page."""

import json
from pathlib import Path
from typing import Any

import click

from ingest.commands.options import config_option, json_option
from ingest.errors import UsageError
from ingest.settings import load_settings


@click.command()
@config_option
@click.option("--month", metavar="YYYY-MM", help="This month: 2026-11.")
@click.option("--week", metavar="YYYY-Www", help="This week, from Monday to Sunday: 2026-W47.")
@click.option("--merchant", metavar="M", help="Only this merchant.")
@click.option(
    "--locale", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True, help="Language of the page."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The page; report-<period>.html by default."
)
@json_option
def report(
    *,
    config: Path | None,
    month: str | None,
    week: str | None,
    merchant: str | None,
    locale: Any,
    output: Path | None,
    as_json: bool,
) -> None:
    """Write a week or a month as one HTML file: takings, what was found and is back, fees, deposits, completeness.

    The file fetches nothing from anywhere. With --json the figures, a line each merchant, instead of the page.
    """
    from expectations.reports.page import page, period_figures
    from expectations.reports.period import named

    if (month is None) == (week is None):
        raise UsageError("give --month or --week", hint="tillwatch report --month 2026-11")
    period = named(month, "monthly") if month else named(str(week), "weekly")
    settings = load_settings(config)
    shops = period_figures(settings, period, merchant)
    if not shops:
        whose = f"merchant {merchant}" if merchant else "any merchant"
        raise UsageError(
            f"{period.start} to {period.end}: no records of {whose}", hint="`tillwatch land` brings them in"
        )
    if as_json:
        for shop in shops.values():
            click.echo(json.dumps(shop.as_dict(), ensure_ascii=False))
        return
    path = output or Path(f"report-{month or week}.html")
    from ingest.permissions import write_private

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, page(shops, period, locale, settings).encode())
    except OSError as wrong:
        raise UsageError(f"{path}: cannot be written: {wrong.strerror}", hint="name another file with -o") from None
    click.echo(str(path))

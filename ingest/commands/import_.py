"""``tillwatch import statement``: an acquirer's file into the lake."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingest.commands.options import config_option, json_option
from ingest.settings import load_settings

if TYPE_CHECKING:
    from ingest.statements.importing import Imported


@click.group("import")
def import_() -> None:
    """Take in what others say happened: acquirers' statements, payouts, profit files."""


@import_.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--acquirer", required=True, help="Whose statement it is; a name of [[acquirers]] or any other.")
@click.option("--layout", help="A built-in layout or the path of your own TOML; the acquirer's name by default.")
@config_option
@json_option
def statement(files: tuple[Path, ...], acquirer: str, layout: str | None, config: Path | None, as_json: bool) -> None:
    """Read an acquirer's FILE (CSV or XLSX) into statement_lines, payouts or profit_lines.

    A file is taken whole or not at all; the same file again changes nothing.

    Exit status: 0 imported, 2 usage, 3 a file is not what its layout says.
    """
    from ingest.statements.importing import import_statement
    from ingest.statements.layout import load_layout

    settings = load_settings(config)
    read_as = load_layout(layout or acquirer)
    for file in files:
        _say(str(file), import_statement(settings, file, acquirer, read_as), as_json=as_json)


def _say(file: str, done: "Imported", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": file} | asdict(done), ensure_ascii=False, default=str))
        return
    days = f"{done.first_date} to {done.last_date}" if done.first_date else "no day"
    state = "imported" if done.is_new else "was imported before, nothing changed"
    click.echo(
        f"{file}: {state}: {done.lines} lines of {done.kind}, {days}, "
        f"¥{done.total_amount_fen / 100:,.2f}, fees ¥{done.total_fee_fen / 100:,.2f}"
        + ("; it has no closing row, so nothing says that it is whole" if done.closed is False else ""),
        err=True,
    )


@import_.command()
@config_option
@json_option
def folders(config: Path | None, as_json: bool) -> None:
    """Import what lies in the folders and prefixes of [[statements]]; beside a wrong file *.rejected.txt says why.

    Exit status: 0 all in, 2 usage, 3 a file was refused, or a store cannot be reached.
    """
    from ingest.errors import StatementError
    from ingest.statements.watched import import_watched

    settings = load_settings(config)
    if not settings.statements:
        click.echo("nothing is watched; name a folder or a prefix with [[statements]] in the configuration", err=True)
    new = old = 0
    refused: list[str] = []
    for taken in import_watched(settings):
        if taken.imported is None:
            refused.append(taken.refused)
            click.echo(f"tillwatch: {taken.refused}; see {taken.path}.rejected.txt", err=True)
        elif taken.imported.is_new:
            new += 1
            _say(taken.path, taken.imported, as_json=as_json)
        else:
            old += 1
    click.echo(f"{new} files imported, {old} were in already, {len(refused)} refused", err=True)
    if refused:
        raise StatementError(
            f"{len(refused)} files were refused", hint="read the *.rejected.txt beside each; mend it, or its layout"
        )

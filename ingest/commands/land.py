"""``tillwatch land``: sealed segments into the tables."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ingest.commands.options import config_option, engine_option, json_option
from ingest.deriving import Progress
from ingest.errors import KeyFileError
from ingest.keys import load_keys
from ingest.landing import LandResult
from ingest.landing import land as land_segments
from ingest.settings import Settings, load_settings

_QUERY = "SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
_LOOK = """python -c 'import duckdb; from ingest.tables import Lake; \
t = Lake("{uri}").read("transactions"); print(duckdb.sql("SELECT txn_type, stan, amount_fen, outcome FROM t"))'"""


@click.command()
@click.option(
    "--from", "source", metavar="URL", help="Segments there too: s3://bucket/prefix; lake.take_from by default."
)
@engine_option
@config_option
@json_option
def land(config: Path | None, source: str | None, engine: str | None, *, as_json: bool) -> None:
    """Move sealed segments into the tables. Safe to run again, and twice at once.

    Segments of the spool, and of the object storage that collectors ship to.

    Exit status: 0 landed, 1 landed with a damaged segment, 3 could not run.
    """
    flags = {"lake": {"take_from": source} if source else {}, "engine": {"land": engine} if engine else {}}
    settings = load_settings(config, flags)
    with _bar() as progress:
        result = land_segments(settings, progress)
    for told in result.clocks:
        click.echo(f"tillwatch: {told}", err=True)
    for damage in result.damaged:
        click.echo(f"tillwatch: {damage}", err=True)
    if result.damaged:
        click.echo(
            "  try: `tillwatch spool verify`; what could be read has landed, the gap is in `rejects`; "
            "of a sound copy put in its place the rest lands",
            err=True,
        )
    click.echo(_summary(result), err=True)
    for key_id, count in sorted(_strange(settings, result).items()):
        click.echo(
            f"{count} segments are of key {key_id}, which this machine has not: "
            "they have landed, and their cards match no card of another key",
            err=True,
        )
    if not settings.spool.directory.is_dir() and settings.lake.take_from is None:
        click.echo(f"there is no spool at {settings.spool.directory} yet", err=True)
        click.echo("  try: check spool.directory; `tillwatch collect` and `replay` make it", err=True)
    if as_json:
        click.echo(json.dumps({**result.counts, "duration": round(result.duration, 3)}))
    elif result.changed and settings.lake.key is None and settings.lake.key_service is None:
        if settings.lake.is_bucket:
            click.echo(f"look: {_LOOK.format(uri=settings.lake.uri)}", err=True)
        else:
            query = _QUERY.format(folder=Path(settings.lake.uri) / "transactions")
            click.echo(f'look: duckdb -c "{query}"', err=True)
    if result.damaged:
        raise SystemExit(1)


def _strange(settings: Settings, result: LandResult) -> dict[str, int]:
    """Segments by keys that this machine has not, where it has any."""
    try:
        own = load_keys(settings.keys.pan_token)
    except KeyFileError:
        return {}
    return {key_id: count for key_id, count in result.keys.items() if key_id and own.of(key_id) is None}


def _summary(result: LandResult) -> str:
    if not result.changed:
        return "nothing new"
    came = f"{result.segments} segments with {result.frames} frames landed"
    stand = ", ".join(f"{count} {name}" for name, count in result.rows.items())
    return f"{came}; the days concerned now have {stand or 'no rows'} ({result.duration:.1f} s)"


@contextlib.contextmanager
def _bar() -> Iterator[Progress | None]:
    """A progress bar on stderr when somebody is looking."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield tell
        bars.refresh()

"""``tillwatch keys``: which keys there are, a new one for new data, the end of an old one."""

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import click

from ingest.commands.options import config_option, json_option
from ingest.encryption import master_key_of
from ingest.errors import KeyFileError, LakeError, SpoolError, UsageError
from ingest.lake import Lake
from ingest.ownership import owner_of
from ingest.rotation import destroy as destroy_key
from ingest.rotation import key_files
from ingest.rotation import rotate as rotate_key
from ingest.segment import HEADER_SIZE, decode_header
from ingest.segments import NAME
from ingest.settings import Settings, load_settings
from ingest.tables import TABLES

lake_option = click.option("--lake", "of_lake", is_flag=True, help="The key of the tables' files, not of card tokens.")


@click.group()
def keys() -> None:
    """List, rotate and destroy the keys of card tokens, and with --lake those of the tables' files."""


@keys.command("ls")
@lake_option
@config_option
@json_option
def list_(of_lake: bool, config: Path | None, as_json: bool) -> None:
    """List the keys: id, state, since when the file is there, segments (or the tables' files) that need it.

    Keys that are needed and not at hand are listed too, with the state missing.
    """
    settings = load_settings(config)
    used, what = _needed(settings, of_lake=of_lake)
    rows: list[dict[str, object]] = []
    for state, file, each in key_files(_key_file(settings, of_lake=of_lake)):
        since = dt.datetime.fromtimestamp(file.stat().st_mtime, settings.zone)
        facts = {"key_id": each.key_id, "state": state, "since": since.isoformat(timespec="seconds")}
        rows.append({**facts, what: used.pop(each.key_id, 0), "file": str(file)})
    rows += [
        {"key_id": key_id, "state": "missing", "since": None, what: count, "file": None}
        for key_id, count in sorted(used.items())
    ]
    for row in rows:
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            words = (
                row["key_id"],
                row["state"],
                row["since"] or "-",
                f"{row[what]} {what}",
                row["file"] or "-",
            )
            click.echo("  ".join(str(word) for word in words))


@keys.command()
@lake_option
@config_option
def rotate(of_lake: bool, config: Path | None) -> None:
    """Put the current key aside and make a new one for new data.

    A running collector goes on with the old key until it is started again. Tokens of the two keys never match:
    rules compare cards of the two times by first six and last four digits.
    """
    settings = load_settings(config)
    new = rotate_key(_key_file(settings, of_lake=of_lake))
    click.echo(f"key {new.key_id} is the current one; the keys before it are kept for reading", err=True)
    owner = owner_of(settings.spool.directory)
    if owner is not None and not of_lake:
        click.echo(f"  try: start the collector again (process {owner}): it uses the old key until then", err=True)
    click.echo(new.key_id)


@keys.command()
@click.argument("key_id")
@click.option(
    "--even-so",
    is_flag=True,
    help="Although segments in the spool carry it (their order is unproven then), or files of the lake (nobody can "
    "read them then).",
)
@lake_option
@config_option
def destroy(key_id: str, even_so: bool, of_lake: bool, config: Path | None) -> None:
    """Overwrite and remove the retired key KEY_ID: from then on nobody can tell whose cards its tokens are.

    Copies of the file elsewhere, backups and snapshots are yours to destroy.
    """
    settings = load_settings(config)
    count = _needed(settings, of_lake=of_lake)[0][key_id]
    if count and of_lake and not even_so:
        raise KeyFileError(
            f"{key_id}: {count} files of the lake could no more be read",
            hint="move their tables aside and run `tillwatch land`, which writes them anew with the current key, "
            "or say --even-so",
        )
    if count and not even_so:
        raise KeyFileError(
            f"{key_id}: {count} segments in the spool were written with it and could no more be verified",
            hint="land and prune them first (`tillwatch spool prune`), or say --even-so",
        )
    file = destroy_key(_key_file(settings, of_lake=of_lake), key_id)
    click.echo(f"{file} is destroyed; destroy its copies and backups too", err=True)


def _key_file(settings: Settings, *, of_lake: bool) -> Path:
    if not of_lake:
        return settings.keys.pan_token
    if settings.lake.key is None:
        raise UsageError("lake.key names no key file: the tables are not encrypted", hint="see docs/security.md")
    return settings.lake.key


def _needed(settings: Settings, *, of_lake: bool) -> tuple[Counter[str], str]:
    """How many segments or files need each key, and what they are."""
    if not of_lake:
        return _segments_by_key(settings.spool.directory), "segments"
    used: Counter[str] = Counter()
    place = Lake(settings.lake.uri).place
    for table in TABLES:
        for file in place.found(table):
            if not file.path.endswith(".parquet"):
                continue
            try:
                with place.filesystem.open_input_file(place.inside(table, file.path)) as opened:
                    needed = master_key_of(opened)
            except OSError as wrong:
                told = f"{place.at(table, file.path)}: cannot be read: {wrong.strerror or wrong}"
                raise LakeError(told, hint="check the file's owner") from None
            used.update([needed] if needed is not None else [])
    return used, "files"


def _segments_by_key(directory: Path) -> Counter[str]:
    used: Counter[str] = Counter()
    if not directory.is_dir():
        return used
    try:
        for path in directory.iterdir():
            if NAME.fullmatch(path.name):
                with path.open("rb") as file:
                    head = file.read(HEADER_SIZE)
                try:
                    used[decode_header(head).key_id] += 1
                except ValueError:  # `spool verify` names a damaged header
                    continue
    except OSError as wrong:
        raise SpoolError(
            f"{wrong.filename}: cannot be read: {wrong.strerror}", hint="run it as the user of the collector"
        ) from None
    return used

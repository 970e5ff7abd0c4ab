"""``tillwatch keys``: which keys there are, a new one for new data, the end of an old one."""

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import click

from ingest.commands.options import config_option, json_option
from ingest.errors import KeyFileError, SpoolError
from ingest.ownership import owner_of
from ingest.rotation import destroy as destroy_key
from ingest.rotation import key_files
from ingest.rotation import rotate as rotate_key
from ingest.segment import HEADER_SIZE, decode_header
from ingest.segments import NAME
from ingest.settings import load_settings


@click.group()
def keys() -> None:
    """List, rotate and destroy the keys of card tokens."""


@keys.command("ls")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """List the keys: id, state, since when the file is there, segments of the spool that carry its id.

    Segments of keys that are not at hand are listed too, with the state missing.
    """
    settings = load_settings(config)
    used = _segments_by_key(settings.spool.directory)
    rows: list[dict[str, object]] = []
    for state, file, each in key_files(settings.keys.pan_token):
        since = dt.datetime.fromtimestamp(file.stat().st_mtime, settings.zone)
        facts = {"key_id": each.key_id, "state": state, "since": since.isoformat(timespec="seconds")}
        rows.append({**facts, "segments": used.pop(each.key_id, 0), "file": str(file)})
    rows += [
        {"key_id": key_id, "state": "missing", "since": None, "segments": count, "file": None}
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
                f"{row['segments']} segments",
                row["file"] or "-",
            )
            click.echo("  ".join(str(word) for word in words))


@keys.command()
@config_option
def rotate(config: Path | None) -> None:
    """Put the current key aside and make a new one for new data.

    A running collector goes on with the old key until it is started again. Tokens of the two keys never match:
    rules compare cards of the two times by first six and last four digits.
    """
    settings = load_settings(config)
    new = rotate_key(settings.keys.pan_token)
    click.echo(f"key {new.key_id} is the current one; the keys before it are kept for reading", err=True)
    owner = owner_of(settings.spool.directory)
    if owner is not None:
        click.echo(f"  try: start the collector again (process {owner}): it uses the old key until then", err=True)
    click.echo(new.key_id)


@keys.command()
@click.argument("key_id")
@click.option("--even-so", is_flag=True, help="Although segments in the spool carry it: their order is unproven then.")
@config_option
def destroy(key_id: str, even_so: bool, config: Path | None) -> None:
    """Overwrite and remove the retired key KEY_ID: from then on nobody can tell whose cards its tokens are.

    Copies of the file elsewhere, backups and snapshots are yours to destroy.
    """
    settings = load_settings(config)
    count = _segments_by_key(settings.spool.directory)[key_id]
    if count and not even_so:
        raise KeyFileError(
            f"{key_id}: {count} segments in the spool were written with it and could no more be verified",
            hint="land and prune them first (`tillwatch spool prune`), or say --even-so",
        )
    file = destroy_key(settings.keys.pan_token, key_id)
    click.echo(f"{file} is destroyed; destroy its copies and backups too", err=True)


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

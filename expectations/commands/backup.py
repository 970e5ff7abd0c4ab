"""``tillwatch backup`` and ``tillwatch restore``."""

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingest.commands.options import config_option, json_option
from ingest.settings import load_settings

if TYPE_CHECKING:
    from expectations.backup import Contents


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--verify", "only_verify", is_flag=True, help="Make none: read this one and compare each file's hash.")
@config_option
@json_option
def backup(folder: Path, *, only_verify: bool, config: Path | None, as_json: bool) -> None:
    """Copy spool, tables and cases into FOLDER as they stand together, each file with its hash.

    Everything goes on meanwhile. Keys are not in it: copy their files to another place.

    Exit status: 0 done, 3 could not run.
    """
    from expectations.backup import back_up, verified

    if only_verify:
        _say(verified(folder), folder, "holds", as_json=as_json)
        return
    settings = load_settings(config)
    made = back_up(settings, folder, dt.datetime.now(dt.UTC), _tell)
    _say(made, folder, "made:", as_json=as_json)
    keys = [str(each) for each in (settings.keys.pan_token, settings.lake.key) if each is not None]
    click.echo(f"keys are not in it: copy {', '.join(keys)} to another place", err=True)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@config_option
@json_option
def restore(folder: Path, *, config: Path | None, as_json: bool) -> None:
    """Put the backup in FOLDER where the settings say; refused where anything is there already.

    Exit status: 0 done, 3 could not run.
    """
    settings = load_settings(config)
    from expectations.backup import restore as put_back

    _say(put_back(settings, folder, _tell), folder, "restored:", as_json=as_json)


def _tell(what: str) -> None:
    click.echo(f"{what} ...", err=True)


def _say(contents: "Contents", folder: Path, verb: str, *, as_json: bool) -> None:
    told = {
        "folder": str(folder),
        "made_at": contents.made_at,
        "spool": contents.count("spool"),
        "lake": contents.count("lake"),
        "bytes": contents.size,
    }
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(
            f"{folder} {verb} {told['spool']} files of the spool, {told['lake']} of the tables, and the cases, "
            f"as of {contents.made_at}",
            err=True,
        )

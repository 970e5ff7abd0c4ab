"""``tillwatch doctor``: can this machine collect, land and mail; and the one thing to do where it cannot."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from ingest.checkup import checkup
from ingest.commands.options import config_option, json_option
from ingest.keys import create_keys
from ingest.settings import load_settings


@click.command()
@click.option(
    "--create-keys",
    "make_keys",
    is_flag=True,
    help="Make the key files that are lacking first; an old one is never touched.",
)
@config_option
@json_option
def doctor(make_keys: bool, config: Path | None, as_json: bool) -> None:
    """Check Python, keys, spool, lake, devices, profiles, the mail server and Airflow.

    Exit status: 0 nothing failed (warnings are fine), 3 something did.
    """
    settings = load_settings(config)
    if make_keys:
        wanted = filter(None, (settings.keys.pan_token, settings.app.key, settings.lake.key))
        lacking = [file for file in wanted if not file.exists()]
        for file in lacking or [settings.keys.pan_token]:
            keys = create_keys(file)
            click.echo(f"made key {keys.key_id} in {file}; keep a copy in a safe place", err=True)
    states: Counter[str] = Counter()
    for check in checkup(settings):
        states[check.state] += 1
        if as_json:
            click.echo(json.dumps(asdict(check), ensure_ascii=False))
            continue
        click.echo(f"{check.state:<4}  {check.what}: {check.words}")
        if check.hint:
            click.echo(f"      try: {check.hint}")
    click.echo(f"{states['ok']} ok, {states['warn']} warnings, {states['fail']} failures", err=True)
    if states["fail"]:
        raise SystemExit(3)

"""``tillwatch doctor``: can this machine collect, land and mail; and the one thing to do where it cannot."""

import itertools
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from ingest.checkup import Check, checkup
from ingest.commands.options import config_option, json_option
from ingest.errors import UsageError
from ingest.keys import create_keys
from ingest.settings import Settings, load_settings


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
    """Check Python, keys, spool, lake, devices, profiles, rules' parameters, the mail server and Airflow.

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
    for check in itertools.chain(checkup(settings), [check_rules(settings)]):
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


def check_rules(settings: Settings) -> Check:
    """The rules' parameters are those of rules that there are, each of its kind."""
    from expectations.parameters import parameters

    try:
        given = parameters(settings)
    except UsageError as wrong:
        return Check("rules", "fail", wrong.message, wrong.hint)
    words = f"parameters of {len(given.everywhere)} rules for everybody"
    return Check("rules", "ok", f"{words}, of {len(given.by_merchant)} merchants apart")

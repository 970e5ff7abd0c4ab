"""The command line as a person or a script holds it."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ingest.cli import COMMANDS, SUMMARIES, cli

HEAVY = {"pyarrow", "pandas", "duckdb", "deltalake", "great_expectations", "airflow", "rich"}


def tillwatch(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("tillwatch")
    return subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_verb_loads_and_says_what_it_does(verb: str):
    """No verb of the list is missing, and each has a help text."""
    module, _, attribute = COMMANDS[verb].partition(":")
    command = getattr(importlib.import_module(module), attribute)

    assert isinstance(command, click.Command)
    assert command.name == verb
    assert command.help
    assert SUMMARIES[verb]
    assert CliRunner().invoke(cli, [verb, "--help"]).exit_code == 0


def test_help_imports_nothing_heavy():
    """Help and completion start at once because no table library is loaded for them."""
    code = (
        "import sys, ingest.cli; ingest.cli.cli.main(['--help'], standalone_mode=False); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert HEAVY.isdisjoint(done.stderr.split())


def test_a_users_mistake_is_a_line_and_a_hint_never_a_traceback(tmp_path: Path):
    """An unreadable configuration key ends with status 2."""
    (tmp_path / "tillwatch.toml").write_text('[lake]\nurl = "x"\n', "utf-8")

    done = tillwatch("config", "show", cwd=tmp_path)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "tillwatch: tillwatch.toml: unknown key lake.url",
        "  try: did you mean 'uri'? valid keys here: uri",
    ]


def test_an_unknown_verb_is_a_usage_error(tmp_path: Path):
    """Status 2 and the word that was not understood."""
    done = tillwatch("colect", cwd=tmp_path)

    assert done.returncode == 2
    assert "colect" in done.stderr


def test_config_show_says_where_a_value_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each value names its file, its variable or the default."""
    (tmp_path / "tillwatch.toml").write_text('[alerts]\nsender = "till@example.com"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILLWATCH_BUSINESS__CUTOFF", "22:00")

    shown = CliRunner().invoke(cli, ["config", "show", "--json"])

    origins = {row["key"]: (row["value"], row["origin"]) for row in map(json.loads, shown.stdout.splitlines())}
    assert origins["alerts.sender"] == ("till@example.com", "tillwatch.toml")
    assert origins["business.cutoff"] == ("22:00:00", "environment TILLWATCH_BUSINESS__CUTOFF")
    assert origins["business.zone"] == ("Asia/Shanghai", "default")
    assert origins["spool.directory"] == (str(tmp_path / "var/spool"), "default, beside tillwatch.toml")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str):
    """The script is for this program."""
    done = CliRunner().invoke(cli, ["completion", shell])

    assert done.exit_code == 0
    assert "tillwatch" in done.stdout
    assert "_TILLWATCH_COMPLETE" in done.stdout

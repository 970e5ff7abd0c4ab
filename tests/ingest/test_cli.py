"""The command line as a person or a script holds it."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
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


def every_command(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)


@pytest.mark.parametrize("words", sorted(every_command(cli)), ids=" ".join)
def test_help_is_words_without_marks_for_the_formatter(words: tuple[str, ...]):
    """What a formatter or a docstring needs to be told never reaches the reader."""
    shown = CliRunner().invoke(cli, [*words, "--help"])

    assert shown.exit_code == 0
    assert "\\" not in shown.stdout
    assert "noqa" not in shown.stdout


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
        "  try: did you mean 'uri'? valid keys here: keep_days, key, key_service, take_from, uri",
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


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path):
    """``| head -1`` ends with status 0 and without a word; 1 would say that something was found."""
    program = Path(sys.executable).with_name("tillwatch")
    with subprocess.Popen(
        [program, "config", "show"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()

    assert said == b""
    assert running.returncode == 0


def test_output_to_a_full_disk_is_one_line_and_status_3(tmp_path: Path):
    """What the system refuses is said in its words, without a traceback."""
    program = Path(sys.executable).with_name("tillwatch")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [program, "config", "show"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "tillwatch: No space left on device",
        "  try: free some space, or check what the output goes to",
    ]


def test_a_mistyped_verb_is_answered_with_the_one_meant(tmp_path: Path):
    """Status 2 and a suggestion."""
    done = tillwatch("aler", cwd=tmp_path)

    assert done.returncode == 2
    assert "Did you mean 'alert'?" in done.stderr

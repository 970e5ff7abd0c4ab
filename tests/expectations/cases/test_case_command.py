"""`tillwatch case`: what people and scripts see."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from expectations.cases.book import case_book
from expectations.cases.wording import words
from expectations.commands.case import case
from ingest.cli import main
from ingest.settings import load_settings
from tests.expectations.mail.conftest import example


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings whose database holds the example day's cases."""
    file = tmp_path / "tillwatch.toml"
    file.write_text('[lake]\nuri = "lake"\n[cases]\nurl = "sqlite:///book/cases.db"\n', "utf-8")
    case_book(load_settings(file)).open_cases(example())
    return file


def run(config: Path, *said: str) -> Result:
    """The command, without a shell."""
    return CliRunner().invoke(case, [*said, "--config", str(config)], catch_exceptions=False)


def test_a_relative_database_stands_beside_the_settings(config: Path):
    """sqlite:///book/cases.db starts at the file's own folder, wherever one stands."""
    assert (config.parent / "book" / "cases.db").is_file()


def test_the_list_is_short_and_in_the_readers_words(config: Path):
    """A line a case under its headings; what is only for review when asked for."""
    said = run(config, "ls", "--locale", "zh-CN").stdout.splitlines()
    assert said[0].startswith("案件号")
    assert len(said) == 4
    assert len(run(config, "ls", "--all", "--locale", "en").stdout.splitlines()) == 5
    assert any("新发现" in line and "368.00" in line for line in said)


def test_json_is_one_object_a_line(config: Path):
    """Amounts in fen, moments with their zone, findings and log within."""
    rows = [json.loads(row) for row in run(config, "ls", "--all", "--json").stdout.splitlines()]
    assert {row["state"] for row in rows} == {"new"}
    assert sum(row["amount_fen"] for row in rows) == 36800 + 2000 + 2800
    assert all(row["opened_at"].endswith("+00:00") and row["findings"] and row["log"] for row in rows)


def test_what_people_do_is_shown(config: Path):
    """Claimed, promised, noted and closed, each by one command, and all of it in the log."""
    number = next(n for n in ("C-1121-0001", "C-1121-0002", "C-1121-0003", "C-1121-0004")
                  if case_book(load_settings(config)).case(n).amount_fen == 36800)  # fmt: skip
    run(config, "claim", number, "--amount", "368", "--text", "form 12", "--by", "li")
    run(config, "log", number, "in 3 days", "--with", "acquirer, phone", "--promised", "368.00", "--by", "li")
    run(config, "note", number.removeprefix("C-").lower(), "customer called", "--by", "li")
    shown = run(config, "close", number, "--text", "on the account", "--recovered", "368.00", "--locale", "en")
    assert shown.exit_code == 0
    kinds = ("opened", "money claimed", "promised", "note", "money is back", "closed")
    places = [shown.stdout.rindex(f"  {kind}  ") for kind in kinds]
    assert places == sorted(places)
    facts = json.loads(run(config, "show", number, "--json").stdout)
    assert (facts["state"], facts["claimed_fen"], facts["recovered_fen"]) == ("closed", 36800, 36800)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (("show", "C-0101-0009"), "no case is called C-0101-0009"),
        (("claim", "C-1121-0001", "--amount", "a lot"), "'a lot' is not an amount in yuan; write it as 368.00"),
        (("log", "C-1121-0001", "x", "--with", "y", "--promised", "1", "--refused"), "exclude each other"),
        (("ls", "--state", "lost"), "'lost' is not one of"),
        (("note", "C-1121-0001", "card 6222021234567894"), "name its last four digits only"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(
    config: Path,
    said: tuple[str, ...],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    """What is wrong; never a traceback."""
    monkeypatch.setattr("sys.argv", ["tillwatch", "case", *said, "--config", str(config)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert line in capsys.readouterr().err


def test_a_password_in_the_url_is_refused(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    """It would stand in `tillwatch config` and in backups; the line does not repeat it."""
    config.write_text('[cases]\nurl = "postgresql://a:hunter2@db.example.com/x"\n', "utf-8")
    monkeypatch.setattr("sys.argv", ["tillwatch", "case", "ls", "--config", str(config)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "cases.password_file" in said
    assert "hunter2" not in said


def test_both_languages_have_the_same_words():
    """No group and no word that only one of them knows."""
    zh, en = words("zh-CN"), words("en")
    assert zh.keys() - {"complaint"} == en.keys()
    assert {group: set(zh[group]) for group in en} == {group: set(en[group]) for group in en}

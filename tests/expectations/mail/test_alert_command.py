"""`tillwatch alert`: what people and scripts see."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from expectations.cases.book import case_book
from expectations.commands.alert import alert
from expectations.mail.ledger import Ledger
from ingest.cli import main
from ingest.demo.mailbox import free_port
from ingest.settings import load_settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import DAY, SHOP, example, lost_reversal, retry
from tests.expectations.mail.postbox import Postbox, serving

AT = ("--at", "2026-11-21T21:18")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a lake that holds the example's findings, and a server that is down."""
    file = tmp_path / "tillwatch.toml"
    write(file, free_port())
    Lake(tmp_path / "lake").append("findings", [each.as_row() for each in example()], app_id="test")
    return file


def write(file: Path, port: int, routes: str = '[[alerts.routes]]\nto = ["a@example.com", "b@example.com"]\n') -> None:
    """The settings' file."""
    file.write_text(
        f'[lake]\nuri = "{file.parent / "lake"}"\n[alerts]\nsmtp = "smtp://127.0.0.1:{port}"\n{routes}'
        f'[[merchants]]\nid = "{SHOP}"\nname = "张记小馆"\n',
        "utf-8",
    )


def run(*words: str) -> Result:
    """The command, without a shell."""
    return CliRunner().invoke(alert, list(words), catch_exceptions=False)


def test_preview_writes_three_files_and_sends_nothing(config: Path, tmp_path: Path):
    """The mail, its HTML and its text, with their paths on stdout; the ledger stays empty."""
    result = run("preview", "--config", str(config), *AT, "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [file.suffix for file in files] == [".eml", ".html", ".txt"]
    assert all(str(file) in result.stdout for file in files)
    assert "【今日23:00前处理】" in result.stdout
    assert Lake(tmp_path / "lake").version("alerts") is None


def test_preview_in_another_language_as_json(config: Path, tmp_path: Path):
    """--locale wins over the routes; --json prints a line a mail."""
    result = run("preview", "--config", str(config), *AT, "--locale", "en", "--json", "-o", str(tmp_path / "out"))
    facts = json.loads(result.stdout)
    assert facts["subject"].startswith("[Act by 23:00 today] ")
    assert "Do not swipe again" in Path(facts["txt"]).read_text("utf-8")


def test_preview_needs_no_route(config: Path, tmp_path: Path):
    """Before anybody is named to tell, the mail can be looked at."""
    write(config, free_port(), routes="")
    result = run("preview", "--config", str(config), *AT, "-o", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_preview_opens_the_html(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """--open hands the .html to the browser."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    run("preview", "--config", str(config), *AT, "--open", "-o", str(tmp_path / "out"))
    assert len(opened) == 1
    assert opened[0].endswith(".html")


def test_preview_after_all_was_told_shows_the_last_day_again(config: Path, tmp_path: Path):
    """There is always something to look at; it is said that nothing is due."""
    with serving(Postbox()) as port:
        write(config, port)
        assert run("send", "--config", str(config), *AT).exit_code == 0
    result = run("preview", "--config", str(config), *AT, "-o", str(tmp_path / "out"))
    assert "nothing is due" in result.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_send_says_what_left_and_to_whom(config: Path):
    """One line a mail; a second call has nothing to send and is fine."""
    postbox = Postbox()
    with serving(postbox) as port:
        write(config, port)
        first = run("send", "--config", str(config), *AT)
        second = run("send", "--config", str(config), *AT)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout.startswith("sent      a@example.com, b@example.com  【今日23:00前处理】")
    assert second.stdout == ""
    assert "nothing is due" in second.stderr
    assert len(postbox.mails) == 1


def test_send_to_a_server_that_is_down(config: Path):
    """One line of what is wrong, one of what to do, status 3, and JSON for scripts."""
    result = run("send", "--config", str(config), *AT, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["state"] == "failed"
    said = result.stderr.splitlines()
    assert len(said) == 2
    assert said[0].startswith("tillwatch: 127.0.0.1:")
    assert said[0].endswith(": connection refused")
    assert said[1].startswith("  try: check alerts.smtp")


def test_send_without_a_route(config: Path):
    """Nobody to tell: the merchant is named, status 3."""
    write(config, free_port(), routes="")
    result = run("send", "--config", str(config), *AT)
    assert result.exit_code == 3
    assert f"merchant {SHOP}" in result.stderr
    assert "[[alerts.routes]]" in result.stderr


def test_send_dry_run(config: Path, tmp_path: Path):
    """Says what is due and leaves no trace."""
    result = run("send", "--config", str(config), *AT, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith("due ")
    assert Lake(tmp_path / "lake").version("alerts") is None


@pytest.mark.parametrize("name", ["whole", "beginning"])
def test_ack_by_id_or_its_beginning(config: Path, tmp_path: Path, name: str):
    """Whatever a person has at hand names the finding, and just that one."""
    whole = retry().finding_id
    result = run(
        "ack", "--config", str(config), whole if name == "whole" else whole[:8], "--label", "done", "--by", "li"
    )
    assert result.stdout == f"{whole} done\n"
    assert Ledger(Lake(tmp_path / "lake")).settled() == {whole}


def test_ack_by_case_number_settles_the_whole_case(config: Path, tmp_path: Path):
    """The number that a mail prints stands for all findings of its case."""
    book = case_book(load_settings(config))
    (number,) = book.open_cases([retry(), lost_reversal()]).opened
    assert run("ack", "--config", str(config), number, "--label", "two-purchases").exit_code == 0
    assert Ledger(Lake(tmp_path / "lake")).settled() == {retry().finding_id, lost_reversal().finding_id}


@pytest.mark.parametrize("words", [("ack", "ffffffff", "--label", "done"), ("ack", "e3", "--label", "done")])
def test_ack_of_nothing_is_a_usage_error(
    config: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """An id that is not there or says too little: one line, a hint, status 2."""
    monkeypatch.setattr("sys.argv", ["tillwatch", "alert", *words, "--config", str(config)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "no finding is called" in capsys.readouterr().err


def test_labels_are_the_answers(config: Path):
    """Another word is refused with the ones that are known."""
    result = run("ack", "--config", str(config), "abcd", "--label", "maybe")
    assert result.exit_code == 2
    assert "'confirmed', 'two-purchases', 'done', 'notice', 'complain'" in result.stderr


def test_status_lists_what_a_server_refused_for_good_and_at_once_tries_again(config: Path):
    """5xx: dead for that reader at once, status 1, not tried again by itself; --at-once does, and then all is well."""
    postbox = Postbox()
    postbox.rcpt = {"b@example.com": "550 5.1.1 no such mailbox"}
    with serving(postbox) as port:
        write(config, port)
        assert run("send", "--config", str(config), *AT).exit_code == 3
        assert run("send", "--config", str(config), *AT).exit_code == 0
        listed = run("status", "--config", str(config), *AT, "--json")
        assert listed.exit_code == 1
        lines = [json.loads(line) for line in listed.stdout.splitlines()]
        (unsent,) = (each for each in lines if each["what"] == "unsent")
        assert (unsent["state"], unsent["to"]) == ("dead", ["b@example.com"])
        assert unsent["error"] == "550 5.1.1 no such mailbox"
        postbox.rcpt = {}
        assert run("send", "--config", str(config), *AT, "--at-once").exit_code == 0
        assert run("status", "--config", str(config), *AT).exit_code == 0
    assert postbox.envelopes == [["a@example.com"], ["b@example.com"]]


def test_explain_says_by_which_route_and_when(config: Path):
    """The route that matched, and the moment at which the mail leaves."""
    result = run("explain", "--config", str(config), "--at", "2026-11-21T23:30", retry().finding_id[:8])
    assert result.exit_code == 0
    assert "yes  route 1 (finance)" in result.stdout
    assert "a@example.com  zh-CN  by route 1  leaves 2026-11-22 07:30" in result.stdout
    asked = run("explain", "--config", str(config), *AT, retry().finding_id[:8], "--json")
    assert json.loads(asked.stdout)["routes"][0] == {
        "route": "route 1", "role": "finance", "matches": True, "against": "",
    }  # fmt: skip


def test_explain_tells_what_no_check_finds_any_more_from_what_is_closed(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Gone and open, gone and never told, closed by an answer, closed in the book: four sentences."""
    book = case_book(load_settings(config))
    lake = Lake(tmp_path / "lake")

    def explained(*, json_too: bool = False) -> str:
        words = ["tillwatch", "alert", "explain", number, "--config", str(config), *AT]
        monkeypatch.setattr("sys.argv", [*words, "--json"] if json_too else words)
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        return said.out + said.err

    (number,) = book.open_cases([retry(), lost_reversal()]).opened
    assert "no check finds" not in explained()
    assert lake.replace("findings", [], partitions={"business_date": [DAY]}, app_id="forget", app_version=1)
    assert "no check finds it any more, and nobody was told of it" in explained()
    book.mark_told({retry().finding_id})
    assert "no check finds it any more; the case is open" in explained()
    assert json.loads(explained(json_too=True))["found"] is False
    book.close(number, "done", "li")
    assert "its case is over, and no check finds it any more" in explained()
    Ledger(lake).acknowledge(retry().finding_id, "done", "li")
    assert "a person has closed it" in explained()


def test_at_night_nothing_leaves_unless_asked_to(config: Path):
    """23:30: the void window is over and the shop sleeps; --at-once sends all the same."""
    postbox = Postbox()
    with serving(postbox) as port:
        write(config, port)
        night = ("--at", "2026-11-21T23:30")
        assert "nothing is due" in run("send", "--config", str(config), *night).stderr
        assert run("send", "--config", str(config), *night, "--at-once").exit_code == 0
    assert len(postbox.mails) == 1

"""How right a rule was: shares with their counts, by hand."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from expectations.commands.feedback import feedback
from expectations.feedback.precision import Precision, precision
from expectations.feedback.record import feedback_of
from ingest.settings import load_settings
from tests.expectations.app.scene import CASE, scene_at


def test_a_share_stands_with_its_count_and_is_rounded_down():
    """2 of 3 are 66 %, 199 of 200 are 99 %; of nothing there is no share."""
    assert Precision("r", 2, 1, 4).said == "66% (2/3)"
    assert Precision("r", 199, 1, 0).percent == 99
    assert Precision("r", 3, 0, 0).said == "100% (3/3)"
    assert (Precision("r", 0, 0, 2).percent, Precision("r", 0, 0, 2).said) == (None, "—")


def test_answers_become_the_precision_of_their_rule(tmp_path: Path):
    """The command says it, as text and as objects; what is taken back counts for nothing."""
    answers = feedback_of(scene_at(tmp_path))
    answers.answer(CASE, "confirmed", "li")
    others = [each for each in _numbers(tmp_path) if each != CASE]
    answers.answer(others[0], "two-purchases", "li")
    answers.answer(others[1], "done", "li")
    said = {each.rule: each for each in precision(answers.answers())}
    assert sum(each.confirmed for each in said.values()) == 1
    assert sum(each.two_purchases for each in said.values()) == 1
    assert sum(each.others for each in said.values()) == 1
    rule = next(each.rule for each in said.values() if each.confirmed)
    assert f"{rule}: confirmed {said[rule].said}" in _run(tmp_path, "ls").stderr
    listed = [json.loads(line) for line in _run(tmp_path, "ls", "--by-rule", "--json").stdout.splitlines()]
    assert listed == [each.as_dict() for each in said.values()]
    assert [line.split(":")[0] for line in _run(tmp_path, "ls", "--by-rule").stdout.splitlines()] == list(said)
    answers.withdraw(CASE, "li")
    assert sum(each.confirmed for each in precision(answers.answers())) == 0


def _numbers(root: Path) -> list[str]:
    from expectations.cases.book import case_book

    return [each.number for each in case_book(load_settings(root / "tillwatch.toml")).cases()]


def _run(root: Path, *words: str) -> Result:
    done = CliRunner().invoke(feedback, [*words, "--config", str(root / "tillwatch.toml")])
    assert done.exit_code == 0, done.output
    return done

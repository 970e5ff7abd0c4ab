"""The rule of docs/adding-a-rule.md, taken from the document and judged on the document's own scenes."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from expectations.laws import NotAbove
from expectations.rules import RULES
from expectations.rules.declaration import Parameter, Rule
from expectations.rules.document import document
from tests.expectations.shopdays import Till
from tests.expectations.stage import Stage

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/adding-a-rule.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
DECLARATION, SCENES = (text for language, text in BLOCKS if language == "python")
(SQL,) = (text for language, text in BLOCKS if language == "sql")


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Rule:
    """The document's rule among the others, with the document's view."""
    rule: Rule = eval(DECLARATION, {"Rule": Rule, "Parameter": Parameter, "NotAbove": NotAbove})  # noqa: S307
    own = Rule.sql.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(Rule, "sql", property(lambda self: SQL if self.id == rule.id else own(self)))
    monkeypatch.setitem(RULES, rule.id, rule)
    return rule


def test_the_documents_rule_finds_what_its_scenes_say(declared: Rule):
    """The fault is found under the grade that the document gives it, and nothing that looks like it."""
    stage = Stage("2999")
    exec(SCENES, {"stage": stage, "Till": Till})  # noqa: S102

    said = {scene.name: stage.said(scene) for scene in stage}

    assert said == {scene.name: scene.expected for scene in stage}
    assert [name for name, found in said.items() if found] == ["a_large_sale_at_three"]
    assert f"expectations/rules/{declared.id}.sql" in DOCUMENT


def test_the_documents_view_is_what_the_law_looks_at(declared: Rule):
    """The manual can be written with it, and the evidence that its texts say is a column of the view."""
    catalogues = [list(read_po(io.StringIO(text)))[1:] for language, text in BLOCKS if language == "po"]
    evidence = set(re.findall(r"\{e_(\w+)\}", str([message.string for each in catalogues for message in each])))

    assert declared.says in document()
    assert evidence == {"made_at_hour"}
    assert all(f"AS {column}" in SQL for column in (*evidence, declared.law.column))
    assert {message.context for each in catalogues for message in each} == {f"rules.{declared.id}"}
    ids = ["title", "why.1", "why.2", "act", "steps.1", "steps.2"]
    assert [[message.id for message in each] for each in catalogues] == [ids] * 2

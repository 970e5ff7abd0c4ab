"""What which reader sees: cases by role and merchant, operators' numbers for those who may know them."""

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from expectations.app.desk import visitor_of
from expectations.app.people import ABOUT_OPERATORS, Grant, Visitor, grants_of
from expectations.app.server import create_app
from expectations.cases.record import CaseRecord
from expectations.commands.evidence import evidence
from ingest.app_settings import Person
from ingest.settings import Settings
from tests.expectations.app.conftest import URL
from tests.expectations.app.scene import CASE, NOW, scene_at, with_app
from tests.expectations.evidence.evidenceshop import SHOP
from tests.expectations.mail.conftest import SHOP as OTHER_SHOP

OPERATOR = "077"


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The scene with an operator's number in both sales, read only."""
    return with_app(scene_at(tmp_path_factory.mktemp("operated"), operator=OPERATOR), url=URL)


def dossier_of(pack: bytes) -> str:
    """What a reader can copy out of a pack's PDF."""
    import pypdfium2

    document = pypdfium2.PdfDocument(zipfile.ZipFile(io.BytesIO(pack)).read("evidence.pdf"))
    return " ".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.parametrize(("role", "shown"), [("finance", False), ("operations", True)])
def test_finance_gets_no_operator_number(operated: Settings, role: Any, shown: bool):
    """Neither on the page nor in the pack's dossier: not as a field, not as bytes; operations get both."""
    app = create_app(operated, now=lambda: NOW)
    app.dependency_overrides[visitor_of] = lambda: Visitor("li", (Grant(role, (SHOP,)),))
    with TestClient(app, base_url=URL) as client:
        html = client.get(f"/cases/{CASE}?lang=en").text
        content = client.get(f"/cases/{CASE}/pack.zip?lang=en").content
    for text in (re.sub(r"<[^>]+>", " ", html), dossier_of(content)):
        said = " ".join(text.split())
        assert (f"Operator {OPERATOR} {OPERATOR}" in said) is shown
        assert (OPERATOR.encode().hex(" ") in said) is shown


def test_the_command_packs_operator_numbers(operated: Settings, tmp_path: Path):
    """Whoever runs it reads spool and lake anyway."""
    pack, config = tmp_path / "pack.zip", Path(operated.lake.uri).parent / "tillwatch.toml"
    words = ["make", CASE, "-o", str(pack), "--locale", "en", "--config", str(config)]
    assert CliRunner().invoke(evidence, words, catch_exceptions=False).exit_code == 0
    assert f"Operator {OPERATOR} {OPERATOR}" in " ".join(dossier_of(pack.read_bytes()).split())


def record(rule: str = "retry_after_unknown", merchant: str = SHOP, *, deadline: bool = True) -> CaseRecord:
    """A case as a role looks at it."""
    return CaseRecord(
        number=CASE, merchant_id=merchant, business_date=NOW.date(), state="new", stands=True, rule=rule, amount_fen=1,
        claimed_fen=0, recovered_fen=0, act_by=NOW if deadline else None, opened_at=NOW, changed_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "seen"),
    [("finance", [True, True, False]), ("manager", [True, False, True]), ("operations", [True, True, True])],
)
def test_who_sees_which_cases(role: Any, seen: list[bool]):
    """A deadline today; a fee without one; an operator's habit. Another merchant's: nobody."""
    visitor = Visitor("li", (Grant(role, (SHOP,)),))
    rule = min(ABOUT_OPERATORS)
    cases = [record(), record("fee_rate_step_change", deadline=False), record(rule, deadline=False)]
    assert [visitor.sees(each) for each in cases] == seen
    assert not any(visitor.sees(replace(each, merchant_id=OTHER_SHOP)) for each in cases)
    rights = {right for right in ("claim", "close", "pack", "operators", "overview") if visitor.may(right, SHOP)}
    wanted = {"finance": {"claim", "close", "pack"}, "manager": {"operators"}}
    assert rights == wanted.get(role, {"claim", "close", "pack", "operators", "overview"})


def test_grants_add_up():
    """By address whatever its letters, or by group; nobody is granted anything by not being named."""
    people = [
        Person(who=["Li@Example.com"], role="finance", merchants=[SHOP]),
        Person(who=["shop-managers"], role="manager", merchants=[OTHER_SHOP]),
    ]
    both = grants_of("li@example.com", ["shop-managers"], people)
    assert [(each.role, each.merchants) for each in both] == [("finance", (SHOP,)), ("manager", (OTHER_SHOP,))]
    assert grants_of("wang@example.com", ["Shop-Managers"], people) == ()
    assert grants_of("", [""], people) == ()

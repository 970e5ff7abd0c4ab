"""What which reader sees: cases by role and merchant, operators' numbers for those who may know them."""

import datetime as dt
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from expectations.app.desk import visitor_of
from expectations.app.people import Grant, Visitor, grants_of
from expectations.app.server import create_app
from expectations.cases.record import CaseRecord
from expectations.commands.evidence import evidence
from expectations.evidence.enclosing import Enclosing
from expectations.mail.cases import case_of
from expectations.mail.catalogue import behaviours
from expectations.mail.decide import Known, decide
from expectations.mail.roles import about_agents, about_operators
from expectations.mail.routes import NO_FACTS, may_have_evidence, readers_of_case
from expectations.rules import RULES
from ingest.alerting import Role, Route
from ingest.app_settings import Person
from ingest.settings import Settings
from tests.expectations.app.conftest import URL
from tests.expectations.app.scene import CASE, NOW, scene_at, with_app
from tests.expectations.evidence.evidenceshop import SHOP
from tests.expectations.mail.conftest import SHOP as OTHER_SHOP
from tests.expectations.mail.conftest import finding, subject

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
    habit = record("void_operator_outlier", deadline=False)
    cases = [record(), record("fee_rate_step_change", deadline=False), habit]
    assert [visitor.sees(each) for each in cases] == seen
    assert not any(visitor.sees(replace(each, merchant_id=OTHER_SHOP)) for each in cases)
    rights = {right for right in ("claim", "close", "pack", "operators", "overview") if visitor.may(right, SHOP)}
    wanted = {"finance": {"claim", "close", "pack"}, "manager": {"operators"}}
    assert rights == wanted.get(role, {"claim", "close", "pack", "operators", "overview"})


OPERATORS = {"void_operator_outlier", "refund_supervisor_missing", "operator_refund_concentration"}
ROUTES = [Route(to=[f"{role}@example.com"], role=role) for role in get_args(Role)]


def test_whose_rules_are_about_operators_and_agents():
    """Those whose key is an operator; the agent's profit file."""
    by_key = {rule.id for rule in RULES.values() if "operator_no" in rule.keys}
    assert {name for name in behaviours() if about_operators(name)} == OPERATORS == by_key
    assert {name for name in behaviours() if about_agents(name)} == {"agent_profit_mismatch"}


@pytest.mark.parametrize("rule", sorted(behaviours()))
@pytest.mark.parametrize("role", get_args(Role))
def test_a_case_is_mailed_to_whom_the_page_shows_it(role: Any, rule: str):
    """Finance: all but operators and agents; the manager: operators, and deadlines; the agent: its share, and it has no
    page; operations see all and are mailed none. Who may not load the evidence gets none by mail.
    """
    for act_by in (None, NOW + dt.timedelta(minutes=50)):
        one = finding(rule, subject("SALE", 1, "10:00:00", 100), act_by=act_by)
        case = case_of([one], NOW, {})
        mailed = f"{role}@example.com" in {who for _, who in readers_of_case(case, ROUTES)}
        wanted = {
            "finance": rule not in OPERATORS | {"agent_profit_mismatch"},
            "manager": rule in OPERATORS or (act_by is not None and rule != "agent_profit_mismatch"),
            "agent": rule == "agent_profit_mismatch",
            "operations": False,
        }
        assert mailed is wanted[role]
        evidence = may_have_evidence(OTHER_SHOP, [f"{role}@example.com"], ROUTES, NO_FACTS)
        assert evidence is (role in {"finance", "operations"})
        if role == "agent":
            continue
        visitor = Visitor("li", (Grant(role, (OTHER_SHOP,)),))
        seen = replace(record(rule, OTHER_SHOP), act_by=act_by, findings=(one,))
        assert visitor.sees(seen) is (mailed or role == "operations")
        assert visitor.may("pack", OTHER_SHOP) is evidence


def test_where_no_route_names_a_manager_finance_hears_of_operators():
    """Rather the owner than nobody; of an agent's share it never hears."""
    finance = [Route(to=["owner@example.com"]), Route(to=["m@example.com"], role="manager", merchants=["7*"])]
    for rule, told in [("refund_supervisor_missing", True), ("agent_profit_mismatch", False)]:
        case = case_of([finding(rule, subject("REFUND", 1, "10:00:00", 100))], NOW, {})
        assert bool(readers_of_case(case, finance)) is told


def test_a_manager_gets_a_mail_of_their_own_without_evidence(operated: Settings):
    """The same case in two mails: finance's may enclose the dossier, the manager's not even a link to it."""
    one = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), act_by=NOW + dt.timedelta(minutes=50))
    routes = [each for each in ROUTES if each.role in {"finance", "manager"}]
    alerts = decide([one], routes, NOW, Known(numbers={one.finding_id: CASE})).alerts
    ways = {each.recipients: Enclosing(operated).of(each).way for each in alerts}
    assert ways == {("finance@example.com",): "whole", ("manager@example.com",): "none"}


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

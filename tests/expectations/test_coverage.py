"""What cannot be judged: fields that a line never carries, parameters, other data; said once, and nobody is accused."""

import datetime as dt
from pathlib import Path

import pytest

from expectations import run
from expectations.coverage import KEYS, Blind, store
from expectations.findings import Finding
from expectations.lifecycle import link
from expectations.parameters import Parameters
from expectations.rules import RULES
from expectations.vocabulary import NEEDS
from ingest.settings import Settings
from ingest.storage import LakeSettings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import MERCHANT, Till, tables
from tests.expectations.wholeshops import faulty_shop

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 12, 31)
COLUMNS = {"batch": ("batch_no",), "card": ("card_token", "pan_masked")}
"""Where a key has another name in the tables."""


def judged_without(*columns: str) -> tuple[list[Finding], list[Blind]]:
    """The faulty shop as lines would tell it that never carry these columns."""
    tills = faulty_shop()
    for till in tills:
        for rows in (till.attempts, till.settlements, till.events):
            for row in rows:
                row.update({column: None for column in columns if column in row})
    out = run.judge(tables(*tills), SHOP, FIRST, LAST, bench=PlainBench())
    assert out.could_not_run == []
    return out.findings, out.blind


def test_lines_without_any_key_accuse_nobody():
    """Terminal, merchant, batch, number, card, references: with all of them gone nothing is PROVEN or PROBABLE."""
    keys = [name for key in KEYS for name in COLUMNS.get(key, (key,))]
    found, blind = judged_without(
        *keys, "terminal_id", "merchant_id", "orig_batch_no", "orig_date", "orig_auth_code", "auth_code"
    )
    assert [each.rule for each in found if each.certainty in {"PROVEN", "PROBABLE"}] == []
    said = {(each.rule, each.needs) for each in blind}
    assert {("dup_stan_resent", "stan"), ("dup_same_atc", "card"), ("void_no_original", "orig_stan")} <= said


@pytest.mark.slow
@pytest.mark.parametrize("key", KEYS)
def test_a_rule_without_its_key_is_unverifiable_and_silent(key: str):
    """What a merchant's lines never carry is said to be missing, and a rule that needs it is silent."""
    found, blind = judged_without(*COLUMNS.get(key, (key,)))
    needing = {rule.id for rule in RULES.values() if key in rule.keys}
    silent = {each.rule for each in blind if each.merchant_id == MERCHANT and each.needs == key}
    assert silent <= needing
    assert not {each.rule for each in found if each.merchant_id == MERCHANT} & silent


def test_what_no_terminal_tells_is_declared_with_its_needs():
    """Statements, contracts, payouts: known words."""
    assert {key for rule in RULES.values() for key in (*rule.keys, *rule.facts, *rule.needs)} <= set(NEEDS)


def test_a_parameter_that_is_not_set_is_a_need(till: Till):
    """The rule is judged once the settings say it."""
    till.sale()
    linked = link(tables(till), SHOP, FIRST, LAST)
    from expectations.coverage import blind

    limit = Blind(till.merchant, "over_single_limit", "parameter")
    assert limit in blind(linked, Parameters())
    assert limit not in blind(linked, Parameters({"over_single_limit": {"limit_fen": 100}}))


def test_it_is_said_once(tmp_path: Path):
    """A second check says nothing; what is met is forgotten, and said again when it is lost again."""
    lake = Lake(str(tmp_path / "lake"))
    day = dt.date(2026, 11, 21)
    one, two = Blind("m1", "missing_in_acquirer", "statement"), Blind("m1", "dup_same_atc", "atc")
    assert store(lake, [two, one], day) == [two, one]
    assert store(lake, [two, one], day + dt.timedelta(days=1)) == []
    assert store(lake, [one], day + dt.timedelta(days=2)) == []
    assert [row["rule"] for row in lake.read("coverage").to_pylist()] == ["missing_in_acquirer"]
    assert store(lake, [two, one], day + dt.timedelta(days=3)) == [two]
    assert {row["rule"]: row["since"] for row in lake.read("coverage").to_pylist()} == {
        "missing_in_acquirer": day,
        "dup_same_atc": day + dt.timedelta(days=3),
    }


@pytest.mark.slow
def test_a_check_says_it_once_and_finds_nothing_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A whole check: unverifiable rules are told by the first one, and are no findings."""

    class Bench(PlainBench):
        def build_data_docs(self, folder: Path, _: object = None) -> Path:
            return folder

    monkeypatch.setattr("expectations.suites.ge.Bench", Bench)
    settings = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    till = Till()
    till.sale()
    for name, rows in tables(till).items():
        Lake(settings.lake.uri).append(name, rows, app_id="test")
    first = run.check(settings)
    assert first.findings == []
    assert {(each.rule, each.needs) for each in first.unverifiable} >= {("missing_in_acquirer", "statement")}
    assert run.check(settings).unverifiable == ()

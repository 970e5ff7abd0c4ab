"""The rules' declarations: whole, packaged, documented, in words that are known."""

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations.findings import SEVERITIES
from expectations.lifecycle import link
from expectations.parameters import Parameters
from expectations.rules import RULES
from expectations.rules.declaration import VIEW_COLUMNS, Rule
from expectations.rules.document import document
from expectations.vocabulary import MISSING, RULED_OUT
from ingest.tables import TABLES
from tests.expectations.conftest import SHOP
from tests.expectations.shopdays import Till, tables

if TYPE_CHECKING:
    import duckdb

ROOT = Path(__file__).parents[2]
ORDER = ("dup_stan_resent", "dup_same_atc", "retry_after_unknown", "dup_card_amount_window")


@functools.cache
def _linked() -> "duckdb.DuckDBPyConnection":
    day = Till().now.date()
    return link(tables(Till()), SHOP, day, day)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_view_has_every_column_that_a_finding_needs(rule: Rule):
    """And those that its law looks at; a card's number is in none that a law sees."""
    linked = _linked()
    linked.execute(f"CREATE OR REPLACE TEMP VIEW parameter AS {Parameters().sql(rule)}")
    view = linked.sql(rule.sql)
    assert set(view.columns) >= VIEW_COLUMNS
    assert set(view.columns) >= set(rule.stated.columns)
    assert not {column for column in rule.stated.columns if "card" in column and "cards" not in column}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_speaks_in_known_words(rule: Rule):
    """Codes in its declaration and in its view have a meaning; grades in its view have a weight."""
    assert set(rule.ruled_out) <= set(RULED_OUT)
    listed = {
        code for codes in re.findall(r"\[('[a-z_', 0-9]+')\]", rule.sql) for code in re.findall(r"'([^']+)'", codes)
    }
    assert listed <= {*MISSING, *RULED_OUT}
    assert all(severity in SEVERITIES for severity, _ in rule.grades.values())
    assert rule.sql.startswith("--")
    assert rule.expectation.startswith("Expect")


def test_there_is_a_file_for_each_rule_and_a_rule_for_each_file():
    """Nothing lies about unused."""
    folder = ROOT / "expectations" / "rules"
    assert {path.stem for path in folder.glob("*.sql")} == set(RULES)


def test_the_stronger_rule_runs_first():
    """A weaker one leaves out what a stronger one has accused."""
    positions = [list(RULES).index(rule) for rule in ORDER]
    assert positions == sorted(positions)
    refunds = ("refund_of_voided", "refund_over_original", "dup_refund", "refund_cumulative_over")
    assert [rule for rule in RULES if rule in refunds] == list(refunds)
    assert list(RULES).index("void_after_settlement") < list(RULES).index("void_cross_day")


def test_the_manual_is_made_from_the_rules():
    """``python -m expectations.rules.document > docs/rules.md``."""
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == document()


def test_no_view_asks_what_time_it_is():
    """The wall clock never enters a rule."""
    for path in (ROOT / "expectations").rglob("*.sql"):
        words = path.read_text("utf-8").lower()
        assert not re.search(r"\b(now\(|current_date|current_timestamp|today\(|random\()", words), path


def test_the_findings_table_holds_a_finding():
    """Every column of the table is a field of the value."""
    from expectations.findings import Finding

    assert {column.name for column in TABLES["findings"].columns} == set(Finding.__slots__)

"""Great Expectations behind its wall: verdicts as in plain Python, crashes kept apart from violations, Data Docs."""

import datetime as dt
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations.laws import Equal, Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique
from expectations.lifecycle import link
from expectations.parameters import Parameters
from expectations.rules import RULES
from expectations.run import judge, told_at
from expectations.suites.ge import SHOWN
from expectations.suites.tables import SUITES
from ingest.settings import Settings
from tests.expectations.conftest import SHOP
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables
from tests.expectations.test_scenes_catalogue import stage as catalogue
from tests.expectations.test_scenes_debits import stage as debits
from tests.expectations.test_scenes_holds_batches import stage as holds_batches
from tests.expectations.test_scenes_shops import stage as shops
from tests.expectations.test_scenes_signatures import stage as signatures
from tests.expectations.test_scenes_voids_refunds import stage as voids_refunds
from tests.expectations.wholeshops import faulty_shop

if TYPE_CHECKING:
    from expectations.suites.ge import Bench

pytestmark = pytest.mark.slow  # importing great_expectations takes 5 to 15 s
TERMINALS_OWN = {"settled_amount", "settled_batch", "settled_count"}
"""Needs that a terminal meets by itself."""
DAYS = (dt.date(2026, 11, 1), dt.date(2026, 12, 1))


@pytest.fixture
def bench() -> "Bench":
    from expectations.suites.ge import Bench

    return Bench()


def test_every_rule_finds_its_fault_and_both_judges_agree(bench: "Bench", tmp_path: Path):
    """A shop for every fault a terminal tells of: Great Expectations and plain Python accuse the same rows."""
    stages = (catalogue, debits, voids_refunds, holds_batches, shops, signatures)
    new = Till(terminal="87654399", merchant="898320548169999", stan=0, batch=1)
    new.sale(9900)  # a deposit's price as the first sale of a new terminal
    tills = [*faulty_shop(), *(till for stage in stages for till in stage.tills()), new]
    codes = {merchant: code for stage in stages for merchant, code in stage.codes.items()}
    shop = replace(SHOP, codes=codes)
    given = Parameters({}, {merchant: rules for stage in stages for merchant, rules in stage.rules.items()})
    days = (dt.date(2020, 1, 1), dt.date(2030, 12, 31))
    judged = judge(tables(*tills), shop, *days, bench=bench, given=given)
    plain = judge(tables(*tills), shop, *days, bench=PlainBench(), given=given)
    assert judged.could_not_run == []
    assert judged.findings == plain.findings
    assert judged.quality == plain.quality
    by_terminals_alone = {name: rule for name, rule in RULES.items() if set(rule.needs) <= TERMINALS_OWN}
    assert len(by_terminals_alone) >= 80
    assert {each.rule for each in judged.findings} == set(by_terminals_alone)
    settings = Settings.model_validate({"app": {"url": "https://till.example.com/tillwatch"}})
    page = bench.build_data_docs(tmp_path / "var" / "data-docs", told_at(settings))
    assert page.is_file()
    shown = "".join(path.read_text("utf-8") for path in page.parent.rglob("*.html"))
    linked = set(re.findall(r'<a href="https://till\.example\.com/tillwatch/findings/([0-9a-f]{32})"', shown))
    few = [each for each, number in Counter(each.rule for each in judged.findings).items() if number <= SHOWN]
    assert linked <= {each.finding_id for each in judged.findings}
    assert {each.finding_id for each in judged.findings if each.rule in few} <= linked
    for rule in by_terminals_alone.values():
        assert rule.says in shown
    assert "k1:" not in shown
    assert "622424" not in shown


def test_the_data_docs_replace_those_of_the_last_run(bench: "Bench", tmp_path: Path):
    """No page of an earlier run stays, and no half-built folder."""
    import pyarrow as pa

    stale = tmp_path / "data-docs" / "stale.html"
    stale.parent.mkdir()
    stale.write_text("old")
    rows = pa.table({"key": ["a"], "n": [1]})
    bench.judge("thing", rows, [Stated("ExpectThing", "A thing.", NotAbove("n", 1))])
    bench.build_data_docs(tmp_path / "data-docs")
    assert not stale.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data-docs"]


@pytest.mark.parametrize(
    ("law", "offenders"),
    [
        (NotAbove("n", 2), ("c",)),
        (NotAbove("n", "m"), ("c",)),
        (NotBelow("n", 2), ("a",)),
        (Equal("n", "m"), ("b", "c")),
        (Present("text"), ("b",)),
        (Unique("twice"), ("a", "b")),
        (Length("text", 2), ("c",)),
        (OneOf("text", ("xy",)), ("c",)),
    ],
)
def test_each_kind_of_law_names_the_rows_that_break_it(bench: "Bench", law: object, offenders: tuple[str, ...]):
    """And null is judged by `Present` alone."""
    import pyarrow as pa

    rows = pa.table(
        {
            "key": ["a", "b", "c", "d"],
            "n": pa.array([1, 2, 3, None], pa.int64()),
            "m": pa.array([1, 3, 2, 1], pa.int64()),
            "text": ["xy", None, "xyz", "xy"],
            "twice": ["p", "p", "q", None],
        }
    )
    stated = Stated("ExpectSomething", "Something.", law)  # type: ignore[arg-type]  # parametrised
    assert [each.offenders for each in bench.judge("something", rows, [stated])] == [offenders]
    assert [each.offenders for each in PlainBench().judge("something", rows, [stated])] == [offenders]


def test_a_law_that_crashed_is_not_a_law_that_was_broken(bench: "Bench"):
    """The library says ``success=False`` for both; here one has an error and accuses nobody."""
    import pyarrow as pa

    rows = pa.table({"key": ["a"], "n": [1]})
    laws = [
        Stated("ExpectLost", "A column that is not there.", NotAbove("lost", 1)),
        Stated("ExpectN", "n.", NotAbove("n", 0)),
    ]
    crashed, broken = bench.judge("thing", rows, laws)
    assert crashed.error is not None
    assert "lost" in crashed.error
    assert crashed.offenders == ()
    assert broken.error is None
    assert broken.offenders == ("a",)


def test_no_rows_break_no_law(bench: "Bench"):
    """An empty view is judged and accuses nobody."""
    import pyarrow as pa

    rows = pa.table({"key": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    [verdict] = bench.judge("nothing", rows, [Stated("ExpectN", "n.", NotAbove("n", 0))])
    assert (verdict.error, verdict.offenders, verdict.judged) == (None, (), 0)


def test_no_view_of_the_tables_shows_a_card():
    """Neither masks nor tokens are handed to the suites."""
    shown: list[str] = []
    link(
        tables(*faulty_shop()),
        SHOP,
        *DAYS,
        heed=lambda read: shown.extend(column for sql, _ in SUITES.values() for column in read.sql(sql).columns),
    ).close()
    assert {"transaction_id", "settlement_id", "event_id"} <= set(shown)
    assert not {"pan_masked", "card_token"} & set(shown)

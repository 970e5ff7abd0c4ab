"""Terminals and judges for the rules' tests."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.run import judge
from ingest.settings import Settings
from ingest.storage import LakeSettings
from tests.expectations.checking import Bench
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables
from tests.expectations.statementdays import Acquirer, with_statement

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
Findings = Callable[..., list[Finding]]


@pytest.fixture
def till() -> Till:
    """A terminal that has signed in."""
    return Till()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake in a folder, which is not there yet."""
    return Settings(lake=LakeSettings(uri=str(tmp_path / "var" / "lake")))


@pytest.fixture
def plain_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge without Great Expectations, whose import takes seconds."""
    monkeypatch.setattr("expectations.suites.ge.Bench", Bench)


@pytest.fixture
def findings() -> Findings:
    """What every rule finds in what terminals did; no rule may fail to run."""

    def run(*tills: Till, first: str = "2020-01-01", last: str = "2030-12-31", given: Any = None) -> list[Finding]:
        days = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        out = judge(given or tables(*tills), SHOP, *days, bench=PlainBench())
        assert out.could_not_run == []
        return out.findings

    return run


@pytest.fixture
def acquirer() -> Acquirer:
    """An acquirer that has said nothing yet."""
    return Acquirer()


@pytest.fixture
def said(findings: Findings, till: Till, request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """What the `RULES` of a module say of the terminal and its acquirers' files, ``rule severity certainty`` each."""

    def run(*acquirers: Acquirer, beside: tuple[Till, ...] = ()) -> list[str]:
        found = findings(till, given=with_statement(*acquirers, tills=(till, *beside)))
        return sorted(
            f"{each.rule} {each.severity} {each.certainty}" for each in found if each.rule in request.module.RULES
        )

    return run

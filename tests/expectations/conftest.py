"""Terminals and judges for the rules' tests."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.run import judge
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
Findings = Callable[..., list[Finding]]


@pytest.fixture
def till() -> Till:
    """A terminal that has signed in."""
    return Till()


@pytest.fixture
def findings() -> Findings:
    """What every rule finds in what terminals did; no rule may fail to run."""

    def run(*tills: Till, first: str = "2020-01-01", last: str = "2030-12-31", given: Any = None) -> list[Finding]:
        days = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        out = judge(given or tables(*tills), SHOP, *days, bench=PlainBench())
        assert out.could_not_run == []
        return out.findings

    return run

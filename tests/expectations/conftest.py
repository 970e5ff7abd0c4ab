"""One Great Expectations context for all rule tests: importing the library takes seconds."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.run import judge
from tests.expectations.shopdays import Till, tables

SHOP = Shop("Asia/Shanghai", dt.time(23, 0))
Judge = Callable[..., list[Finding]]


@pytest.fixture
def till() -> Till:
    """A terminal that has signed in."""
    return Till()


@pytest.fixture
def findings() -> Judge:
    """Judge what terminals did: every rule, through Great Expectations; nothing may fail to run."""

    def run(*tills: Till, first: str = "2020-01-01", last: str = "2030-12-31", **more: Any) -> list[Finding]:
        from expectations.suites.ge import Bench

        given = more.get("given") or tables(*tills)
        out = judge(given, SHOP, dt.date.fromisoformat(first), dt.date.fromisoformat(last), bench=Bench())
        assert out.could_not_run == []
        return out.findings

    return run

"""``docs/faults.md``: every row of the fault table, what was tried, how often, and what was lost.

Nothing in it is written by hand: which tests stand for which fault is ``rows.toml``, what
they hold is their docstring, and how they ended is ``results.json``, which a run writes.
"""

import ast
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROWS = Path(__file__).with_name("rows.toml")
RESULTS = Path(__file__).with_name("results.json")
DOCUMENT = ROOT / "docs" / "faults.md"

_HEAD = """\
# Faults

Written by `make faults` (`python -m tests.faults`); do not edit. For each fault that tillwatch promises to survive:
what holds, how often it was tried, what was lost, and the test that shows it. Lost is what had been acknowledged or
recorded before the fault and was not there, or not as it was, afterwards; a dash where the test counts nothing of the
kind. **full** is the length that the project promises, short is what CI runs.

| # | fault | what holds | tried | lost | test |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    Attributes:
        number: 1 to 25, with 2b, 4b, 4c and 6b.
        fault: what goes wrong.
        tests: ``file::test`` of the tests that show what happens then.
        untested: which part of it no test here tries, and why; empty when there is none.
    """

    number: str
    fault: str
    tests: tuple[str, ...]
    untested: str = ""


def read_rows() -> list[Row]:
    """The table of faults and tests."""
    told = tomllib.loads(ROWS.read_text("utf-8"))["row"]
    return [Row(each["number"], each["fault"], tuple(each.get("tests", ())), each.get("untested", "")) for each in told]


def read_results() -> dict[str, Any]:
    """How the tests ended when they were last run by ``python -m tests.faults``."""
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


@cache
def laws(path: str) -> dict[str, str]:
    """The first sentence of each test's docstring in a file, by the test's name."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {
        each.name: " ".join((ast.get_docstring(each) or "").split("\n\n")[0].split())
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    }


def render(rows: list[Row], results: dict[str, Any]) -> str:
    """The page."""
    lines = []
    for row in rows:
        number, fault = row.number, row.fault
        for test in row.tests:
            path, _, name = test.partition("::")
            tried, lost = _outcome(results.get(test))
            shown = f"[{name.removeprefix('test_')}](../{path})"
            lines.append(f"| {number} | {fault} | {laws(path)[name]} | {tried} | {lost} | {shown} |")
            number = fault = ""
        if row.untested:
            lines.append(f"| {number} | {fault} | **not tried here:** {row.untested} | | | |")
    return _HEAD + "\n".join(lines) + "\n"


def _outcome(result: dict[str, Any] | None) -> tuple[str, str]:
    """What was tried and what was lost, in words."""
    if result is None:
        return "**not run**", ""
    if result.get("failed"):
        return f"**failed** on {result['on']}", ""
    if not result.get("passed"):
        return f"**skipped** on {result['on']}: {result.get('why', '')}", ""
    cases, tried = result["passed"], result.get("tried")
    if tried is None:
        return f"{'once' if cases == 1 else f'{cases} cases'}, {result['on']}", result.get("lost", "–")
    return f"{tried}; {'full' if result['full'] else 'short'}, {result['on']}", result.get("lost", "–")

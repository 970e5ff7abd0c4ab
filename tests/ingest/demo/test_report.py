"""The verdict: exactly the faults, no more and no fewer."""

import io
from typing import Any

import pytest
from rich.console import Console

from ingest.demo.report import Verdict, judge, show

FAULT = {
    "kind": "fault",
    "rule": "double_void",
    "merchant_id": "898100000000001",
    "terminal_id": "10010001",
    "batch_no": 101,
    "stan": 1217,
    "note": "voided twice",
}
HARMLESS = {**FAULT, "kind": "hard_negative", "rule": "dup_refund", "stan": 1300}


def finding(**changes: Any) -> dict[str, Any]:
    """A finding as `tillwatch findings --json` prints it, as far as the verdict looks."""
    line = {**FAULT, **changes}
    subject = {name: line[name] for name in ("terminal_id", "batch_no", "stan")}
    return {name: line[name] for name in ("rule", "merchant_id", "terminal_id")} | {"subjects": [subject]}


def shown(verdict: Verdict) -> str:
    """What people read."""
    out = io.StringIO()
    show(verdict, Console(file=out, width=120))
    return out.getvalue()


def test_the_faults_and_nothing_else_are_exact():
    """Hard negatives are counted and must not be found."""
    verdict = judge([FAULT, HARMLESS], [finding()])

    assert verdict.is_exact
    assert verdict.hard_negatives == {"dup_refund": 1}
    assert "differs" not in shown(verdict)


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([], "missed: double_void"),
        ([finding(), finding()], "not a fault: double_void"),
        ([finding(), finding(stan=1300, rule="dup_refund")], "not a fault: dup_refund"),
        ([finding(stan=1218)], "missed: double_void"),
        ([finding(terminal_id="10010002")], "missed: double_void"),
    ],
    ids=["none", "twice", "hard-negative", "wrong-stan", "wrong-terminal"],
)
def test_every_difference_is_named(findings, words):
    """Too few, too many, the wrong one: each is a line with its numbers."""
    verdict = judge([FAULT, HARMLESS], findings)

    assert not verdict.is_exact
    assert words in shown(verdict)
    assert "batch 101" in shown(verdict)


def test_nothing_wrong_and_nothing_found_proves_nothing():
    """A scenario without a fault is no demo."""
    assert not judge([HARMLESS], []).is_exact

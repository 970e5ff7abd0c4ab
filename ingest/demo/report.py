"""The verdict of a demo: what the rules found against what the simulator did."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table


class Accused(NamedTuple):
    """What a finding, or a line of the truth, points at: a rule and the first subject."""

    rule: str
    merchant_id: str
    terminal_id: str
    batch_no: int | None
    stan: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Faults against findings, each a multiset: the same fault found twice is one too many."""

    faults: Counter[Accused]
    hard_negatives: Counter[str]
    found: Counter[Accused]

    @property
    def missing(self) -> Counter[Accused]:
        """Faults that no rule found."""
        return self.faults - self.found

    @property
    def too_many(self) -> Counter[Accused]:
        """Findings that are no fault."""
        return self.found - self.faults

    @property
    def is_exact(self) -> bool:
        """Whether there are faults, and the findings are exactly these."""
        return bool(self.faults) and self.faults == self.found


def judge(truth: Iterable[Mapping[str, Any]], findings: Iterable[Mapping[str, Any]]) -> Verdict:
    """Hold the findings (the contract's objects) against the truth (the simulator's lines)."""
    truth = list(truth)
    return Verdict(
        faults=Counter(_accused(line, line) for line in truth if line["kind"] == "fault"),
        hard_negatives=Counter(line["rule"] for line in truth if line["kind"] == "hard_negative"),
        found=Counter(_accused(finding, finding["subjects"][0]) for finding in findings),
    )


def _accused(line: Mapping[str, Any], subject: Mapping[str, Any]) -> Accused:
    return Accused(line["rule"], line["merchant_id"], line["terminal_id"], subject["batch_no"], subject["stan"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def show(verdict: Verdict, out: Console) -> None:
    """Print the verdict as a table, rule by rule, and every difference with its numbers."""
    table = Table(title="What the simulator did, and what the rules found", title_justify="left")
    table.add_column("rule")
    for heading in ("faults", "found", "hard negatives"):
        table.add_column(heading, justify="right")
    table.add_column("")
    wrong_rules = {accused.rule for accused in (*verdict.missing, *verdict.too_many)}
    faults, found = _by_rule(verdict.faults), _by_rule(verdict.found)
    for rule in sorted({*faults, *found, *verdict.hard_negatives}):
        table.add_row(
            rule,
            str(faults[rule]),
            str(found[rule]),
            str(verdict.hard_negatives[rule]),
            "differs" if rule in wrong_rules else "exact",
        )
    out.print(table)
    for word, group in (("missed", verdict.missing), ("not a fault", verdict.too_many)):
        for accused, count in sorted(group.items(), key=str):
            out.print(
                f"{word}: {accused.rule}  merchant {accused.merchant_id}  terminal {accused.terminal_id}"
                f"  batch {accused.batch_no}  stan {accused.stan}" + (f"  ({count} times)" if count > 1 else ""),
                soft_wrap=True,
            )


def _by_rule(group: Counter[Accused]) -> Counter[str]:
    rules: Counter[str] = Counter()
    for accused, count in group.items():
        rules[accused.rule] += count
    return rules

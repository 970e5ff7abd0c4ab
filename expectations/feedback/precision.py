"""How right each rule was, by the answers that stand."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from expectations.feedback.record import Given


@dataclass(frozen=True, slots=True)
class Precision:
    """One rule's labels: cases confirmed, cases that were two purchases, and answers that say neither."""

    rule: str
    confirmed: int
    two_purchases: int
    others: int

    @property
    def judged(self) -> int:
        """Cases that somebody called right or wrong."""
        return self.confirmed + self.two_purchases

    @property
    def percent(self) -> int | None:
        """Of the judged cases those confirmed, rounded down: 100 is said of no rule that was wrong once."""
        return self.confirmed * 100 // self.judged if self.judged else None

    @property
    def said(self) -> str:
        """The share with its count: 66% (2/3); a dash where nobody judged."""
        return f"{self.percent}% ({self.confirmed}/{self.judged})" if self.judged else "—"

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch feedback ls --by-rule --json``."""
        return asdict(self) | {"judged": self.judged, "percent": self.percent}


def precision(answers: Iterable[Given]) -> list[Precision]:
    """Rules by name, each with what its cases were answered; answers that were taken back count for nothing."""
    labels: dict[str, Counter[str]] = {}
    for each in answers:
        if each.withdrawn_at is None:
            labels.setdefault(each.rule, Counter())[each.answer] += 1
    return [
        Precision(
            rule,
            counts["confirmed"],
            counts["two-purchases"],
            sum(counts[name] for name in ("done", "notice", "complain")),
        )
        for rule, counts in sorted(labels.items())
    ]

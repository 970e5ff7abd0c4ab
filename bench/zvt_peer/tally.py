"""What was compared, and what disagreed."""

import collections
from dataclasses import dataclass, field
from typing import Any

_SHOWN = 3


@dataclass(slots=True)
class Tally:
    """Counts of values by group; of each disagreement its kind, how often, and the first of them.

    Attributes:
        known: kind of disagreement -> who is right, and by what; others are not explained.
    """

    known: dict[str, str]
    agreed: collections.Counter[str] = field(default_factory=collections.Counter)
    other: collections.Counter[str] = field(default_factory=collections.Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))

    def same(self, group: str, what: str, theirs: Any, ours: Any, *, kind: str = "") -> bool:
        """Compare one value of theirs with ours."""
        if theirs == ours:
            self.agreed[group] += 1
            return True
        self.differ(kind or f"{group}: {what}", f"{what}: theirs {theirs!r}, ours {ours!r}")
        return False

    def differ(self, kind: str, example: str) -> None:
        """Note a disagreement."""
        self.other[kind] += 1
        if len(self.examples[kind]) < _SHOWN:
            self.examples[kind].append(example)

    @property
    def unexplained(self) -> list[str]:
        """Kinds that nobody has explained."""
        return sorted(self.other.keys() - self.known.keys())

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        return {
            "agreed": dict(sorted(self.agreed.items())),
            "values": sum(self.agreed.values()),
            "disagreed": [
                {"what": kind, "times": times, "why": self.known.get(kind), "examples": self.examples[kind]}
                for kind, times in sorted(self.other.items())
            ],
        }

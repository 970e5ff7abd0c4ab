"""How much of what is wrong lies beside something else: a second fault, or a hard negative.

Two records are neighbours when they are of one terminal and batch, their trace numbers at most `NEAR` apart; a
terminal's batch is its day. What is a change of fees (it marks every sale from some day on), a payout or a deposit
has no number of a slip of its own and is left out, on both sides.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field

from bench.detection.match import Share, nothing
from bench.detection.truth import Case, Truth

NEAR = 3


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of the faults that have records with numbers: those that share a record with another fault, those that share or
    neighbour one, and those that neighbour a hard negative.
    """

    shared: Share = field(default_factory=nothing)
    second: Share = field(default_factory=nothing)
    beside: Share = field(default_factory=nothing)

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(self.shared + other.shared, self.second + other.second, self.beside + other.beside)


def overlap(truth: Truth) -> Overlap:
    """Count a world's."""
    cases = {case.number: case for case in truth.cases if case.kind != "dropped" and not case.name.startswith("fee_")}
    batches: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for case in cases.values():
        for terminal, batch, stan in _numbered(case):
            batches[terminal, batch].append((stan, case.number))
    for rows in batches.values():
        rows.sort()
    shared = second = beside = count = 0
    for case in cases.values():
        numbers = _numbered(case)
        if case.kind != "fault" or not numbers:
            continue
        count += 1
        around = {
            (other, apart == 0)
            for terminal, batch, stan in numbers
            for other, apart in _near(batches[terminal, batch], stan)
            if other != case.number
        }
        faults = {same for other, same in around if cases[other].kind == "fault"}
        shared += True in faults
        second += bool(faults)
        beside += any(cases[other].kind == "negative" for other, _ in around)
    return Overlap(Share(shared, count), Share(second, count), Share(beside, count))


def _numbered(case: Case) -> list[tuple[str, str, int]]:
    return [(key[0], key[1], int(key[2])) for key in case.keys if len(key) == 3 and key[2].isdigit()]


def _near(rows: list[tuple[int, int]], stan: int) -> list[tuple[int, int]]:
    """Cases with a record of that batch near a number, and how far it is."""
    first = bisect_left(rows, (stan - NEAR, -1))
    last = bisect_right(rows, (stan + NEAR + 1, -1))
    return [(case, abs(other - stan)) for other, case in rows[first:last]]

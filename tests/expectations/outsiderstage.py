"""Plays of an outsider's tills, each at a merchant of its own, judged through the command line."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from click.testing import CliRunner

from ingest.cli import cli
from tests.expectations.outsider import Till, card

Play = Callable[[Till], list[Till] | None]
Found = tuple[str, str, int]
"""Rule, certainty, fen at risk."""


class Plays:
    """What happens at each merchant, and what must be found there.

    Args:
        merchant: the first twelve digits of all merchants.
        terminal: the first four of all terminals.
        morning: when the shops open; the day before, each had forty customers and settled.
    """

    def __init__(self, merchant: str, terminal: str, morning: dt.datetime) -> None:
        self._merchant, self._terminal, self._morning = merchant, terminal, morning
        self._plays: list[tuple[Play, frozenset[Found]]] = []

    def __add__(self, other: "Plays") -> "Plays":
        """What happens here, then what happens there; the merchants are numbered anew."""
        both = Plays(self._merchant, self._terminal, self._morning)
        both._plays = self._plays + other._plays
        return both

    def finds(self, *found: Found) -> Callable[[Play], Play]:
        """A play, and what must be found at its merchant; nothing else may be."""

        def keep(play: Play) -> Play:
            self._plays.append((play, frozenset(found)))
            return play

        return keep

    def merchant(self, number: int) -> str:
        """The merchant of a play."""
        return f"{self._merchant}{number:03d}"

    def tills(self) -> list[Till]:
        """All tills, after everything happened."""
        tills = []
        for number, (play, _) in enumerate(self._plays):
            till = Till(self.merchant(number), f"{self._terminal}{number:04d}", Random(number))
            self.day_before(till, 40)
            tills += [till, *(play(till) or [])]
        return tills

    def second(self, till: Till, batch: int = 50) -> Till:
        """Another till of the same shop."""
        other = Till(till.merchant, f"9{till.terminal[1:]}", Random(batch), batch=batch, stan=5000)
        self.day_before(other, 5)
        return other

    def day_before(self, till: Till, customers: int) -> None:
        """A whole batch: where today's begins is seen."""
        total = 0
        for sale in range(customers):
            amount = till.random.randrange(900, 30_000)
            at = self._morning - dt.timedelta(days=1) + dt.timedelta(minutes=9 * sale)
            till.go(at, "SALE", amount, card(1000 * int(till.terminal[-4:]) + 500 * (till.terminal[0] == "9") + sale))
            total += amount
        till.settle(self._morning - dt.timedelta(hours=12), (total, customers))

    def wrong(self, found: dict[str, set[Found]]) -> dict[str, tuple[set[Found], set[Found]]]:
        """By play, what was found and what should have been, where they differ."""
        told = {
            play.__name__: (found.get(self.merchant(number), set()), set(expected))
            for number, (play, expected) in enumerate(self._plays)
        }
        told |= {each: (found[each], set()) for each in found.keys() - set(map(self.merchant, range(len(self._plays))))}
        return {name: both for name, both in told.items() if both[0] != both[1]}


def run(*words: str) -> str:
    """One command in the current folder; its standard output."""
    told = CliRunner().invoke(cli, words)
    assert told.exit_code in {0, 1}, told.output
    return told.stdout


def landed(captures: Iterable[Iterable[str]]) -> None:
    """Each capture is read and landed by itself, in this order."""
    for number, lines in enumerate(captures):
        file = Path(f"{number}.capture.jsonl")
        file.write_text("".join(lines), "utf-8")
        run("replay", "--profile", "unionpay", str(file))
        run("land")


def judged() -> dict[str, set[Found]]:
    """What the check finds, by merchant."""
    found: dict[str, set[Found]] = defaultdict(set)
    for row in map(json.loads, run("check", "--json").splitlines()):
        found[row["merchant_id"]].add((row["rule"], row["certainty"], row["amount_at_risk_fen"]))
    return dict(found)

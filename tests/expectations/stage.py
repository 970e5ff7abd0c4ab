"""Scenes: small shop days, each at a merchant of its own, judged together and asserted one by one.

A scene is a function that plays on a till; what every rule finds at its merchant is
compared with what the scene says. All scenes of a stage are linked and judged at once,
so that a scene costs next to nothing, and stands beside strangers as in real life.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from expectations.findings import Finding
from expectations.lifecycle import Shop
from expectations.parameters import Parameters
from expectations.run import judge
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables

FIRST, LAST = dt.date(2020, 1, 1), dt.date(2030, 12, 31)
Play = Callable[[Till], Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: its play, its merchant, and the findings it makes, ``rule severity certainty`` each."""

    play: Play
    merchant: str
    expected: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.play.__name__


@dataclass
class Stage:
    """The scenes of one test file."""

    region: str
    scenes: list[Scene] = field(default_factory=list)
    rules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def scene(
        self, *expected: str, rules: Mapping[str, Any] | None = None, mcc: str = "", shop: str = ""
    ) -> Callable[[Play], Play]:
        """Put a play on the stage; ``shop``: a further merchant number of the same shop."""

        def add(play: Play) -> Play:
            merchant = f"898{self.region}5411{len(self.scenes):04d}"
            self.scenes.append(Scene(play, merchant, tuple(sorted(expected))))
            if rules:
                self.rules[merchant] = rules
            if mcc:
                self.codes[merchant] = mcc
            if shop:
                self.families |= {merchant: merchant, shop: merchant}
            return play

        return add

    def __iter__(self) -> Iterator[Scene]:
        return iter(self.scenes)

    def found(self, scene: Scene) -> list[Finding]:
        """What was found at the scene's merchant."""
        return [each for each in self._judged() if each.merchant_id == scene.merchant]

    def said(self, scene: Scene) -> tuple[str, ...]:
        """The same, as the scene writes it."""
        return tuple(sorted(f"{each.rule} {each.severity} {each.certainty}" for each in self.found(scene)))

    def tills(self) -> list[Till]:
        """All terminals of all scenes, after they played."""
        tills: list[Till] = []
        for place, scene in enumerate(self.scenes):
            till = Till(
                terminal=f"{self.region}{place:04d}", merchant=scene.merchant, stan=1000 + 60 * place, line=scene.name
            )
            more = scene.play(till)
            tills += [till, *(more if isinstance(more, list) else [])]
        return tills

    @functools.cache  # noqa: B019 - a stage lives as long as its file
    def _judged(self) -> list[Finding]:
        shop = Shop("Asia/Shanghai", dt.time(23, 0), self.families, self.codes)
        given = Parameters({}, self.rules)
        out = judge(tables(*self.tills()), shop, FIRST, LAST, bench=PlainBench(), given=given)
        assert out.could_not_run == []
        return out.findings

    __hash__ = object.__hash__

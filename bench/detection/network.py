"""The line between a terminal and its host: how long an answer takes, and what never arrives.

Outages come in bursts: a two-state Markov chain over messages, good and bad. In the good
state an answer is lost now and then; in the bad one nothing passes. A play may cut the
line for the next messages of a kind: faults arise from what terminal and host then do.
"""

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal

Fate = Literal["through", "lost", "unheard"]
"""Of a request: answered; never arrived; done by the host, and its answer lost."""


@dataclass(slots=True)
class Line:
    """One terminal's line.

    Args:
        chance: the line's own randomness.
        loss: how many answers in a million are lost in good times.
        outage: how many messages in a million begin an outage.
        recovery: how many messages in a million end one.
    """

    chance: random.Random
    loss: int = 1500
    outage: int = 120
    recovery: int = 450_000
    bad: bool = False
    _ordered: dict[str, deque[Fate]] = field(default_factory=lambda: defaultdict(deque))

    def order(self, mti: str, *fates: Fate) -> None:
        """What befalls the next requests of that message type."""
        self._ordered[mti].extend(fates)

    def is_ordered(self, mti: str) -> bool:
        """Whether the next request of that type has its fate already."""
        return bool(self._ordered[mti])

    def fate(self, mti: str) -> Fate:
        """What befalls a request now."""
        if self._ordered[mti]:
            return self._ordered[mti].popleft()
        toss = self.chance.randrange(1_000_000)
        if self.bad:
            self.bad = toss >= self.recovery
            return "lost" if self.bad else "through"
        if toss < self.outage:
            self.bad = True
            return "lost"
        return "unheard" if toss < self.outage + self.loss else "through"

    def seconds(self) -> float:
        """How long an answer takes: lognormal, a median of 1.4 s, at most 20 s."""
        return min(20.0, self.chance.lognormvariate(0.33, 0.5))

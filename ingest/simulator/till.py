"""Writing a scenario: a till is one terminal's storyboard.

Each call adds a step at the till's present time and moves the time on; the caller
reads like the clerk's day. Amounts that must not look like a price point come from
`odd_amount`, which never gives the same twice.
"""

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ingest.simulator.cards import DOMESTIC, Card, Wallet
from ingest.simulator.scenario import ZONE, Claim, Operation, Order, Seat, Step

_BEFORE_ALL = dt.datetime.min.replace(tzinfo=ZONE)

LOST = Order("0400", "lose")
"""A reversal that nobody answers."""


@dataclass(slots=True)
class Till:
    """One terminal's storyboard.

    Args:
        seat: the terminal.
        rng: the seed's randomness.
        wallet: where cards come from; shared, so that no two tills issue the same card.
        amounts: odd amounts given so far; shared.
    """

    seat: Seat
    rng: random.Random
    wallet: Wallet
    amounts: set[int]
    now: dt.datetime = _BEFORE_ALL
    steps: list[Step] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    written: int = 0

    def at(self, day: dt.date, time: str) -> None:
        """Go to a time of day, never back.

        Raises:
            ValueError: the storyboard is past that time already.
        """
        then = dt.datetime.combine(day, dt.time.fromisoformat(time), ZONE)
        if then < self.now:
            msg = f"{self.seat.line}: the storyboard is at {self.now:%m-%d %H:%M:%S}, past {day} {time}"
            raise ValueError(msg)
        self.now = then

    def wait(self, seconds: float) -> None:
        """Let scenario time pass."""
        self.now += dt.timedelta(seconds=seconds)

    def card(self, org: str = DOMESTIC) -> Card:
        """A card never seen before."""
        return self.wallet.issue(org)

    def odd_amount(self, low: int = 4_000, high: int = 90_000) -> int:
        """An amount in fen that nothing else in the scenario has, and that is not round."""
        while True:
            amount = self.rng.randrange(low, high)
            if amount % 10 and amount not in self.amounts:
                self.amounts.add(amount)
                return amount

    def do(self, operation: Operation, *, orders: Iterable[Order] = (), **what: Any) -> str:
        """Add a step; its label."""
        self.written += 1
        label = f"{self.seat.terminal_id}-{self.written:04d}"
        self.steps.append(Step(self.now, operation, label, orders=tuple(orders), **what))
        unanswered = sum(order.act in {"lose", "drop"} for order in self.steps[-1].orders)
        self.wait(8 + 31 * unanswered)
        return label

    def sale(self, card: Card, amount: int, *, atc: int | None = None, entry: str = "chip", **what: Any) -> str:
        """A sale; a chip or contactless one takes the card's next counter unless told otherwise."""
        if entry != "mag" and atc is None:
            atc = self.wallet.next_atc(card)
        return self.do("sale", card=card, amount=amount, atc=atc, entry=entry, **what)

    def void(self, of: str, card: Card, **what: Any) -> str:
        """A void of the step ``of``."""
        return self.do("void", of=of, card=card, **what)

    def refund(self, of: str, card: Card, amount: int | None = None, **what: Any) -> str:
        """A refund of the step ``of``; the whole of it unless an amount is given."""
        return self.do("refund", of=of, card=card, amount=amount, **what)

    def offline_sale(self, card: Card, amount: int, *, entry: str = "mag", **what: Any) -> str:
        """A sale that was approved by voice or by the terminal, told to the host later."""
        return self.do("offline_sale", card=card, amount=amount, entry=entry, **what)

    def tip(self, of: str, card: Card, amount: int, **what: Any) -> str:
        """A tip on the step ``of``."""
        return self.do("tip", of=of, card=card, amount=amount, **what)

    def settle(self, **what: Any) -> str:
        """Settle the open batch."""
        return self.do("settle", **what)

    def restart(self) -> None:
        """Forget the steps handed over, and the cards: an endless storyboard must not grow."""
        self.steps.clear()
        self.wallet = Wallet(self.rng)

    def fault(self, rule: str, label: str, note: str) -> None:
        """Say that the step is a fault that the rule must find."""
        self.claims.append(Claim("fault", rule, label, note))

    def harmless(self, rule: str, label: str, note: str) -> None:
        """Say that the step looks like a breach of the rule and is none."""
        self.claims.append(Claim("hard_negative", rule, label, note))

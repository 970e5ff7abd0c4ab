"""How the mails stand: what was sent, what was not and why, what waits, and the budget."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from expectations.cases.book import case_book
from expectations.mail.budget import Budget, budget
from expectations.mail.ledger import Ledger
from expectations.mail.plan import Plan, plan
from expectations.mail.world import World, look
from ingest.settings import Settings
from ingest.tables import Lake

RECENT = dt.timedelta(days=7)
ACTED = ("claimed", "promised", "recovered", "rejected", "closed")


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `tillwatch alert status` shows."""

    sent: Counter[str]
    unsent: list[dict[str, Any]]
    plan: Plan
    budget: Budget

    @property
    def is_well(self) -> bool:
        """Whether everybody has what was sent to them."""
        return not self.unsent

    def as_dicts(self) -> Iterator[dict[str, Any]]:
        """The lines of ``--json``."""
        yield {"what": "sent", "days": RECENT.days, "mails": dict(sorted(self.sent.items()))}
        yield from ({"what": "unsent", **each} for each in self.unsent)
        for each in self.plan.held:
            yield {
                "what": "held",
                "merchant_id": each.merchant_id,
                "to": each.address,
                "findings": len(each.finding_ids),
                "until": each.until.isoformat(),
            }
        next_at = self.plan.next_at.isoformat() if self.plan.next_at else None
        yield {"what": "next", "due_now": len(self.plan.mails), "next_at": next_at}
        yield {
            "what": "budget",
            "median_mails": self.budget.median_mails,
            "p1_mails": self.budget.p1_mails,
            "p1_acted": self.budget.p1_acted,
            "holds": self.budget.holds,
        }


def status(settings: Settings, now: dt.datetime) -> Status:
    """How the mails stand at a moment.

    Raises:
        CaseError: the database of cases cannot be used.
        LakeError: a table cannot be read.
    """
    lake = Lake.of(settings.lake)
    ledger = Ledger(lake)
    world = look(settings, lake, ledger, now)
    history = world.history
    sent = Counter(each["kind"] or "P1" for each in history.rows("sent") if now - RECENT < each["decided_at"] <= now)
    unsent = [
        {
            "state": each["state"],
            "to": json.loads(each["recipients"]),
            "subject": each["subject"],
            "merchant_id": each["merchant_id"],
            "error": each["error"],
            "at": each["at"].isoformat(),
            "try_again": _moment(history.retry_at(each["alert_id"])) if each["state"] == "failed" else None,
        }
        for each in history.unsent()
    ]
    return Status(sent, unsent, plan(world), budget_of(world, lake, settings))


def budget_of(world: World, lake: Lake, settings: Settings) -> Budget:
    """The budget by ledger, answers and cases."""
    merchants = {each.id for each in settings.merchants} | {each.merchant_id for each in world.findings}
    acted_on = set(lake.read("acks", columns=["finding_id"])["finding_id"].to_pylist())
    book = case_book(settings)
    going_on = {each.number for state in ACTED for each in book.cases(state=state, review=True)}
    acted_on |= {finding_id for finding_id, number in world.numbers.items() if number in going_on}
    return budget(world.history.sent, merchants, acted_on, world.now)


def _moment(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None

"""How the mails stand: what was sent, what was not and why, what waits, and the budget."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from expectations.mail.budget import Budget
from expectations.mail.decide import Alert
from expectations.mail.ledger import Ledger
from expectations.mail.plan import Plan, plan
from expectations.mail.world import look
from expectations.reports.source import source_of
from ingest.settings import Settings
from ingest.tables import Lake

RECENT = dt.timedelta(days=7)


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
    source = source_of(settings, lake, world)
    history = world.history
    sent = Counter(each["kind"] or "P1" for each in history.rows("sent") if now - RECENT < each["decided_at"] <= now)
    found = plan(world, source=source)
    urgent = {each.alert_id for each in found.mails if isinstance(each, Alert) and each.is_urgent}
    unsent = [
        {
            "state": each["state"],
            "to": json.loads(each["recipients"]),
            "subject": each["subject"],
            "merchant_id": each["merchant_id"],
            "error": each["error"],
            "at": each["at"].isoformat(),
            "try_again": (
                _moment(history.retry_at(each["alert_id"], urgent=each["alert_id"] in urgent))
                if each["state"] == "failed"
                else None
            ),
        }
        for each in history.unsent()
    ]
    return Status(sent, unsent, found, source.budget(world))


def _moment(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None

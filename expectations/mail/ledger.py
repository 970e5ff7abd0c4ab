"""Who was told what: the tables ``alerts`` and ``acks``.

A mail cannot be sent exactly once; it is sent at least once and, but for a crash, once.
A sender first claims the merchant: one commit whose Delta transaction id is the merchant
and whose version is the next turn, so that of two at once one is let in. Only then does it
look at who has been told. Before each mail it writes that it hands it over, afterwards what
became of it, and in the end it gives the turn back. A sender that died in between holds its
claim for LEASE; then the next one looks again. A mail that was being handed over may have
arrived or not: it goes out once more, with the same cases to the same readers and so under
the same Message-ID, by which mailboxes know that they have it. Rather twice than never.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from expectations.mail.catalogue import Locale
from expectations.mail.history import History
from ingest.errors import LakeError
from ingest.tables import Lake

LEASE = dt.timedelta(minutes=5)
"""How long a claim holds when its sender does not come back."""

WRITE_TRIES = 10

SETTLING = frozenset({"two-purchases", "done", "notice"})
"""Labels after which a finding is not told again."""


def clock() -> dt.datetime:
    """The wall clock; claims and notes are stamped with it, never with the decision moment."""
    return dt.datetime.now(dt.UTC)


class Noted(Protocol):
    """What the ledger keeps of a mail."""

    @property
    def merchant_id(self) -> str:
        """Whose mail it is."""

    @property
    def alert_id(self) -> str:
        """The same mail always has the same."""

    @property
    def locale(self) -> Locale:
        """Its language."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets it."""

    @property
    def decided_at(self) -> dt.datetime:
        """The decision moment."""

    @property
    def finding_ids(self) -> tuple[str, ...]:
        """What it tells: findings, or the name of an outcome."""

    @property
    def review_ids(self) -> tuple[str, ...]:
        """What it lists for review."""

    @property
    def business_date(self) -> dt.date:
        """The day of the thread it belongs to."""

    @property
    def kind(self) -> str:
        """The gravest severity of a mail of cases; else what it is."""


class Ledger:
    """The memory of sent mails, in the lake."""

    def __init__(self, lake: Lake, *, now: Callable[[], dt.datetime] = clock) -> None:
        self._lake = lake
        self._now = now

    def now(self) -> dt.datetime:
        """The ledger's clock."""
        return self._now()

    def history(self, merchant_id: str | None = None) -> History:
        """What was handed over, refused, given up, and is in doubt."""
        filters = None if merchant_id is None else [("merchant_id", "==", merchant_id)]
        return History(self._lake.read("alerts", filters=filters).to_pylist())

    def settled(self) -> frozenset[str]:
        """Findings that a person has closed; the last word counts."""
        last: dict[str, str] = {}
        for row in sorted(self._lake.read("acks").to_pylist(), key=lambda row: row["at"]):
            last[row["finding_id"]] = row["label"]
        return frozenset(finding_id for finding_id, label in last.items() if label in SETTLING)

    def acknowledge(self, finding_id: str, label: str, by: str) -> None:
        """Note what a person said of a finding."""
        row = {"finding_id": finding_id, "label": label, "by": by, "at": self._now()}
        self._write("acks", [row])

    def claim(self, merchant_id: str) -> int | None:
        """The turn to send this merchant's mails; None while somebody else has it."""
        name = _turns(merchant_id)
        taken = self._lake.committed("alerts", f"claim-{name}") or 0
        given_back = self._lake.committed("alerts", f"done-{name}") or 0
        if taken > given_back:
            since = [row["at"] for row in self._rows(["at", "state"], merchant_id, state="claimed")]
            if since and self._now() - max(since) < LEASE:
                return None
        row = self._row(merchant_id, state="claimed")
        won = self._lake.append("alerts", [row], app_id=f"claim-{name}", app_version=taken + 1)
        return taken + 1 if won else None

    def give_back(self, merchant_id: str, turn: int) -> None:
        """End a turn."""
        self._lake.append("alerts", [], app_id=f"done-{_turns(merchant_id)}", app_version=turn)

    def note(self, alert: "Noted", subject: str, message_id: str, outcome: "Sequence[tuple[str, str, str]]") -> None:
        """What became of a mail: (address, state, error), one row for each state and error."""
        by_result: dict[tuple[str, str], list[str]] = {}
        for address, state, error in outcome:
            by_result.setdefault((state, error), []).append(address)
        rows = [
            self._row(
                alert.merchant_id,
                state=state,
                error=error or None,
                alert_id=alert.alert_id,
                decided_at=alert.decided_at,
                locale=alert.locale,
                recipients=json.dumps(addresses),
                subject=subject,
                message_id=message_id,
                finding_ids=json.dumps(alert.finding_ids),
                review_ids=json.dumps(alert.review_ids),
                business_date=alert.business_date,
                kind=alert.kind,
            )
            for (state, error), addresses in by_result.items()
        ]
        self._write("alerts", rows)

    def _write(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Add rows whatever others commit meanwhile: a note that is lost is a mail sent twice."""
        for _ in range(WRITE_TRIES):
            if self._lake.append(table, rows, app_id=f"note-{uuid.uuid4().hex}"):
                return
        raise LakeError(f"{table}: others kept writing to it", hint="run the command again")

    def _row(self, merchant_id: str, **values: Any) -> dict[str, Any]:
        now = self._now()
        return {"merchant_id": merchant_id, "at": now, "business_date": now.date()} | values

    def _rows(self, columns: list[str], merchant_id: str | None, *, state: str) -> list[dict[str, Any]]:
        filters = [("state", "==", state)]
        if merchant_id is not None:
            filters.append(("merchant_id", "==", merchant_id))
        rows: list[dict[str, Any]] = self._lake.read("alerts", columns=columns, filters=filters).to_pylist()
        return rows


def _turns(merchant_id: str) -> str:
    """A name for a merchant's turns that any file system takes."""
    return hashlib.sha256(merchant_id.encode()).hexdigest()[:16]

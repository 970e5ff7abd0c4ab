"""What the ledger's rows say: who knows what, what is in doubt, what is refused, when to try again.

Pure: rows in, answers out. `ledger` reads and writes the rows.
"""

import datetime as dt
import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.mail.timing import Sent

WAITS = (0, 1, 5, 15, 30, 60)
"""Minutes before each further try of a mail that was not taken; the last of them from then on."""

URGENT_WAIT = 5
"""Minutes that a mail with an open P1 deadline waits at most."""

GIVEN_UP = dt.timedelta(hours=48)
"""A mail that a server put off, or that is in doubt, for so long is dead."""

TRIED = frozenset({"failed", "handing"})
"""States of a try that did not succeed: refused or not reached, broken off (with an error)."""

LACKING = frozenset({"failed", "dead", "handing"})
"""States of what somebody has not got."""


@dataclass(frozen=True, slots=True)
class Told:
    """One finding told to one person, as a case or as a row to review."""

    finding_id: str
    address: str
    locale: str
    as_case: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mail that was about to be handed over when its sender died: it may have arrived, or not."""

    alert_id: str
    merchant_id: str
    locale: str
    recipients: tuple[str, ...]
    finding_ids: tuple[str, ...]
    review_ids: tuple[str, ...]
    kind: str


class History:
    """The ledger's rows as answers.

    Args:
        rows: of the table ``alerts``, in any order; claims are looked past.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = sorted(
            (row for row in rows if row["state"] != "claimed"), key=lambda row: (row["at"], row["state"] != "handing")
        )

    @functools.cached_property
    def told(self) -> frozenset[Told]:
        """What has been handed over to whom."""
        return self._told("sent")

    @functools.cached_property
    def dead(self) -> frozenset[Told]:
        """What was given up for whom; an address that has got it since is out of it."""
        return self._told("dead") - self.told

    def without_dead(self) -> "History":
        """The same without what was given up: it is due again."""
        return History(row for row in self._rows if row["state"] != "dead")

    @functools.cached_property
    def sent(self) -> tuple[Sent, ...]:
        """Every mail that each reader has got, oldest first."""
        return tuple(
            Sent(
                row["merchant_id"],
                address,
                row["locale"],
                row.get("kind") or "P1",
                row["decided_at"],
                frozenset(_names(row, "finding_ids")),
            )
            for row in self._rows
            if row["state"] == "sent"
            for address in json.loads(row["recipients"])
        )

    @functools.cached_property
    def doubts(self) -> tuple[Doubt, ...]:
        """Mails of which one try has no outcome, and that nobody is noted to have got or been refused since."""
        by_mail: dict[str, list[Mapping[str, Any]]] = {}
        for row in self._rows:
            by_mail.setdefault(row["alert_id"], []).append(row)
        return tuple(
            Doubt(
                rows[0]["alert_id"],
                rows[0]["merchant_id"],
                rows[0]["locale"],
                tuple(json.loads(_first(rows, "handing")["recipients"])),
                _names(rows[0], "finding_ids"),
                _names(rows[0], "review_ids"),
                rows[0].get("kind") or "P1",
            )
            for rows in by_mail.values()
            if _is_doubtful(rows)
        )

    def first_told(self, finding_ids: Iterable[str], address: str, locale: str) -> dt.datetime | None:
        """When a reader first heard of one of these findings as a case."""
        wanted = frozenset(finding_ids)
        theirs = (each.at for each in self.sent if (each.address, each.locale) == (address, locale)
                  and wanted & each.names)  # fmt: skip
        return min(theirs, default=None)

    def readers(self, name: str, merchant_id: str) -> frozenset[tuple[str, str]]:
        """(locale, address) of all who have got what goes by this name about a merchant, or were given up for it."""
        return frozenset(
            (row["locale"], address)
            for row in self._rows
            if row["state"] in {"sent", "dead"}
            and row["merchant_id"] == merchant_id
            and name in _names(row, "finding_ids")
            for address in json.loads(row["recipients"])
        )

    def retry_at(self, alert_id: str, *, urgent: bool = False) -> dt.datetime | None:
        """The moment before which a mail that was not taken is not tried again; None when it never failed.

        Args:
            alert_id: the mail.
            urgent: whether a P1's deadline in it is still ahead.
        """
        failures = self._failures(alert_id)
        if not failures:
            return None
        wait = WAITS[min(len(failures), len(WAITS)) - 1]
        return failures[-1] + dt.timedelta(minutes=min(wait, URGENT_WAIT) if urgent else wait)

    def given_up(self, alert_id: str, now: dt.datetime, *, in_doubt: bool = False) -> bool:
        """Whether a mail has been put off for too long; ``in_doubt``: whether its tries broke off for so long."""
        failures = self._failures(alert_id, frozenset({"handing"}) if in_doubt else TRIED)
        return bool(failures) and now - failures[0] >= GIVEN_UP

    def thread(
        self, merchant_id: str, business_date: dt.date, locale: str, recipients: Sequence[str]
    ) -> tuple[str, ...]:
        """Earlier mails of this merchant, day and language that reached one of these readers, oldest first."""
        rows = [
            row
            for row in self._rows
            if row["state"] == "sent"
            and (row["merchant_id"], row["business_date"], row["locale"]) == (merchant_id, business_date, locale)
            and set(json.loads(row["recipients"])) & set(recipients)
        ]
        return tuple(dict.fromkeys(row["message_id"] for row in rows))

    def unsent(self) -> list[Mapping[str, Any]]:
        """The last row of what somebody lacks: failed, dead or in doubt, oldest first.

        What was tried again for fewer readers is another mail; the last try of it alone is listed.
        """
        last: dict[tuple[str, Told], Mapping[str, Any]] = {}
        got = set()
        for row in self._rows:
            for address in json.loads(row["recipients"]):
                for name in _names(row, "finding_ids"):
                    told = row["merchant_id"], Told(name, address, row["locale"], as_case=True)
                    last[told] = row
                    if row["state"] == "sent":
                        got.add(told)
        lacking = {id(row) for told, row in last.items() if row["state"] in LACKING and told not in got}
        return [row for row in self._rows if id(row) in lacking]

    def rows(self, state: str) -> list[Mapping[str, Any]]:
        """Every row of a state, oldest first."""
        return [row for row in self._rows if row["state"] == state]

    def _failures(self, alert_id: str, states: Collection[str] = TRIED) -> list[dt.datetime]:
        return [
            row["at"]
            for row in self._rows
            if row["alert_id"] == alert_id and row["state"] in states and (row["state"] == "failed" or row["error"])
        ]

    def _told(self, state: str) -> frozenset[Told]:
        return frozenset(
            Told(name, address, row["locale"], as_case=column == "finding_ids")
            for row in self._rows
            if row["state"] == state
            for column in ("finding_ids", "review_ids")
            for name in _names(row, column)
            for address in json.loads(row["recipients"])
        )


def _is_doubtful(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a try of one mail has no outcome; a later try that failed says nothing of the earlier."""
    if any(row["state"] in {"sent", "dead"} for row in rows):
        return False
    under_way = False
    for row in rows:
        if row["state"] == "handing" and (under_way or row["error"]):
            return True
        under_way = row["state"] == "handing"
    return under_way


def _first(rows: Sequence[Mapping[str, Any]], state: str) -> Mapping[str, Any]:
    return next(row for row in rows if row["state"] == state)


def _names(row: Mapping[str, Any], column: str) -> tuple[str, ...]:
    return tuple(json.loads(row[column] or "[]"))

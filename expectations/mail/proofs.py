"""Where the bytes behind a mail's transactions are: segments and record numbers, for the manifest."""

import datetime as dt
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from expectations.mail.cases import happened
from expectations.mail.decide import Alert
from ingest.tables import Lake

PLACES = ("segment_id", "request_seq", "response_segment_id", "response_seq")
SOURCES = {"transactions": "transaction_id", "settlements": "settlement_id"}


def proofs_of(alerts: Iterable[Alert], lake: Lake, zone: ZoneInfo) -> dict[str, dict[str, Any]]:
    """transaction_id -> the places of its request and answer, for every transaction that the tables still hold."""
    wanted: set[str] = set()
    days: set[dt.date] = set()
    for alert in alerts:
        for case in (*alert.cases, *alert.review):
            for finding in case.findings:
                for subject in finding.subjects:
                    if subject.transaction_id and (when := happened(subject)):
                        wanted.add(subject.transaction_id)
                        days.add(when.astimezone(zone).date())
    found: dict[str, dict[str, Any]] = {}
    if not wanted:
        return found
    for table, key in SOURCES.items():
        filters = [("business_date", "in", sorted(days)), (key, "in", sorted(wanted))]
        for row in lake.read(table, columns=[key, *PLACES], filters=filters).to_pylist():
            found[row[key]] = {place: row[place] for place in PLACES if row[place] is not None}
    return found

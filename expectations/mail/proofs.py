"""Where the bytes behind a mail's transactions are, and their hashes: for the manifest and for operations."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from expectations.mail.cases import Case, happened
from expectations.mail.decide import Alert
from expectations.mail.notice import Notice
from ingest.tables import Lake

PLACES = ("segment_id", "request_seq", "response_segment_id", "response_seq")
SOURCES = {"transactions": "transaction_id", "settlements": "settlement_id"}
SIDES = (("request", "segment_id", "request_seq"), ("answer", "response_segment_id", "response_seq"))


def proven(mails: Iterable[Alert | Notice]) -> Iterator[Case]:
    """The cases of these mails whose transactions are proven in an attachment."""
    for mail in mails:
        yield from (*mail.cases, *mail.review) if isinstance(mail, Alert) else (mail.machine or ())


def proofs_of(cases: Iterable[Case], lake: Lake, zone: ZoneInfo) -> dict[str, dict[str, Any]]:
    """transaction_id -> the places of its request and answer, for every transaction that the tables still hold.

    ``frames`` lists the records at these places that the lake holds: side, segment, number, and the SHA-256 of the
    frame as it was recorded, card data overwritten.
    """
    wanted: set[str] = set()
    days: set[dt.date] = set()
    for case in cases:
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
    hashes = _hashes(found.values(), lake)
    for each in found.values():
        places = [(side, each.get(segment), each.get(seq)) for side, segment, seq in SIDES]
        each["frames"] = [
            {"side": side, "segment_id": segment, "seq": seq, "sha256": hashes[segment, seq]}
            for side, segment, seq in places
            if (segment, seq) in hashes
        ]
    return found


def _hashes(found: Iterable[dict[str, Any]], lake: Lake) -> dict[tuple[Any, Any], str]:
    """(segment, number) -> SHA-256 of the frame that the lake holds."""
    places: set[tuple[str, int]] = {
        (each[segment], each[seq]) for each in found for _, segment, seq in SIDES if segment in each and seq in each
    }
    if not places:
        return {}
    filters = [
        ("segment_id", "in", sorted({segment for segment, _ in places})),
        ("seq", "in", sorted({seq for _, seq in places})),
    ]
    rows = lake.read("raw_frames", columns=["segment_id", "seq", "frame"], filters=filters).to_pylist()
    return {
        (row["segment_id"], row["seq"]): hashlib.sha256(row["frame"]).hexdigest()
        for row in rows
        if row["frame"] is not None and (row["segment_id"], row["seq"]) in places
    }

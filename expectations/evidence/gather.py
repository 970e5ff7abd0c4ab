"""What a case rests on: rows of the lake, records of the spool, each with the hash that proves it."""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.cases.record import CaseRecord
from expectations.deposits import Month, takings_by_month
from expectations.evidence.raw import serials
from expectations.findings import Subject
from expectations.mail.cases import happened
from ingest.agreements import Deposit
from ingest.inspection import segment_files
from ingest.segment import Raw, walk
from ingest.segments import NAME, SEALED
from ingest.settings import Settings
from ingest.tables import TABLES, Lake

KEYS = {
    "transactions": ("transaction_id",),
    "settlements": ("settlement_id",),
    "signatures": ("signature_id",),
    "statement_lines": ("line_id", "statement_id"),
    "events": ("event_id",),
    "raw_frames": ("segment_id", "seq"),
}
"""What names one row of each table that a pack rests on."""

SIDES = (
    ("request", "segment_id", "request_seq"),
    ("answer", "response_segment_id", "response_seq"),
    ("journal", "journal_segment_id", "journal_seq"),
)
SIGNED_IN_WITHIN = dt.timedelta(days=7)
"""So long before a transaction the sign-in is looked for that tells the device's serial number."""
SIGNED_WITHIN = dt.timedelta(days=3)
POSTED_WITHIN = dt.timedelta(days=40)
"""How many days later an acquirer's file may still speak of a transaction."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the lake that the pack rests on."""

    table: str
    values: Mapping[str, Any]

    @property
    def key(self) -> dict[str, Any]:
        """What names it."""
        return {name: self.values[name] for name in KEYS[self.table]}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its hash is over: those the table had when the pack was made."""
        return tuple(sorted(self.values))

    @property
    def sha256(self) -> str:
        """SHA-256 of the row as `canonical` writes it, hex."""
        return hashlib.sha256(canonical(self.values)).hexdigest()


@dataclass(frozen=True, slots=True)
class Range:
    """A record's bytes in a sealed segment.

    ``sha256`` is over these bytes, ``segment_sha256`` over the whole file: a sealed segment never changes.
    """

    file: str
    segment_id: str
    seq: int
    offset: int
    length: int
    sha256: str
    segment_sha256: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that a transaction was read from; ``place`` is None when the spool no longer holds it."""

    transaction_id: str
    side: str
    row: Row
    place: Range | None


@dataclass(frozen=True, slots=True)
class Grounds:
    """Everything that a pack rests on, in a fixed order.

    ``deposit`` is the agreement that the case is about, ``months`` the takings towards it.
    """

    record: CaseRecord
    rows: tuple[Row, ...]
    frames: tuple[Frame, ...]
    segments_searched: bool
    deposit: Deposit | None = None
    months: tuple[Month, ...] = ()

    def of(self, table: str) -> list[Row]:
        """The rows of one table."""
        return [each for each in self.rows if each.table == table]

    @property
    def met_on(self) -> list[dt.date]:
        """The day on which the deposit's terms were met, if they were."""
        days = sorted(day for each in self.record.findings if (day := each.evidence.get("met_on")))
        return [dt.date.fromisoformat(day) for day in days[-1:]]

    @property
    def identifiers(self) -> frozenset[str]:
        """Our own and the acquirer's identifiers, some as long as a card number."""
        known = {self.record.merchant_id}
        for finding in self.record.findings:
            known.add(finding.finding_id)
            known |= {each.transaction_id for each in finding.subjects if each.transaction_id}
        return frozenset(known)


def canonical(values: Mapping[str, Any]) -> bytes:
    """A row as bytes: JSON with sorted names, moments in UTC, binary as hex."""
    return json.dumps(dict(values), default=_plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def gather(record: CaseRecord, settings: Settings) -> Grounds:
    """Read what a case rests on.

    Raises:
        LakeError: a table cannot be read.
        SpoolError: the spool cannot be read.
    """
    lake = Lake.of(settings.lake)
    subjects = {each.transaction_id: each for finding in record.findings for each in finding.subjects}
    ids = sorted(each for each in subjects if each)
    days = {when.astimezone(settings.zone).date() for each in subjects.values() if (when := happened(each))}
    days |= {record.business_date}
    rows = _where(lake, "transactions", [("business_date", "in", sorted(days)), ("transaction_id", "in", ids)])
    rows += _where(lake, "settlements", [("business_date", "in", sorted(days)), ("settlement_id", "in", ids)])
    last = max(days)
    signed = [("business_date", ">=", min(days)), ("business_date", "<=", last + SIGNED_WITHIN)]
    rows += _where(lake, "signatures", [*signed, ("transaction_id", "in", ids)])
    references = sorted({each.rrn for each in subjects.values() if each.rrn})
    posted = [("business_date", ">=", min(days)), ("business_date", "<=", last + POSTED_WITHIN)]
    rows += _where(lake, "statement_lines", [*posted, ("rrn", "in", references)])
    places = [
        (str(next(iter(row.key.values()))), side, row.values[segment], row.values[seq])
        for row in rows
        for side, segment, seq in SIDES
        if row.values.get(segment) is not None and row.values.get(seq) is not None
    ]
    segments, seqs = sorted({each[2] for each in places}), sorted({each[3] for each in places})
    raw = _where(lake, "raw_frames", [("segment_id", "in", segments), ("seq", "in", seqs)]) if places else []
    by_place = {(row.values["segment_id"], row.values["seq"]): row for row in raw}
    if not any(serials(row.values["profile"], row.values["frame"] or b"") for row in raw):
        for signing_in, frame in _sign_ins(lake, subjects.values(), days):
            place = (frame.values["segment_id"], frame.values["seq"])
            by_place[place] = frame
            rows.append(signing_in)
            places.append((signing_in.values["event_id"], "sign_in", *place))
    wanted = {(segment, seq) for _, _, segment, seq in places}
    found, searched = _ranges(settings.spool.directory, wanted)
    frames = tuple(
        Frame(name, side, by_place[segment, seq], found.get((segment, seq)))
        for name, side, segment, seq in places
        if (segment, seq) in by_place
    )
    rows += [row for place, row in sorted(by_place.items()) if place in wanted]
    deposit = _deposit(record, settings.deposits)
    until = record.opened_at.astimezone(settings.zone).date()
    months = tuple(takings_by_month(lake, deposit, until)) if deposit else ()
    return Grounds(record, tuple(rows), frames, searched, deposit, months)


def _deposit(record: CaseRecord, deposits: Iterable[Deposit]) -> Deposit | None:
    """The registered deposit that a case is about: its findings say whose, how much and signed when."""
    told = {
        (
            each.merchant_id,
            each.amount_at_risk_fen + (each.evidence.get("returned_fen") or 0),
            each.evidence.get("signed_on"),
        )
        for each in record.findings
    }
    return next((d for d in deposits if (d.merchant, d.amount_fen, d.signed_on.isoformat()) in told), None)


def _sign_ins(lake: Lake, subjects: Iterable[Subject], days: Collection[dt.date]) -> Iterator[tuple[Row, Row]]:
    """For each terminal its last sign-in before the case that tells the device's serial number, and its frame."""
    first: dict[str, dt.datetime] = {}
    for each in subjects:
        if (when := happened(each)) and (each.terminal_id not in first or when < first[each.terminal_id]):
            first[each.terminal_id] = when
    within = [("business_date", ">=", min(days) - SIGNED_IN_WITHIN), ("business_date", "<=", max(days))]
    wanted = [*within, ("operation", "==", "SIGN_IN"), ("terminal_id", "in", sorted(first))]
    for row in sorted(_where(lake, "events", wanted), key=lambda each: each.values["event_at"], reverse=True):
        terminal, place = row.values["terminal_id"], (row.values["segment_id"], row.values["request_seq"])
        if terminal not in first or None in place or row.values["event_at"] > first[terminal]:
            continue
        for frame in _where(lake, "raw_frames", [("segment_id", "==", place[0]), ("seq", "==", place[1])]):
            if serials(frame.values["profile"], frame.values["frame"] or b""):
                del first[terminal]
                yield row, frame


def segment_by_id(directory: Path) -> dict[str, Path]:
    """The sealed segments that a spool still holds, by their ids; none when there is no spool."""
    if not directory.is_dir():
        return {}
    found = {}
    for path in segment_files(directory):
        match = NAME.fullmatch(path.name)
        if match and path.suffix == SEALED:
            found[match[2]] = path
    return found


def _ranges(directory: Path, wanted: Iterable[tuple[str, int]]) -> tuple[dict[tuple[str, int], Range], bool]:
    """Where these records stand in the spool's files, for those that are still there."""
    files = segment_by_id(directory)
    by_segment: dict[str, set[int]] = {}
    for segment, seq in wanted:
        by_segment.setdefault(segment, set()).add(seq)
    found = {}
    for segment, seqs in sorted(by_segment.items()):
        if (path := files.get(segment)) is None:
            continue
        data = path.read_bytes()
        whole = hashlib.sha256(data).hexdigest()
        for entry in walk(data):
            if isinstance(entry, Raw) and entry.seq in seqs:
                digest = hashlib.sha256(data[entry.offset : entry.end]).hexdigest()
                found[segment, entry.seq] = Range(
                    path.name, segment, entry.seq, entry.offset, entry.size, digest, whole
                )
    return found, bool(files)


def _where(lake: Lake, table: str, filters: Sequence[tuple[str, str, Any]]) -> list[Row]:
    if any(op == "in" and not value for _, op, value in filters):
        return []
    rows = [Row(table, values) for values in lake.read(table, filters=list(filters)).to_pylist()]
    return sorted(rows, key=lambda row: json.dumps(row.key, default=str))


def row_hash(lake: Lake, table: str, key: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    """The hash of a row as it stands in the lake now; None when no such row is there.

    Raises:
        LakeError: the table cannot be read.
    """
    known = {column.name for column in TABLES[table].columns}
    if not set(columns) <= known:
        return None
    found = lake.read(table, columns=list(columns), filters=[(name, "==", value) for name, value in key.items()])
    hashes = {Row(table, values).sha256 for values in found.to_pylist()}
    return hashes.pop() if len(hashes) == 1 else None


def _plain(value: object) -> str:
    match value:
        case bytes():
            return value.hex()
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()
        case _:
            message = f"a row cannot hold a {type(value).__name__}"
            raise TypeError(message)

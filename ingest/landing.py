"""Landing: sealed segments -> ``raw_frames`` -> transactions, settlements, events, signatures, rejects.

Two steps, each a pure function of what is there and each committed under a name of its
own. A segment's records go into ``raw_frames`` once, the segment's id being the
application id of the commit. Then the tables are worked out again from ``raw_frames``,
for the days that the new frames can have changed, and committed with the version of
``raw_frames`` they stand on. So a run may die anywhere, be repeated, or meet another run:
what is missing is done by the next, and what is done is not done twice.
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.decoding import Decoded, decode, journal_day
from ingest.errors import LakeError, SpoolError
from ingest.exchange import changed
from ingest.records import Kind, Record
from ingest.scan import remedy
from ingest.segment import HEADER_SIZE, decode_header
from ingest.segments import SegmentInfo, from_ns, read_segment, sealed_segments
from ingest.settings import Settings
from ingest.signing import signatures
from ingest.tables import TABLES, Lake
from ingest.uploading import batch_uploads
from protocols.profile import Profile, load_profile

if TYPE_CHECKING:
    import pyarrow as pa

RULES = 3
"""Raised when the same frames give other rows than before: the tables are then worked out anew from the first day."""
APPLICATION = f"raw_frames-r{RULES}"
DERIVED = {
    "transactions": "financial",
    "settlements": "settlement",
    "events": "event",
    "signatures": "",
    "batch_uploads": "",
    "rejects": "",
}
ROUNDS = 50

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class LandResult:
    """What one run did.

    ``segments`` and ``frames`` came in now; ``rows`` are the rows, by table, of the days
    that were worked out again; ``damaged`` has a line for each segment that came in now
    with damage, or that could not be opened and is tried again; ``duration`` is seconds.
    """

    segments: int
    frames: int
    rows: dict[str, int]
    damaged: list[str]
    duration: float

    @property
    def transactions(self) -> int:
        """Rows of ``transactions`` in the days that were worked out again."""
        return self.rows.get("transactions", 0)

    @property
    def rejects(self) -> int:
        """Rows of ``rejects`` in the days that were worked out again."""
        return self.rows.get("rejects", 0)

    @property
    def changed(self) -> bool:
        """Whether any table got a commit."""
        return bool(self.segments or self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of `tillwatch land --json`."""
        return {"segments": self.segments, "frames": self.frames, **self.rows, "damaged": len(self.damaged)}


def land(settings: Settings, progress: Progress | None = None) -> LandResult:
    """Land every sealed segment that is not in the lake yet, and bring the tables up to date.

    Safe to run again, and twice at once. A damaged segment is landed as far as it can be
    read, with a row of ``rejects`` for what cannot, and named in the result. Once a sound
    copy is in its place, the records that were missing land too.

    Raises:
        SpoolError: the spool cannot be read.
        LakeError: a table cannot be read or written.
    """
    started = time.monotonic()
    tell = progress or (lambda _what, _done, _all: None)
    lake, zone = Lake.of(settings.lake), settings.zone
    segments = {info.id: info for info in sealed_segments(settings.spool.directory)}
    new = lake.uncommitted("raw_frames", segments)
    waiting = lake.uncommitted("raw_frames", [_salvaged(segment) for segment in new])
    landed = frames = 0
    damaged = []
    for done, segment in enumerate(new):
        tell("segments", done, len(new))
        try:
            records, damage = _records(segments[segment])
        except SpoolError as unread:
            damaged.append(unread.message)
            continue
        rows = [row_of(segment, record, zone) for record in records]
        if _salvaged(segment) not in waiting:
            if damage:
                continue  # what can be read of it is in; it is looked at again until a sound copy is there
            there = _numbers(lake, segment)
            rows = [row for row in rows if row["seq"] not in there]
        if lake.append("raw_frames", rows, app_id=_salvaged(segment) if damage else segment):
            landed += 1
            frames += sum(row["kind"] == "frame" for row in rows)
            damaged += [damage] if damage else []
    tell("segments", len(new), len(new))
    stand = derive(lake, zone, tell, own_profiles(settings))
    for name in [*DERIVED, *(["raw_frames"] if landed else [])]:
        lake.sweep(name)
    return LandResult(landed, frames, stand, damaged, time.monotonic() - started)


def _salvaged(segment: str) -> str:
    """The application id of what could be read of a damaged segment; the segment's own is for the whole."""
    return f"{segment}.salvaged"


def _numbers(lake: Lake, segment: str) -> set[int]:
    """The records of a segment that are in the lake."""
    where = [("segment_id", "==", segment), ("kind", "!=", "gap")]
    return set(lake.read("raw_frames", columns=["seq"], filters=where)["seq"].to_pylist())


def _records(info: SegmentInfo) -> tuple[list[Record], str]:
    """A segment's records, and what is wrong with it, if anything is.

    Raises:
        SpoolError: nothing can be said of it yet: it cannot be opened, or another version of tillwatch wrote it.
    """
    try:
        return list(read_segment(info.path)), ""
    except SpoolError as damage:
        if _is_of_another_version(info.path):
            raise SpoolError(f"{damage.message}; it waits for a tillwatch that knows it") from None
        records = list(read_segment(info.path, salvage=True))
        if not any(record.kind is Kind.GAP for record in records):
            last = records[-1].seq if records else info.first_seq
            facts = {"reason": damage.message.removeprefix(f"{info.path}: "), "bytes": info.size}
            records.append(Record(last, Kind.GAP, "", "", 0, 0, 0, facts=facts))
        sealed = (info.sealed_at - from_ns(0)) // dt.timedelta(microseconds=1) * 1000
        return [record if record.wall_ns else _at(record, sealed) for record in records], damage.message


def _is_of_another_version(path: Path) -> bool:
    """Whether the header is sound but not of this format."""
    with path.open("rb") as file:
        head = file.read(HEADER_SIZE)
    try:
        decode_header(head)
    except ValueError as wrong:
        return str(wrong).startswith("format version")
    return False


def _at(record: Record, wall_ns: int) -> Record:
    return Record(record.seq, record.kind, record.line, record.profile, wall_ns, 0, 0, facts=record.facts)


def row_of(segment: str, record: Record, zone: ZoneInfo) -> dict[str, Any]:
    """A record of a segment as a row of ``raw_frames``."""
    seen = from_ns(record.wall_ns)
    told = record.error if record.kind is Kind.NOISE else record.facts
    carries = record.kind in {Kind.FRAME, Kind.NOISE}
    return {
        "segment_id": segment,
        "seq": record.seq,
        "line": record.line,
        "profile": record.profile,
        "direction": record.direction,
        "kind": record.kind.name.lower(),
        "seen_at": seen,
        "mono_ns": record.mono_ns,
        "boot_id": record.boot_id,
        "frame": record.frame if record.kind is Kind.FRAME else None,
        "length": record.length if carries else record.facts.get("bytes"),
        "digest": record.digest.hex() if carries else None,
        "card_token": record.card_token,
        "error": json.dumps(told, ensure_ascii=False, sort_keys=True) if told else None,
        "day": _day(record, seen, zone),
    }


def _day(record: Record, seen: dt.datetime, zone: ZoneInfo) -> dt.date:
    """Local day of reception; of a journal's record the day it is about, so that it lies beside its exchange."""
    about = journal_day(record.profile, record.frame, seen, zone) if record.kind is Kind.FRAME else None
    return about or seen.astimezone(zone).date()


def own_profiles(settings: Settings) -> dict[str, Profile]:
    """The profiles of the settings' lines that are files of one's own, by the names under which frames are recorded.

    Raises:
        ProfileError: such a file is gone or wrong; nothing that it reads would land.
    """
    files = {line.profile for line in settings.lines if line.profile.endswith(".toml")}
    return {profile.name: profile for profile in map(load_profile, sorted(files))}


def derive(lake: Lake, zone: ZoneInfo, tell: Progress, own: Mapping[str, Profile]) -> dict[str, int]:
    """Bring the derived tables up to ``raw_frames``; rows, by table, of the days that this run replaced.

    Args:
        lake: the tables.
        zone: the merchant's.
        tell: hears of the progress.
        own: profiles that are not built in, by their names.

    Raises:
        LakeError: other runs kept committing first, or ``raw_frames`` is older than what was made from it.
    """
    written: dict[str, int] = {}
    for _ in range(ROUNDS):
        version = lake.version("raw_frames")
        stands = {name: lake.committed(name, APPLICATION) for name in DERIVED}
        behind = [name for name, at in stands.items() if version is not None and (at is None or at < version)]
        if version is None or not behind:
            _refuse_older(lake, stands)
            return written
        since = None if None in stands.values() else min(at for at in stands.values() if at is not None)
        days, tables = _work_out(lake, zone, version, since, tell, own)
        for name in behind:
            where = {"seen_date": sorted(days)} if days else {}
            if lake.replace(name, tables[name], partitions=where, app_id=APPLICATION, app_version=version):
                written[name] = written.get(name, 0) + tables[name].num_rows
    raise LakeError(f"{lake.root}: other runs kept committing first", hint="let one `tillwatch land` run at a time")


def _refuse_older(lake: Lake, stands: dict[str, int | None]) -> None:
    """A raw_frames that is older than the tables made from it, or gone, would leave new frames out of them unsaid."""
    version = lake.version("raw_frames") or 0
    for name, at in stands.items():
        if at is not None and at > version:
            raise LakeError(
                f"{lake.root / name}: made from version {at} of raw_frames, which is at {version}",
                hint=remedy("raw_frames"),
            )


def _work_out(  # noqa: PLR0917  what one round of derive knows
    lake: Lake, zone: ZoneInfo, version: int, since: int | None, tell: Progress, own: Mapping[str, Profile]
) -> tuple[set[dt.date], "dict[str, pa.Table]"]:
    """The days that changed since a version of ``raw_frames``, and their rows of every derived table."""
    import pyarrow.compute as pc

    from ingest.rows import as_table

    added = lake.added("raw_frames", version=version, since=since)
    fresh = {file["partition.day"] for file in added}
    there = {file["partition.day"] for file in lake.added("raw_frames", version=version)}
    segments = {str(file["path"]).rpartition("/")[2].partition(".")[0] for file in added}
    if not fresh:
        return fresh, {name: as_table(TABLES[name], []) for name in DERIVED}
    decoded: dict[dt.date, Decoded] = {}

    def load(day: dt.date) -> "pa.Table":
        tell("days", len(decoded), len(decoded) + 1)
        decoded[day] = decode(lake.read("raw_frames", filters=[("day", "==", day)], version=version), zone, own)
        tell("days", len(decoded), len(decoded))
        return decoded[day].frames

    days, rows, signed, uploaded = changed(load, there, fresh, segments)
    tables = {name: _select(rows, name, kind) for name, kind in DERIVED.items() if kind}
    rejects = [row for day in sorted(days) for row in decoded[day].rejects]
    uploads = {place: upload for each in decoded.values() for place, upload in each.uploads.items()}
    pictures = signatures(signed.to_pylist(), uploads)
    listed = {place: rows for each in decoded.values() for place, rows in each.listed.items()}
    sent = rows.filter(pc.field("operation") == "BATCH_UPLOAD").to_pylist()
    return days, tables | {
        "rejects": as_table(TABLES["rejects"], rejects),
        "signatures": as_table(TABLES["signatures"], pictures),
        "batch_uploads": as_table(TABLES["batch_uploads"], batch_uploads(sent, uploaded.to_pylist(), listed)),
    }


def _select(rows: "pa.Table", name: str, kind: str) -> "pa.Table":
    """The exchanges of one kind, in a table's columns; a column nothing is known of is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from ingest.rows import arrow_schema

    rows = rows.filter(pc.field("kind") == kind)
    schema = arrow_schema(TABLES[name])
    identity = TABLES[name].columns[0].name
    arrays = []
    for field in schema:
        source = "id" if field.name == identity else field.name
        known = source in rows.column_names
        arrays.append(rows[source].cast(field.type) if known else pa.nulls(rows.num_rows, field.type))
    return pa.table(arrays, schema=schema)

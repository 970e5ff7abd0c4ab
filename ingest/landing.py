"""Landing: sealed segments -> ``raw_frames`` -> transactions, settlements, events, signatures, rejects.

Two steps, each a pure function of what is there and each committed under a name of its
own. A segment's records go into ``raw_frames`` once, the segment's id being the
application id of the commit. Then the tables are worked out again from ``raw_frames``,
for the days that the new frames can have changed, and committed with the version of
``raw_frames`` they stand on. So a run may die anywhere, be repeated, or meet another run:
what is missing is done by the next, and what is done is not done twice.
"""

import contextlib
import datetime as dt
import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest import arrow_memory
from ingest.alongside import Alongside, alongside
from ingest.batch_metrics import Run, measured
from ingest.decoding import COMPILED_FROM, journal_day
from ingest.deriving import DERIVED, Progress, Stage, derive
from ingest.errors import SpoolError, StoreError, TillwatchError
from ingest.handing import MOST_SEGMENTS, Flow, Handed
from ingest.neighbours import Neighbours
from ingest.overlap import ahead, alone
from ingest.profiles import own_profiles
from ingest.records import Kind, Record
from ingest.rows import as_table
from ingest.segment import HEADER_SIZE, decode_header
from ingest.segment_table import segment_table
from ingest.segments import SegmentInfo, from_ns, read_segment, sealed_segments
from ingest.settings import Settings
from ingest.tables import TABLES, Lake
from ingest.true_time import Clock
from protocols.columnar.loading import begin
from protocols.profile_files import available_journals

if TYPE_CHECKING:
    import pyarrow as pa

COMPILED_BYTES = 200 * COMPILED_FROM
"""Bytes of segments from which on numba pays: as many frames as make the decoder load it."""


@dataclass(frozen=True, slots=True)
class LandResult:
    """What one run did.

    ``segments`` and ``frames`` came in now; ``rows`` are the rows, by table, of the days
    that were worked out again; ``damaged`` has a line for each segment that came in now
    with damage, or that could not be opened and is tried again; ``duration`` is seconds;
    ``keys`` counts the segments that came in now by the key of their card tokens; ``clocks`` has
    a line for each segment that was recorded with a wrong clock: put right, or waiting.
    """

    segments: int
    frames: int
    rows: dict[str, int]
    damaged: list[str]
    duration: float
    keys: dict[str, int] = field(default_factory=dict)
    clocks: list[str] = field(default_factory=list)

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


@dataclass(slots=True)
class Brought:
    """What came into ``raw_frames``: segments by key of their card tokens, frames, a line for each damage and clock."""

    frames: int = 0
    damaged: list[str] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)
    clocks: list[str] = field(default_factory=list)

    @property
    def segments(self) -> int:
        """How many came in."""
        return self.keys.total()

    def add(self, more: "Brought") -> None:
        """Count another batch too."""
        self.frames += more.frames
        self.damaged += more.damaged
        self.keys += more.keys
        self.clocks += more.clocks

    def result(self, rows: dict[str, int], duration: float) -> LandResult:
        """As a run's, with the rows by table that stand on it now and the seconds it took."""
        return LandResult(
            self.segments, self.frames, rows, self.damaged, duration, keys=dict(self.keys), clocks=self.clocks
        )


def _tell(run: Run, settings: Settings, result: LandResult) -> None:
    del settings
    run.tell("land_segments", result.segments)
    run.tell("land_frames", result.frames)
    run.tell("land_damaged_segments", len(result.damaged))
    for table, rows in result.rows.items():
        run.tell("land_rows", rows, table)


@measured("land", _tell)
def land(settings: Settings, progress: Progress | None = None) -> LandResult:
    """Land every sealed segment that is not in the lake yet, and bring the tables up to date.

    Segments of the spool, and of the store that collectors ship to where ``lake.take_from`` names
    one. Safe to run again, and twice at once. A damaged segment is landed as far as it can be read,
    with a row of ``rejects`` for what cannot, and named in the result. Once a sound copy is in its
    place in the spool, the records that were missing land too.

    Raises:
        SpoolError: the spool cannot be read.
        LakeError: a table cannot be read or written.
        StoreError: the store, or something in it, cannot be read; everything else has landed and is in the tables.
    """
    started = time.monotonic()
    arrow_memory.keep()
    tell = progress or (lambda _what, _done, _all: None)
    lake, zone = Lake.of(settings.lake), settings.zone
    brought, stage = Brought(), _stage_of(settings)
    trouble: TillwatchError | None = None
    early = _early(settings, lake) if stage is None else None
    handed = Handed() if stage is None else None  # executors read
    try:
        with early or contextlib.nullcontext():
            for segments in _batches(settings, lake):
                brought.add(bring(lake, segments, zone, tell, early.handed if early else handed))
    except StoreError as wrong_store:
        trouble = wrong_store
    arrow_memory.give_back()
    stand = derive(lake, zone, tell, own_profiles(settings), stage, handed, early.made if early else None)
    for name in [*(DERIVED.keys() - stand), *(["raw_frames"] if brought.segments else [])]:
        lake.sweep(name)  # a table that was replaced has been
    if trouble is not None:
        raise trouble
    return brought.result(stand, time.monotonic() - started)


def _stage_of(settings: Settings) -> "Stage | None":
    """Who works the tables out: Spark's executors where the settings say so."""
    if settings.engine.land == "duckdb":
        return None
    from ingest.spark.deriving import stage_on

    return stage_on(settings)


def _early(settings: Settings, lake: Lake) -> Alongside | None:
    """What works out the tables of a long backlog meanwhile; not of one that comes from many collectors, mixed."""
    if settings.lake.take_from is not None:
        return None
    waiting = {info.id: info for info in sealed_segments(settings.spool.directory)}
    new = lake.uncommitted("raw_frames", waiting)
    if sum(waiting[segment].size for segment in new) < COMPILED_BYTES:
        return None
    return alongside(lake, settings.zone, own_profiles(settings), len(new))


def _batches(settings: Settings, lake: Lake) -> Iterator[list[SegmentInfo]]:
    """The segments to land: those of the spool, then those of the store, some at a time."""
    yield sealed_segments(settings.spool.directory)
    if settings.lake.take_from is not None:
        from ingest.depot import Depot
        from ingest.taking import batches, waiting

        depot = Depot(settings.lake.take_from)
        yield from batches(depot, waiting(depot, functools.partial(missing, lake)), settings.spool.directory)


def missing(lake: Lake, ids: Iterable[str]) -> list[str]:
    """Which segments have not landed; of a damaged one in the store nothing more can come.

    Raises:
        LakeError: the table's log cannot be read.
    """
    new = lake.uncommitted("raw_frames", ids)
    waiting = set(lake.uncommitted("raw_frames", map(_salvaged, new)))
    return [segment for segment in new if _salvaged(segment) in waiting]


def bring(
    lake: Lake, infos: list[SegmentInfo], zone: ZoneInfo, tell: Progress, handed: Handed | None = None
) -> Brought:
    """Put segments into ``raw_frames``, and hand their rows on: what of them came.

    Raises:
        LakeError: the table cannot be read or written.
    """
    segments = {info.id: info for info in infos}
    new = lake.uncommitted("raw_frames", segments)
    waiting = lake.uncommitted("raw_frames", [_salvaged(segment) for segment in new])
    brought = Brought()
    size = sum(segments[segment].size for segment in new)
    compiled = size >= COMPILED_BYTES
    if not isinstance(handed, Flow) and size > MOST_SEGMENTS:
        handed = None
    if compiled:
        begin()  # while the first segment is read and hashed
    journals = frozenset(available_journals())
    read = functools.partial(_read, zone=zone, journals=journals, compiled=compiled)
    about = functools.partial(_about, zone=zone, journals=journals)
    neighbours = Neighbours(infos, lake, lambda info: read(info)[0], Clock.at(dt.datetime.now(dt.UTC)), zone, about)
    in_turn = alone if isinstance(handed, Flow) else ahead
    for done, (segment, unread) in enumerate(in_turn(read, [segments[segment] for segment in new])):
        tell("segments", done, len(new))
        if isinstance(handed, Flow):
            handed.wait()
        brought.add(_bring_one(lake, segment, unread, neighbours, handed, in_part=_salvaged(segment.id) not in waiting))
    tell("segments", len(new), len(new))
    return brought


def _bring_one(
    lake: Lake,
    segment: SegmentInfo,
    unread: "Callable[[], tuple[pa.Table, str]]",
    neighbours: Neighbours,
    handed: Handed | None,
    *,
    in_part: bool,
) -> Brought:
    """Put a segment into ``raw_frames``, or what is missing of one that is in as far as it could be read."""
    import pyarrow.compute as pc

    try:
        found, damage = unread()
    except SpoolError as wrong:
        return Brought(damaged=[wrong.message])
    rows, told = neighbours.put_right(segment, found)
    if rows is None:
        return Brought(damaged=[told])
    if in_part:
        if damage:
            return Brought()  # what can be read of it is in; it is looked at again until a sound copy is there
        rows = rows.filter(~pc.field("seq").isin(_numbers(lake, segment.id)))
    if not lake.append("raw_frames", rows, app_id=_salvaged(segment.id) if damage else segment.id, handed=handed):
        return Brought()
    frames = pc.sum(pc.equal(rows["kind"], "frame")).as_py() or 0
    return Brought(frames, [damage] if damage else [], Counter([segment.key_id]), [told] if told else [])


def _salvaged(segment: str) -> str:
    """The application id of what could be read of a damaged segment; the segment's own is for the whole."""
    return f"{segment}.salvaged"


def _numbers(lake: Lake, segment: str) -> "pa.Array":
    """The records of a segment that are in the lake."""
    where = [("segment_id", "==", segment), ("kind", "!=", "gap")]
    return lake.read("raw_frames", columns=["seq"], filters=where)["seq"].combine_chunks()


def _read(info: SegmentInfo, zone: ZoneInfo, journals: frozenset[str], *, compiled: bool) -> "tuple[pa.Table, str]":
    """A segment's rows of ``raw_frames``, and what is wrong with it, if anything is.

    Raises:
        SpoolError: see ``_records``.
    """
    row = functools.partial(row_of, zone=zone, journals=journals)
    try:
        table = segment_table(info.path, info.id, zone, journals, row, compiled=compiled)
    except OSError:
        table = None  # reading it record by record tells what is wrong
    if table is not None:
        return table, ""
    records, damage = _records(info)
    return as_table(TABLES["raw_frames"], [row(info.id, record) for record in records]), damage


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


def row_of(segment: str, record: Record, zone: ZoneInfo, journals: frozenset[str]) -> dict[str, Any]:
    """A record of a segment as a row of ``raw_frames``; ``journals`` are the profiles of journals."""
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
        "day": _day(record, seen, zone, journals),
    }


def _day(record: Record, seen: dt.datetime, zone: ZoneInfo, journals: frozenset[str]) -> dt.date:
    """Local day of reception; of a journal's record the day it is about, so that it lies beside its exchange."""
    is_frame = record.kind is Kind.FRAME
    about = _about(record.profile, record.frame, seen, zone=zone, journals=journals) if is_frame else None
    return about or seen.astimezone(zone).date()


def _about(
    profile: str, frame: bytes, seen: dt.datetime, *, zone: ZoneInfo, journals: frozenset[str]
) -> dt.date | None:
    """The day a journal's record is about; None of a frame of a line."""
    return journal_day(profile, frame, seen, zone) if profile in journals else None

"""``raw_frames`` -> transactions, settlements, events, signatures, batch_uploads, rejects.

Days are worked out some at a time, in their order, each with as many days around it as its
exchanges reach; while one piece is written, the next is decoded and joined. All pieces of a
table are committed at once. So memory is bounded by the days, not by how many of them wait.
"""

import datetime as dt
import functools
import itertools
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from ingest import arrow_memory
from ingest.coded import Coded
from ingest.decoding import COMPILED_FROM, Decoded, decode
from ingest.errors import LakeError
from ingest.exchange import UPLOAD_REACH, Changed, changed
from ingest.handing import Handed
from ingest.lake import FilesGoneError, Lake
from ingest.overlap import abreast, behind, workers
from ingest.rows import arrow_schema, as_table, as_type, nulls
from ingest.scan import remedy
from ingest.signing import signatures
from ingest.staging import Staged
from ingest.tables import TABLES
from ingest.uploading import batch_uploads
from protocols.profile import Profile

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
PIECE_ROWS = 150_000
"""So many recorded rows are worked out at a time, or one day where a day has more."""
GIVE_BACK_ROWS = 1_000_000
"""After so many recorded rows the system gets back what Arrow keeps: threads' leavings grow slowly."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def derive(  # noqa: PLR0917  what a landing knows
    lake: Lake,
    zone: ZoneInfo,
    tell: Progress,
    own: Mapping[str, Profile],
    stage: "Stage | None" = None,
    handed: Handed | None = None,
    made: "Made | None" = None,
) -> dict[str, int]:
    """Bring the derived tables up to ``raw_frames``; rows, by table, of the days that this run replaced.

    Args:
        lake: the tables.
        zone: the merchant's.
        tell: hears of the progress.
        own: profiles that are not built in, by their names.
        stage: works the days out and writes their rows; in this process by default.
        handed: rows of ``raw_frames`` that this process has committed; others are read.
        made: has some of it ready (`ingest.alongside`); what it has not is worked out here.

    Raises:
        LakeError: other runs kept committing first, or ``raw_frames`` is older than what was made from it;
            a newer tillwatch made the tables.
    """
    _refuse_newer(lake)
    written: dict[str, int] = {}
    for _ in range(ROUNDS):
        version = lake.version("raw_frames")
        stands = {name: lake.committed(name, APPLICATION) for name in DERIVED}
        late = [name for name, at in stands.items() if version is not None and (at is None or at < version)]
        if version is None or not late:
            _refuse_older(lake, stands)
            return written
        since = None if None in stands.values() else min(at for at in stands.values() if at is not None)
        ready = made(version, since) if made is not None else None
        try:
            days, staged = ready or (stage or staged_of)(Work(lake, zone, version, since, tell, own, handed), late)
        except FilesGoneError:
            if lake.version("raw_frames") == version:
                raise
            continue  # maintenance put its files together meanwhile
        lake.secure("raw_frames")  # or a power cut might leave tables that stand on frames which are gone
        for name in _put(lake, {name: staged[name] for name in late}, days, version):
            written[name] = written.get(name, 0) + staged[name].rows
    raise LakeError(
        f"{lake.place.at()}: other runs kept committing first", hint="let one `tillwatch land` run at a time"
    )


def _put(lake: Lake, staged: "dict[str, Staged]", days: set[dt.date], version: int) -> list[str]:
    """Put tables' rows in the place of those of some days: which of them took them. The first is in before the others.

    Each is a commit of its own, and most of one is waiting for the disk: two go at once.
    """
    where = {"seen_date": sorted(days)} if days else {}

    def put(name: str) -> bool:
        return lake.replace(name, staged[name], partitions=where, app_id=APPLICATION, app_version=version)

    first, *others = staged
    return list(itertools.compress(staged, [put(first), *abreast(put, others)]))


def _refuse_newer(lake: Lake) -> None:
    """Tables that later rules made are not made again by ours; the first of them is written first."""
    later = [f"raw_frames-r{number}" for number in range(RULES + 1, RULES + 100)]
    name = next(iter(DERIVED))
    if len(lake.uncommitted(name, later)) < len(later):
        told = f"{lake.place.at(name)}: written by a newer version of tillwatch"
        raise LakeError(told, hint="update tillwatch on this machine; nothing was changed")


def _refuse_older(lake: Lake, stands: dict[str, int | None]) -> None:
    """A raw_frames that is older than the tables made from it, or gone, would leave new frames out of them unsaid."""
    version = lake.version("raw_frames") or 0
    for name, at in stands.items():
        if at is not None and at > version:
            raise LakeError(
                f"{lake.place.at(name)}: made from version {at} of raw_frames, which is at {version}",
                hint=remedy("raw_frames"),
            )


Piece: TypeAlias = "tuple[set[dt.date], dict[str, pa.Table]]"
"""Days, and their rows of every derived table."""
Stage: TypeAlias = "Callable[[Work, list[str]], tuple[set[dt.date], dict[str, Staged]]]"
"""Works out what changed and writes these tables' rows, none of it in the log: the days that changed, the files."""


Made: TypeAlias = "Callable[[int, int | None], tuple[set[dt.date], dict[str, Staged]] | None]"
"""Has the files of all tables for a version of ``raw_frames``, and one that they stood on before; or has not."""


def staged_of(work: "Work", names: list[str]) -> tuple[set[dt.date], dict[str, Staged]]:
    """Write the pieces' rows, each piece while the next is worked out; nothing is in the log yet."""
    days: set[dt.date] = set()
    staged = {name: Staged() for name in names}

    def write(tables: "dict[str, pa.Table]") -> None:
        for name in names:
            if tables[name].num_rows:
                work.stage(name, tables[name], staged[name])

    with behind(write) as later:
        for of, tables in work.pieces():
            days |= of
            later(tables)
            del tables  # written meanwhile, while the next are made
    return days, staged


class Work:
    """One round of ``derive``: the days that changed since a version of ``raw_frames``.

    Args:
        lake: the tables.
        zone: the merchant's.
        version: of ``raw_frames``.
        since: the version that the tables stand on; None when they are made anew.
        tell: hears of the progress.
        own: profiles that are not built in, by their names.
        handed: see ``derive``.
    """

    def __init__(  # noqa: PLR0917  what one round of derive knows
        self,
        lake: Lake,
        zone: ZoneInfo,
        version: int,
        since: int | None,
        tell: Progress,
        own: Mapping[str, Profile],
        handed: Handed | None = None,
    ) -> None:
        self.version, self.since = version, since
        self._readable: int | None = version
        self._lake, self._zone, self._tell, self._own, self._handed = lake, zone, tell, own, handed
        self._rows: dict[dt.date, int] = {}
        self._files: dict[dt.date, list[str]] = {}
        self._fresh: set[dt.date] = set()
        self._segments: set[str] = set()
        self._done: set[dt.date] = set()
        self._look()
        self._compiled = sum(self._rows[day] for day in self._fresh) >= COMPILED_FROM
        self._decoded: dict[dt.date, Decoded] = {}
        self._coded = Coded()
        self._coming: dict[dt.date, Future[Decoded]] = {}
        self._loaded = self._given = 0

    def _look(self) -> None:
        """See what the log lists, and what of it is new."""
        for file in self._lake.added("raw_frames", version=self.version):
            self._note(file["partition.day"], file["path"], int(file["num_records"]))
        for file in self._lake.added("raw_frames", version=self.version, since=self.since):
            self._note_new(file["partition.day"], file["path"])

    def _note(self, day: dt.date, path: str, rows: int) -> None:
        """A file of ``raw_frames``."""
        self._rows[day] = self._rows.get(day, 0) + rows
        self._files.setdefault(day, []).append(path)

    def _note_new(self, day: dt.date, path: str) -> None:
        self._fresh.add(day)
        self._segments.add(path.rpartition("/")[2].partition(".")[0])

    def pieces(self) -> Iterator[Piece]:
        """The days concerned, in order, with their rows of every derived table."""
        with workers(1, "tillwatch-decoding") as pool:
            for piece in self.cut():
                made = self.piece(piece, pool, self._ahead(), elsewhere=self._elsewhere(piece))
                self._done |= made[0]
                yield made
                del made  # or its rows would stay while the next are made
                coming = self._after(piece)
                self._forget(coming)
                self._give_back(piece, coming)

    def _ahead(self) -> list[dt.date]:
        """The days that will be wanted, in order."""
        return sorted({day + dt.timedelta(step) for day in self._fresh for step in (-1, 0, 1)} & self._rows.keys())

    def _elsewhere(self, piece: list[dt.date]) -> Container[dt.date]:
        """The days that other pieces are made for, or were."""
        return {*self._after(piece), *self._done}

    def _after(self, piece: list[dt.date]) -> list[dt.date]:
        """The days with new frames behind those of a piece, in order."""
        return [day for day in self.fresh if day > piece[-1]]

    def piece(
        self,
        days: list[dt.date],
        pool: ThreadPoolExecutor,
        ahead: list[dt.date],
        *,
        elsewhere: Container[dt.date],
    ) -> Piece:
        """Some new days, those they change, and their rows; but for days of other calls (``elsewhere``).

        ``pool`` decodes days that will be wanted, those of ``ahead``, while others are paired.
        """
        load = functools.partial(self._load, ahead=ahead, pool=pool)
        pair = functools.partial(changed, load, self._there, coded=self._coded, compiled=self._compiled)
        found = pair(set(days), self._segments, elsewhere=elsewhere)
        return found.days, self._tables(found)

    def stage(self, name: str, rows: "pa.Table", staged: Staged) -> None:
        """Write rows of a table under a name that any other writer of them would choose as well."""
        self._lake.stage(name, rows, staged, app_id=APPLICATION, app_version=self.version)

    @property
    def fresh(self) -> list[dt.date]:
        """The days with new frames, in order."""
        return sorted(self._fresh)

    def cut(self) -> Iterator[list[dt.date]]:
        """The days with new frames, as many together as are worked out at a time."""
        fresh = self.fresh
        while fresh:
            piece = self._first(fresh)
            yield piece
            fresh = fresh[len(piece) :]

    def _first(self, fresh: list[dt.date]) -> list[dt.date]:
        """The next days, as many as are worked out at a time."""
        rows, piece = 0, list[dt.date]()
        for day in fresh:
            rows += self._rows[day]
            if piece and rows > PIECE_ROWS:
                break
            piece.append(day)
        return piece

    def _give_back(self, piece: list[dt.date], coming: list[dt.date]) -> None:
        """Let the system have what Arrow keeps, after so many rows; at the end the process does."""
        self._given += sum(self._rows[day] for day in piece)
        if self._given > GIVE_BACK_ROWS and coming:
            self._given = 0
            arrow_memory.give_back()

    def _there(self, days: set[dt.date]) -> set[dt.date]:
        """Which of some days have recorded rows."""
        return days & self._rows.keys()

    def _load(self, day: dt.date, ahead: list[dt.date], pool: ThreadPoolExecutor) -> "pa.Table":
        """The frames of a day; the next of those that are wanted is decoded beside it, and while this one is paired."""
        if day not in self._decoded:
            self._tell("days", self._loaded, self._loaded + 1)
            coming = self._coming.pop(day, None)
            later = next((each for each in ahead if each > day), None)
            if later is not None and later not in self._decoded and later not in self._coming:
                self._coming[later] = pool.submit(self._decode, later)
            self._decoded[day] = self._decode(day) if coming is None else coming.result()
            self._loaded += 1
            self._tell("days", self._loaded, self._loaded)
        return self._decoded[day].frames

    def _decode(self, day: dt.date) -> Decoded:
        return decode(self._recorded(day), self._zone, self._own, compiled=self._compiled)

    def _recorded(self, day: dt.date) -> "pa.Table":
        """The rows of a day as its files have them, in the order of the files' names."""
        import pyarrow as pa

        parts = None if self._handed is None else self._handed.take(sorted(self._files[day]))
        if parts is None:
            return self._lake.read("raw_frames", filters=[("day", "==", day)], version=self._readable)
        rows = pa.concat_tables(parts)
        return as_table(TABLES["raw_frames"], rows.append_column("day", pa.repeat(pa.scalar(day), rows.num_rows)))

    def _forget(self, coming: list[dt.date]) -> None:
        """Keep of the decoded days what the next piece may reach back to, as far as it fits."""
        first = coming[0] - dt.timedelta(UPLOAD_REACH + 1) if coming else dt.date.max
        kept = 0
        for day in sorted(self._decoded, reverse=True):
            kept += self._rows[day]
            near = coming and day >= coming[0] - dt.timedelta(1)
            if day < first or (not near and kept > 2 * PIECE_ROWS):
                del self._decoded[day]

    def _tables(self, found: Changed) -> "dict[str, pa.Table]":
        """The rows of every derived table of some days."""
        import pyarrow.compute as pc

        days, rows, signed, uploaded = found
        decoded = self._decoded.values()
        tables = {name: _select(rows, name, kind) for name, kind in DERIVED.items() if kind}
        rejects = [row for day in sorted(days) for row in self._decoded[day].rejects]
        uploads = {place: upload for each in decoded for place, upload in each.uploads.items()}
        pictures = signatures(signed.to_pylist(), uploads)
        listed = {place: rows for each in decoded for place, rows in each.listed.items()}
        sent = rows.filter(pc.equal(rows["operation"], "BATCH_UPLOAD")).to_pylist()
        return tables | {
            "rejects": as_table(TABLES["rejects"], rejects),
            "signatures": as_table(TABLES["signatures"], pictures),
            "batch_uploads": as_table(TABLES["batch_uploads"], batch_uploads(sent, uploaded.to_pylist(), listed)),
        }


def _select(rows: "pa.Table", name: str, kind: str) -> "pa.Table":
    """The exchanges of one kind, in a table's columns; a column nothing is known of is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mine = pc.equal(rows["kind"], kind)
    if not pc.any(mine).as_py():
        rows = rows.slice(0, 0)
    elif not pc.all(mine).as_py():
        rows = rows.filter(mine)
    schema = arrow_schema(TABLES[name])
    identity = TABLES[name].columns[0].name
    none = nulls(rows.num_rows, schema.types)
    arrays, names = [], set(rows.column_names)
    for field in schema:
        source = "id" if field.name == identity else field.name
        known = source in names and rows[source].null_count < rows.num_rows
        arrays.append(as_type(rows[source], field.type) if known else none[field.type])
    return pa.table(arrays, schema=schema)

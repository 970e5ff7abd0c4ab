"""The derived tables worked out by Spark's executors: each decodes, joins and writes some days.

An executor runs the same code over the same columns as a landing in one process, and puts its files where that would
put them, under names made of their content: a task that is run twice writes nothing twice. The log is the driver's
alone; it takes all files of a table in one commit. Pieces do not know of each other: a day without new frames that
two of them change is worked out by both, alike, and taken from the first.
"""

import datetime as dt
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ingest.deriving import Stage, Work
from ingest.errors import LakeError
from ingest.lake import FilesGoneError, Lake
from ingest.profiles import own_profiles
from ingest.scan import first_line
from ingest.settings import Settings
from ingest.spark.session import session
from ingest.staging import Staged

if TYPE_CHECKING:
    import pyarrow as pa

_SCHEMA = "piece int, day date, name string, path string, size bigint, folders string, stats string, rows bigint"


def stage_on(settings: Settings) -> Stage:
    """Works the days out on the cluster of the settings, which is asked only when there are any."""

    def stage(work: Work, names: list[str]) -> tuple[set[dt.date], dict[str, Staged]]:
        pieces = list(work.cut())
        task = _task(settings, work.version, work.since, names, pieces)
        with session(settings.engine) as spark:
            told = spark.range(0, len(pieces), 1, max(1, len(pieces))).mapInArrow(task, _SCHEMA)
            try:
                rows = told.toArrow().to_pylist()
            except Exception as wrong:
                raise _named(wrong) from wrong
        return _together(rows, names)

    return stage


def _task(settings: Settings, version: int, since: int | None, names: list[str], pieces: list[list[dt.date]]) -> Any:
    """What an executor does with the numbers of some pieces."""

    def run(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        lake = Lake.of(settings.lake)
        fresh = {day for piece in pieces for day in piece}
        schema = pa.schema(
            [
                ("piece", pa.int32()), ("day", pa.date32()), ("name", pa.string()), ("path", pa.string()),
                ("size", pa.int64()), ("folders", pa.string()), ("stats", pa.string()), ("rows", pa.int64()),
            ]
        )  # fmt: skip
        for batch in batches:
            for number in batch["id"].to_pylist():
                work = Work(lake, settings.zone, version, since, lambda *_: None, own_profiles(settings))
                mine = pieces[number]
                with ThreadPoolExecutor(1) as pool:
                    days, tables = work.piece(mine, pool, mine, elsewhere=fresh.difference(mine))
                told: list[dict[str, Any]] = [{"piece": number, "day": day} for day in days]
                for name in names:
                    staged = Staged()
                    if tables[name].num_rows:
                        work.stage(name, tables[name], staged)
                    told += [_row(number, name, action) for action in staged.actions]
                yield pa.RecordBatch.from_pylist(told, schema)

    return run


def _row(piece: int, name: str, action: Any) -> dict[str, Any]:
    folders = dict(action.partition_values)
    return {
        "piece": piece,
        "day": dt.date.fromisoformat(folders["seen_date"]),
        "name": name,
        "path": action.path,
        "size": action.size,
        "folders": json.dumps(folders),
        "stats": action.stats,
        "rows": json.loads(action.stats)["numRecords"],
    }


def _together(told: list[dict[str, Any]], names: list[str]) -> tuple[set[dt.date], dict[str, Staged]]:
    """Every day from one piece: the first that worked it out."""
    from deltalake.transaction import AddAction

    first: dict[dt.date, int] = {}
    for row in told:
        first[row["day"]] = min(first.get(row["day"], row["piece"]), row["piece"])
    staged = {name: Staged() for name in names}
    now = int(time.time() * 1000)
    for row in told:
        if row["name"] is None or first[row["day"]] != row["piece"]:
            continue
        mine, folders = staged[row["name"]], json.loads(row["folders"])
        mine.actions.append(AddAction(row["path"], row["size"], folders, now, True, row["stats"]))
        mine.rows += row["rows"]
        for column, value in folders.items():
            mine.values.setdefault(column, set()).add(dt.date.fromisoformat(value))
    return set(first), staged


def _named(wrong: Exception) -> LakeError:
    """What an executor died of, in one line."""
    lines = [line for line in str(wrong).splitlines() if "Error: " in line]
    line = lines[-1].strip() if lines else first_line(wrong)
    kind = FilesGoneError if "FilesGoneError" in line else LakeError
    said = line.rpartition("Error: ")[2]
    return kind(f"engine spark: {said}", hint="`tillwatch land --engine duckdb` lands without it")

"""Life cycles: attempts linked to what undoes, repeats or completes them (docs/rules.md).

Rules judge the life cycle, not the rows: a debit counts only while it is live. The SQL
beside this file links all merchants together in DuckDB, which keeps to `MEMORY`: what is more than
that holds is linked in a file (`on_disk`). The tables it leaves behind (``attempt``, ``used``,
``gap``, ``batch``, ``life``, ``batch_total``, ``stated_total``, ``terminal_day``, ``posting``) are
what the rules' views are made from. No clock but the messages' own enters here.
"""

import atexit
import contextlib
import datetime as dt
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.agreements import Agreements, find_steps, register
from expectations.calendar import working_calendar
from expectations.lifecycle.reading import ACQUIRER_TABLES, COLUMNS, InFiles, still_there
from expectations.releases import Running
from ingest.tables import TABLES, arrow_schema

if TYPE_CHECKING:
    import duckdb

    from expectations.lifecycle.reading import Rows

STAGES = ("records", "gaps", "links", "totals", "reconciled", "agreed")
MEMORY = "1GB"
"""What the database may take; the process has some 600 MiB beside it."""
SPILT, SPILT_SECONDS = "tillwatch-check-", 2 * 86400.0
_RUNNING = """CREATE TEMP TABLE running (merchant VARCHAR, terminal VARCHAR, told VARCHAR, wanted VARCHAR, since DATE,
    is_older BOOLEAN, is_urgent BOOLEAN)"""
_TEMPORARY, _LASTING = "CREATE TEMP TABLE", "CREATE TABLE"


@dataclass(frozen=True, slots=True)
class Shop:
    """The merchant's calendar, and what only its settings say.

    Attributes:
        zone: the time zone.
        cutoff: the clearing cut-off in it.
        families: merchant numbers that are one shop, each with the number that stands for all.
        codes: merchant numbers with the category code (MCC) they are registered with.
        agreed: contracts, notices and deposits.
        prices: (merchant, minor units, currency) of price points that readers' answers taught.
        running: terminals with the version that they tell and one that they ought to run.
        cutoffs: merchant numbers whose acquirer has a clearing cut-off of its own.
    """

    zone: str
    cutoff: dt.time
    families: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    agreed: Agreements = field(default_factory=Agreements)
    prices: frozenset[tuple[str, int, str]] = frozenset()
    running: tuple[Running, ...] = ()
    cutoffs: Mapping[str, dt.time] = field(default_factory=dict)


def link(
    tables: "Mapping[str, Rows]",
    shop: Shop,
    first_day: dt.date,
    last_day: dt.date,
    *,
    heed: "Callable[[duckdb.DuckDBPyConnection], None]" = lambda _: None,
    connection: "duckdb.DuckDBPyConnection | None" = None,
    lasting: bool = False,
) -> "duckdb.DuckDBPyConnection":
    """Link everything in ``tables`` and set the scope to the business days to be judged.

    Args:
        tables: ``transactions``, ``settlements`` and ``events`` with at least `COLUMNS`: each a table, or its rows
            piece by piece (at least one), which are in memory one piece at a time, or where they lie in files.
        shop: the calendar.
        first_day: first business day whose rows may be accused.
        last_day: last one.
        heed: is shown the tables as they were read, and days with ``in_scope``; ``transactions`` is gone afterwards.
        connection: where it is linked; a part of the process's own database in memory by default.
        lasting: the tables are to be in the connection's own database, and not among its temporary ones.

    Raises:
        FilesGoneError: something landed meanwhile, and put other files in the place of those that were being read.
    """
    if connection is None:
        connection = in_memory()
    with still_there(tables.values()):
        for name in (*COLUMNS, *ACQUIRER_TABLES):
            rows = tables[name] if name in tables else arrow_schema(TABLES[name]).empty_table()
            _put(connection, name, rows, lasting=lasting)
    connection.execute(
        "CREATE TEMP TABLE shop AS SELECT ? AS zone, ?::BIGINT AS cutoff_s", [shop.zone, _seconds(shop.cutoff)]
    )
    connection.execute("CREATE TEMP TABLE cutoff (merchant VARCHAR, cutoff_s BIGINT)")
    if shop.cutoffs:
        told = [(merchant, _seconds(cutoff)) for merchant, cutoff in shop.cutoffs.items()]
        connection.executemany("INSERT INTO cutoff VALUES (?, ?)", told)
    connection.execute("CREATE TEMP TABLE accused (rule VARCHAR, id VARCHAR)")
    for name, facts in (("family", shop.families), ("registered", shop.codes)):
        connection.execute(f"CREATE TEMP TABLE {name} (merchant VARCHAR, {name} VARCHAR)")
        if facts:
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", list(facts.items()))  # noqa: S608 - our two names
    connection.execute("CREATE TEMP TABLE price_point (merchant VARCHAR, amount_fen BIGINT, currency VARCHAR)")
    if shop.prices:
        connection.executemany("INSERT INTO price_point VALUES (?, ?, ?)", sorted(shop.prices))
    connection.execute(_RUNNING)
    if shop.running:
        connection.executemany("INSERT INTO running VALUES (?, ?, ?, ?, ?, ?, ?)", shop.running)
    connection.execute(f"CREATE TEMP MACRO in_scope(day) AS day BETWEEN DATE '{first_day}' AND DATE '{last_day}'")
    connection.register("calendar", working_calendar())
    register(connection, shop.agreed)
    heed(connection)
    with still_there(tables.values()):
        for stage in STAGES:
            sql = files(__name__).joinpath(f"{stage}.sql").read_text("utf-8")
            connection.execute(sql.replace(_TEMPORARY, _LASTING) if lasting else sql)
            if stage == "records":
                _let_go(connection, "transactions")
    find_steps(connection)
    return connection


def _seconds(time: dt.time) -> int:
    """Seconds after midnight."""
    return time.hour * 3600 + time.minute * 60 + time.second


def _put(connection: "duckdb.DuckDBPyConnection", name: str, rows: "Rows", *, lasting: bool) -> None:
    """A table as it is, or its pieces one after the other."""
    import pyarrow as pa

    if isinstance(rows, InFiles):
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in rows.paths)
        files = f"read_parquet([{paths}], hive_partitioning = true)"  # folders named after days: dates
        connection.register(name, connection.sql(f"SELECT {', '.join(rows.columns)} FROM {files}"))  # noqa: S608 - ours
        return
    if isinstance(rows, pa.Table) or not isinstance(rows, Iterable):  # a frame of the connection's own engine
        connection.register(name, rows)
        return
    for number, piece in enumerate(rows):
        connection.register("piece", piece)
        create = _LASTING if lasting else _TEMPORARY
        into = f"INSERT INTO {name}" if number else f"{create} {name} AS"
        connection.execute(f"{into} SELECT * FROM piece")  # noqa: S608 - our names
        connection.unregister("piece")


def _let_go(connection: "duckdb.DuckDBPyConnection", name: str) -> None:
    """Remove a table that `_put` made, or that it only named."""
    connection.unregister(name)
    connection.execute(f"DROP TABLE IF EXISTS {name}")


def in_memory() -> "duckdb.DuckDBPyConnection":
    """A part of the process's database in memory: its temporary tables are gone when it is closed."""
    connection = _database().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def on_disk() -> "duckdb.DuckDBPyConnection":
    """A database of its own in a file, beside what others have spilt; one at a time in a process.

    There a table takes a quarter of the room, and what memory has no room for need not be written again: ten million
    attempts take a quarter of the processor time.
    """
    import duckdb

    for left in _spilt().glob("linked.db*"):
        left.unlink()
    connection = duckdb.connect(_spilt() / "linked.db", config=_config())
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@functools.cache
def _database() -> "duckdb.DuckDBPyConnection":
    import duckdb

    return duckdb.connect(":memory:", config=_config())


def _config() -> "dict[str, str | bool | int | float | list[str]]":
    """Nobody opens the database later, so nothing is put in order in it: a checkpoint rewrites tables in memory too."""
    return {
        "threads": 2,
        "memory_limit": MEMORY,
        "temp_directory": str(_spilt()),
        "preserve_insertion_order": False,
        "checkpoint_threshold": "1TB",
    }


@functools.cache
def _spilt() -> Path:
    """What memory has no room for: in a folder of the system's for temporary files (``TMPDIR``), open to nobody else.

    It goes with the process.
    """
    _sweep_spilt()
    folder = tempfile.TemporaryDirectory(prefix=f"{SPILT}{os.getpid()}-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _sweep_spilt() -> None:
    """Remove what checks that were killed have left: old, and of a process that is no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{SPILT}[0-9]*-*"):
        with contextlib.suppress(OSError):
            told, process = folder.stat(), int(folder.name.removeprefix(SPILT).partition("-")[0])
            if told.st_uid == os.getuid() and time.time() - told.st_mtime > SPILT_SECONDS and not _is_there(process):
                shutil.rmtree(folder)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def seen_kinds(linked: "duckdb.DuckDBPyConnection") -> set[str]:
    """What there is to judge: types of attempts, operations, and the other words of `Rule.kinds`."""
    rows = linked.sql("""
        SELECT DISTINCT kind FROM attempt
        UNION SELECT 'OPEN' FROM attempt WHERE state = 'open'
        UNION SELECT 'DECLINED' FROM attempt WHERE state = 'declined'
        UNION SELECT 'SETTLEMENT' FROM settlement
        UNION SELECT 'SIGNATURE' FROM signature
        UNION SELECT 'REJECT' FROM rejects
        UNION SELECT operation FROM event
        UNION SELECT 'STATEMENT' FROM line
        UNION SELECT 'PAYOUT' FROM payouts
        UNION SELECT 'PROFIT' FROM profit_lines
    """).fetchall()
    return {kind for (kind,) in rows if kind}

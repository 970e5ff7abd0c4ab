"""Shards: merchants that have nothing to do with each other are judged one part after the other.

Every rule looks at one merchant, at the merchants of one shop, at those that share a terminal,
or at a sale and the refund or completion of it that another merchant made. Merchants so tied
stay together; everything else may be judged apart, so that memory is bounded by the part
(``at_once`` attempts) and not by the lake. Who asks for no parts has one, the whole lake, and that is what a check
does: parts are not yet told of every tie. A statement's lines under another merchant number than the terminal's, one
reference debited at two merchants of an acquirer, rows without merchant or terminal number, merchants that share a
line, and card tokens of two keys may be judged otherwise than by the whole.

The lake is read once: its rows go to temporary files, one for each part and table, and what all
parts have to know of each other (who is heard on a line, which days a statement covers, the last
moment known) is counted on the way.
"""

import contextlib
import datetime as dt
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.lifecycle import ACQUIRER_TABLES, COLUMNS, SEARCH_DAYS, Shop
from ingest.tables import TABLES, Lake

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

NOWHERE = -1
"""The part of rows that name no merchant, until all terminals are known."""
SPLIT = (*(name for name in COLUMNS if name != "rejects"), *ACQUIRER_TABLES)
"""Tables that are cut by merchant; ``rejects`` have none and are small."""

Tables = Mapping[str, "pa.Table"]

_COUNTED = {
    # A sale's and a hold's own reference, and what names it: one merchant may refund another's sale.
    "sold": """
        SELECT hash(rrn, pan_masked) AS named, merchant_id FROM transactions
        WHERE rrn IS NOT NULL AND merchant_id IS NOT NULL
          AND txn_type IN ('SALE', 'OFFLINE_SALE', 'QR_SALE', 'COMPLETION')
        UNION ALL SELECT hash(auth_code, pan_masked), merchant_id FROM transactions
        WHERE auth_code IS NOT NULL AND merchant_id IS NOT NULL AND txn_type = 'PREAUTH'""",
    "naming": """
        SELECT hash(orig_rrn, pan_masked) AS named, merchant_id FROM transactions
        WHERE orig_rrn IS NOT NULL AND merchant_id IS NOT NULL AND txn_type IN ('REFUND', 'QR_REFUND')
        UNION ALL SELECT hash(orig_auth_code, pan_masked), merchant_id FROM transactions
        WHERE orig_auth_code IS NOT NULL AND merchant_id IS NOT NULL AND txn_type IN ('COMPLETION', 'PREAUTH_VOID')""",
    "heard": """
        SELECT line, coalesce(merchant_id, '') AS merchant, coalesce(terminal_id, line, '') AS terminal,
               count(*) AS records
        FROM transactions GROUP BY ALL""",
    "owned": """
        SELECT DISTINCT terminal_id, merchant_id FROM transactions WHERE terminal_id IS NOT NULL
        UNION SELECT DISTINCT terminal_id, merchant_id FROM settlements WHERE terminal_id IS NOT NULL
        UNION SELECT DISTINCT terminal_id, merchant_id FROM events WHERE terminal_id IS NOT NULL""",
    "latest": """
        SELECT max(event_at) FILTER (host_dt IS NOT NULL OR terminal_dt IS NULL) AS moment FROM transactions
        UNION ALL SELECT max(event_at) FROM settlements UNION ALL SELECT max(event_at) FROM events""",
    "statement_days": """
        SELECT acquirer, statement_id,
               coalesce(settlement_date,
                        ((occurred_at AT TIME ZONE getvariable('zone'))
                         + to_seconds(86400 - getvariable('cutoff_s')))::DATE,
                        business_date) AS clearing_day, count(*) AS lines
        FROM statement_lines GROUP BY ALL""",
}
"""What is counted of all while the rows are cut, by the name of its table."""


@contextlib.contextmanager
def parts(
    lake: Lake, shop: Shop, first: dt.date, last: dt.date, at_once: int | None = None
) -> Iterator[Iterator[Tables]]:
    """The tables that rules look at, for one part of the merchants after the other.

    Args:
        lake: where they are.
        shop: the calendar, and which merchants are one shop.
        first: first business day to be judged; tables are read from as far before it as a refund may reach.
        last: last one; what came since is read as well, it may undo what was done.
        at_once: attempts that are linked and judged together, about; also rows that are read at once, as far as whole
            days allow. All of them by default.
    """
    since = first - dt.timedelta(days=SEARCH_DAYS + 1)
    del last
    rows = {day: count for day, count in lake.days("transactions").items() if day >= since}
    if at_once is None or sum(rows.values()) <= at_once:
        yield iter([_read(lake, since, None)])
        return
    with tempfile.TemporaryDirectory(prefix="tillwatch-check-") as folder:
        spill = _Spill(Path(folder), shop, -(-sum(rows.values()) // at_once))
        days = sorted({day for name in (*COLUMNS, *ACQUIRER_TABLES) for day in lake.days(name) if day >= since})
        for low, high in _spans(days, rows, at_once):
            spill.take(_read(lake, low, high))
        yield spill.parts()


def read_tables(lake: Lake, first: dt.date) -> dict[str, "pa.Table"]:
    """Everything that rules look at, from as far before ``first`` as a refund may reach, as one part."""
    return _read(lake, first - dt.timedelta(days=SEARCH_DAYS + 1), None)


def _read(lake: Lake, low: dt.date, high: dt.date | None) -> dict[str, "pa.Table"]:
    between = [("business_date", ">=", low)] + ([("business_date", "<=", high)] if high else [])
    seen = {name: lake.read(name, columns=columns, filters=between) for name, columns in COLUMNS.items()}
    return seen | {name: lake.read(name, filters=between) for name in ACQUIRER_TABLES}


def _spans(days: list[dt.date], rows: Mapping[dt.date, int], at_once: int) -> Iterator[tuple[dt.date, dt.date]]:
    """Whole days, as many together as are read at once."""
    start, count = days[0], 0
    for place, day in enumerate(days):
        if count and count + rows.get(day, 0) > at_once:
            yield start, days[place - 1]
            start, count = day, 0
        count += rows.get(day, 0)
    yield start, days[-1]


@dataclass(slots=True)
class _Spill:
    """Rows on their way to their parts."""

    folder: Path
    shop: Shop
    count: int
    _writers: dict[tuple[str, int], Any] = field(default_factory=dict)
    _rejects: "list[pa.Table]" = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _terminals: dict[str, set[str]] = field(default_factory=dict)
    _tied: "list[int]" = field(default_factory=list)
    _counted: "duckdb.DuckDBPyConnection | None" = None

    def __post_init__(self) -> None:
        import duckdb

        self._tied = list(range(self.count))
        self._counted = duckdb.connect(
            ":memory:", config={"threads": 2, "temp_directory": str(self.folder / "counted"), "memory_limit": "400MB"}
        )

        cutoff = self.shop.cutoff
        self._counted.execute("SET VARIABLE zone = ?", [self.shop.zone])
        self._counted.execute("SET VARIABLE cutoff_s = ?", [cutoff.hour * 3600 + cutoff.minute * 60 + cutoff.second])

    def take(self, tables: Tables) -> None:
        """Cut some days' rows by merchant, and count what all parts need to know."""
        for name in SPLIT:
            if tables[name].num_rows:
                self._cut(name, tables[name])
        self._rejects.append(tables["rejects"])
        self._count(tables)

    def _place(self, merchant: str | None) -> int:
        """The part of a merchant: its shop's, by a sum of its name."""
        if not merchant:
            return NOWHERE
        if merchant not in self._places:
            shop = self.shop.families.get(merchant, merchant)
            self._places[merchant] = zlib.crc32(shop.encode()) % self.count
        return self._places[merchant]

    def _parts_of(self, rows: "pa.Table") -> "np.ndarray[Any, Any]":
        import numpy as np
        import pyarrow.compute as pc

        coded = pc.dictionary_encode(rows["merchant_id"].combine_chunks(), null_encoding="encode")
        places = np.array([self._place(each) for each in coded.dictionary.to_pylist()], np.int64)
        part: np.ndarray[Any, Any] = places[coded.indices.to_numpy(zero_copy_only=False)]
        return part

    def _cut(self, name: str, rows: "pa.Table") -> None:
        import numpy as np
        import pyarrow as pa

        part = self._parts_of(rows)
        order = np.argsort(part, kind="stable")
        sorted_rows, bounds = rows.take(pa.array(order)), np.flatnonzero(np.diff(part[order])) + 1
        for low, high in zip([0, *bounds], [*bounds, len(part)], strict=True):
            self._write(name, int(part[order[low]]), sorted_rows.slice(low, high - low))

    def _write(self, name: str, part: int, rows: "pa.Table") -> None:
        import pyarrow as pa

        if (name, part) not in self._writers:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            path = self.folder / f"{name}.{part}.arrow"
            self._writers[name, part] = pa.ipc.new_file(path, rows.schema, options=options)
        self._writers[name, part].write_table(rows)

    def _count(self, tables: Tables) -> None:
        counted = self._counted
        assert counted is not None  # noqa: S101 - made with the object
        for name in ("transactions", "settlements", "events", "statement_lines"):
            counted.register(name, tables[name])
        for table, query in _COUNTED.items():
            counted.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM ({query}) LIMIT 0")  # noqa: S608 - ours
            counted.execute(f"INSERT INTO {table} {query}")

    def parts(self) -> Iterator[dict[str, "pa.Table"]]:
        """Each part's tables, with what it has to know of all."""
        import pyarrow as pa

        counted = self._counted
        assert counted is not None  # noqa: S101 - made with the object
        self._place_nameless(counted)
        for writer in self._writers.values():
            writer.close()
        self._tie(counted)
        everywhere = {
            "rejects": pa.concat_tables(self._rejects),
            "heard_in_all": _arrow(
                counted, "SELECT line, merchant, terminal, sum(records)::BIGINT AS records FROM heard GROUP BY ALL"
            ),
            "latest_of_all": _arrow(counted, "SELECT max(moment) AS moment FROM latest"),
            "statement_day_of_all": _arrow(
                counted,
                "SELECT acquirer, statement_id, clearing_day, sum(lines)::BIGINT AS lines "
                "FROM statement_days GROUP BY ALL",
            ),
        }
        counted.close()
        groups: dict[int, list[int]] = {}
        for part in range(self.count):
            groups.setdefault(self._root(part), []).append(part)
        for group in groups.values():
            cut = {name: self._load(name, group) for name in SPLIT}
            if any(rows.num_rows for rows in cut.values()):
                yield cut | everywhere

    def _place_nameless(self, counted: "duckdb.DuckDBPyConnection") -> None:
        """Rows without a merchant go where their terminal's other rows are, else to the first part."""
        import numpy as np
        import pyarrow as pa

        owners = dict(
            counted.sql("SELECT terminal_id, max(merchant_id) FROM owned WHERE merchant_id <> '' GROUP BY 1").fetchall()
        )
        for name in SPLIT:
            if (writer := self._writers.pop((name, NOWHERE), None)) is None:
                continue
            writer.close()
            rows = pa.ipc.open_file(self.folder / f"{name}.{NOWHERE}.arrow").read_all()
            terminals = rows["terminal_id"].to_pylist() if "terminal_id" in rows.column_names else [None] * len(rows)
            part = np.array([max(0, self._place(owners.get(each))) for each in terminals])
            for each in np.unique(part):
                self._write(name, int(each), rows.filter(pa.array(part == each)))

    def _tie(self, counted: "duckdb.DuckDBPyConnection") -> None:
        """Parts whose merchants share a terminal, or a sale and what was done to it, become one."""
        shared = counted.sql("""
            SELECT a.merchant_id, b.merchant_id FROM
                (SELECT terminal_id, min(merchant_id) AS merchant_id FROM owned
                 GROUP BY 1 HAVING count(DISTINCT merchant_id) > 1) a
                JOIN owned b USING (terminal_id) WHERE b.merchant_id IS NOT NULL
            UNION
            SELECT s.merchant_id, n.merchant_id FROM sold s JOIN (SELECT DISTINCT * FROM naming) n USING (named)
            WHERE s.merchant_id <> n.merchant_id
        """).fetchall()
        for one, other in shared:
            if (low := self._place(one)) != NOWHERE and (high := self._place(other)) != NOWHERE:
                self._tied[self._root(low)] = self._root(high)

    def _root(self, part: int) -> int:
        while self._tied[part] != part:
            part = self._tied[part]
        return part

    def _load(self, name: str, group: list[int]) -> "pa.Table":
        import pyarrow as pa

        paths = [self.folder / f"{name}.{part}.arrow" for part in group]
        found = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths if path.exists()]
        if found:
            return pa.concat_tables(found)
        from ingest.tables import arrow_schema

        return (
            arrow_schema(TABLES[name])
            .empty_table()
            .select(list(COLUMNS.get(name, ())) or None or [c.name for c in TABLES[name].columns])
        )


def _arrow(counted: "duckdb.DuckDBPyConnection", query: str) -> "pa.Table":
    return counted.sql(query).to_arrow_table()

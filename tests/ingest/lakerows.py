"""Rows of `transactions` for tests of the lake, and what readers of it see."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ingest.tables import Lake

MONDAY, TUESDAY = dt.date(2026, 11, 23), dt.date(2026, 11, 24)


def transactions(
    day: dt.date, stans: Iterable[int], *, seen: dt.date | None = None, amount: int = 100
) -> list[dict[str, Any]]:
    """Rows of `transactions` with these trace numbers."""
    return [
        {
            "transaction_id": f"{day}-{stan}",
            "terminal_id": "12345678",
            "stan": stan,
            "amount_fen": amount,
            "event_at": dt.datetime.combine(day, dt.time(4), dt.UTC),
            "business_date": day,
            "seen_date": seen or day,
        }
        for stan in stans
    ]


def stans(lake: Lake) -> list[int]:
    found: list[int] = lake.read("transactions", columns=["stan"])["stan"].to_pylist()
    return sorted(found)


def globbed(lake: Lake) -> list[int]:
    """What a person's plain DuckDB query over the folder sees."""
    import duckdb

    files = duckdb.read_parquet(f"{lake.root}/transactions/**/*.parquet", hive_partitioning=True)
    return sorted(row[0] for row in files.project("stan").fetchall())

"""The table ``life_cycles``: what became of each attempt, kept in the lake beside the attempts.

A day is written only when its rows are others than those stored, so that a day that
arrives late, or again, changes what it must and nothing else: the days of its own
attempts, and those of the sales that it voids, refunds or completes.
"""

import datetime as dt
import functools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ingest.tables import TABLES, Lake

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

APP_ID = "life-cycles"
ROWS_AT_ONCE = 500_000
"""Rows in memory at once, and at most in one commit, as far as whole days allow."""
TRIES = 5
"""So often in a row others may be faster; then what is left waits for the next check."""

ROWS = """
CREATE OR REPLACE TEMP VIEW life_row AS
SELECT l.id AS transaction_id, l.merchant AS merchant_id, l.terminal AS terminal_id, l.kind AS txn_type, l.state,
       l.amount_fen, l.moment, l.clearing_day, l.batch::INTEGER AS batch_no, l.epoch::INTEGER AS batch_epoch,
       l.stan::INTEGER AS stan, l.original AS original_id, l.linked_by,
       o.business_date AS original_date,
       CASE WHEN l.orig_date IS NOT NULL THEN l.kind IN ('REFUND', 'QR_REFUND', 'COMPLETION') END
           AS original_year_inferred,
       l.reversal_sendings, l.reversals_confirmed, l.is_reversed, l.voids, l.first_void AS void_id, l.refunded_fen,
       h.hold_fen, h.completed_fen, l.stands, l.live, l.exposed, l.gap_later, l.settled_at, l.act_by,
       round(c.ahead_us / 1e6)::BIGINT AS clock_ahead_s, l.business_date
FROM life l
LEFT JOIN origin o ON o.id = l.original
LEFT JOIN hold h ON h.id = l.id
LEFT JOIN clock c ON c.terminal_id = l.terminal AND c.business_date = l.business_date
"""

FRESH = """
CREATE OR REPLACE TEMP VIEW fresh_life AS
SELECT f.* REPLACE (
           CASE WHEN s.transaction_id IS NULL THEN f.original_id ELSE s.original_id END AS original_id,
           CASE WHEN s.transaction_id IS NULL THEN f.linked_by ELSE s.linked_by END AS linked_by,
           CASE WHEN s.transaction_id IS NULL THEN f.original_date ELSE s.original_date END AS original_date)
FROM life_row f
LEFT JOIN (SELECT * FROM stored_life WHERE original_id IS NOT NULL AND business_date < DATE '{first}') s
  ON s.transaction_id = f.transaction_id AND f.original_id IS NULL AND f.business_date < DATE '{first}'
WHERE f.business_date BETWEEN DATE '{low}' AND DATE '{high}'
"""
"""A span's rows as they are to be: where an original is out of reach by now, the one that was found stays."""

_Span = tuple[dt.date, dt.date]


def store(lake: Lake, linked: "duckdb.DuckDBPyConnection", first: dt.date, last: dt.date) -> list[dt.date]:
    """Bring the table up to what was linked; the days that were written.

    Args:
        lake: where the table is.
        linked: what `lifecycle.link` linked, from far enough before ``first`` for every original.
        first: first day whose own originals were all searched; of an earlier day only what was done
            to its attempts since is brought up to date, its own originals stay as they were found.
        last: last day.
    """
    linked.execute(ROWS)
    waiting, under_way, tries = deque(_spans(linked, last)), None, TRIES
    version, written = lake.committed("life_cycles", APP_ID) or 0, list[dt.date]()
    with ThreadPoolExecutor(1) as aside:
        while (waiting or under_way) and tries:
            span = waiting.popleft() if waiting else None
            days, rows = _fresh(lake, linked, span, first) if span else ([], None)
            if under_way:
                before, days_before, done = under_way
                under_way = None
                if not done.result():  # others write as well: what was read meanwhile may be older than theirs
                    tries -= 1
                    waiting.extendleft(each for each in (span, before) if each)
                    version = lake.committed("life_cycles", APP_ID) or 0
                    continue
                written, version, tries = written + days_before, version + 1, TRIES
            if span and days:
                replace = functools.partial(lake.replace, app_id=APP_ID, app_version=version + 1)
                done = aside.submit(replace, "life_cycles", rows, partitions={"business_date": days})
                under_way = span, days, done
    return written


def _spans(linked: "duckdb.DuckDBPyConnection", last: dt.date) -> Iterator[_Span]:
    """Whole days, as many together as are read and written at once."""
    counts = linked.sql(
        "SELECT business_date, count(*) FROM life_row WHERE business_date <= ? GROUP BY business_date ORDER BY 1",
        params=[last],
    ).fetchall()
    start, rows = None, 0
    for day, number in counts:
        if start is not None and rows + number > ROWS_AT_ONCE:
            yield start, day - dt.timedelta(days=1)
            start, rows = None, 0
        start, rows = start or day, rows + number
    if start is not None:
        yield start, last


def _fresh(
    lake: Lake, linked: "duckdb.DuckDBPyConnection", span: _Span, first: dt.date
) -> "tuple[list[dt.date], pa.Table | None]":
    """The days of a span that are to be written, in order, and their rows."""
    low, high = span
    if not (days := _changed(lake, linked, low, high, first)):
        return [], None
    query = "SELECT * FROM fresh_life WHERE business_date IN (SELECT unnest(?::DATE[]))"
    return days, linked.sql(query, params=[days]).to_arrow_table()


def _changed(
    lake: Lake, linked: "duckdb.DuckDBPyConnection", low: dt.date, high: dt.date, first: dt.date
) -> list[dt.date]:
    """The days of a span whose rows differ from those stored; ``fresh_life`` then holds the span's rows."""
    names = ", ".join(column.name for column in TABLES["life_cycles"].columns)
    span = [("business_date", ">=", low), ("business_date", "<=", high)]
    stored = lake.read("life_cycles", filters=span, coded=True)
    linked.register("stored_life", stored)
    linked.execute(FRESH.format(low=low, high=high, first=first))
    if not stored.num_rows:
        days = linked.sql("SELECT DISTINCT business_date FROM fresh_life ORDER BY 1").fetchall()
        return [day for (day,) in days]
    digest = f"SELECT business_date, count(*) AS n, bit_xor(hash({names})) AS h"
    days = linked.sql(f"""
        SELECT coalesce(f.business_date, s.business_date)
        FROM ({digest} FROM fresh_life GROUP BY business_date) f
        FULL JOIN ({digest} FROM stored_life GROUP BY business_date) s ON s.business_date = f.business_date
        WHERE (f.n, f.h) IS DISTINCT FROM (s.n, s.h)
        ORDER BY 1""").fetchall()  # noqa: S608 - names of columns
    return [day for (day,) in days]

"""What rules look at, as it comes out of the lake: which columns of which tables, and from which day on."""

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ingest.tables import FilesGoneError, Lake

if TYPE_CHECKING:
    import pyarrow as pa

    Rows: TypeAlias = "pa.Table | Iterable[pa.Table] | InFiles"

_EVERYWHERE = (
    "profile", "line", "merchant_id", "terminal_id", "batch_no", "stan", "event_at", "business_date", "seen_date",
    "request_seq", "response_seq",
)  # fmt: skip
_SIDES = tuple(
    f"{area}_{side}_{what}"
    for area in ("rmb", "foreign")
    for side in ("debit", "credit")
    for what in ("amount_fen", "count")
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "transactions": (
        *_EVERYWHERE, "transaction_id", "txn_type", "amount_fen", "tip_fen", "currency", "pan_masked", "card_token",
        "card_org", "entry_mode", "operator_no", "requested_at", "responded_at", "terminal_dt", "host_dt",
        "settlement_date", "rrn", "auth_code", "response_code", "outcome", "reason_code", "attempts", "orig_batch_no",
        "orig_stan", "orig_date", "orig_rrn", "orig_auth_code", "atc", "aid", "order_ref", "journal_segment_id",
    ),
    "settlements": (
        *_EVERYWHERE, "settlement_id", "requested_at", "currency", "response_code", "outcome", *_SIDES, "rmb_flag",
        "foreign_flag", "rmb_host_debit_amount_fen", "rmb_host_debit_count", "total_amount_fen", "total_count",
    ),
    "events": (*_EVERYWHERE, "event_id", "operation", "outcome", "response_code", "batch_count"),
    "signatures": (
        *_EVERYWHERE, "signature_id", "transaction_id", "rrn", "width", "height", "sha256", "phash", "ink_ratio",
        "strokes", "box_ratio", "cells", "feature_code", "transaction_feature_code", "upload_state", "response_code",
    ),
    "rejects": ("line", "profile", "kind", "seen_at", "length", "layer", "code", "field", "segment_id", "seq",
                "business_date", "seen_date"),
}  # fmt: skip
"""For each table of what terminals did that rules look at: the columns they need."""

ACQUIRER_TABLES = ("statement_lines", "payouts", "profit_lines")
"""Tables of what acquirers and banks say; read whole rows, from `SEARCH_DAYS` before the first day on."""

ROWS_AT_ONCE = 250_000
"""Rows of a table that are read at once, as far as whole days allow."""
MOST_IN_MEMORY = 1_250_000
"""So many attempts, of 0.7 KB each, are copied into the database and linked in memory: in files it takes half as much
processor time again."""
SEARCH_DAYS = 335
"""How far back a refund's sale is searched: eleven months (docs/rules.md)."""


@dataclass(frozen=True, slots=True)
class InFiles:
    """Attempts that the database reads by itself whenever they are asked for: where they lie, and which columns."""

    paths: Sequence[Path]
    columns: Sequence[str]


def read_tables(lake: Lake, first: dt.date) -> "dict[str, Rows]":
    """Everything that rules look at, from as far before ``first`` as a refund may reach, piece by piece.

    Attempts stay in their files where these are many and the database can read them: they are let go once linked.
    """
    since, attempts = _since(first), COLUMNS["transactions"]
    tables: dict[str, Rows] = {
        name: _pieces(lake, name, COLUMNS.get(name), since) for name in (*COLUMNS, *ACQUIRER_TABLES)
    }
    if too_many(lake, first) and (paths := lake.plain("transactions", attempts, since)):
        tables["transactions"] = InFiles(paths, attempts)
    return tables


def too_many(lake: Lake, first: dt.date) -> bool:
    """Whether what `read_tables` reads has more attempts, as the log says it, than are linked in memory."""
    since = _since(first)
    return sum(count for day, count in lake.days("transactions").items() if day >= since) > MOST_IN_MEMORY


def _since(first: dt.date) -> dt.date:
    return first - dt.timedelta(days=SEARCH_DAYS + 1)


def _pieces(lake: Lake, name: str, columns: tuple[str, ...] | None, since: dt.date) -> "Iterator[pa.Table]":
    """Whole days together; the last piece has whatever day was added meanwhile, or none."""
    low, rows = since, 0
    for day, count in sorted(lake.days(name).items()):
        if rows and day > since and rows + count > ROWS_AT_ONCE:
            between = [("business_date", ">=", low), ("business_date", "<", day)]
            yield lake.read(name, columns=columns, filters=between, coded=True)
            low, rows = day, 0
        rows += count if day >= since else 0
    yield lake.read(name, columns=columns, filters=[("business_date", ">=", low)], coded=True)


@contextlib.contextmanager
def still_there(tables: "Iterable[Rows]") -> Iterator[None]:
    """While the database reads `InFiles` of them.

    Raises:
        FilesGoneError: something landed meanwhile, and put other files in the place of those that were being read.
    """
    import duckdb

    try:
        yield
    except duckdb.IOException as wrong:
        paths = [path for each in tables if isinstance(each, InFiles) for path in each.paths]
        if gone := next((path for path in paths if not path.exists()), None):
            raise FilesGoneError(f"{gone}: gone while it was read", hint="check again") from wrong
        raise

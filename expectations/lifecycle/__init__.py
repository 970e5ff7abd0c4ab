"""Life cycles: attempts linked to what undoes, repeats or completes them (docs/rules.md).

Rules judge the life cycle, not the rows: a debit counts only while it is live. The SQL
beside this file links all merchants at once in DuckDB, in memory; the tables it leaves
behind (``attempt``, ``used``, ``gap``, ``batch``, ``life``, ``batch_total``,
``terminal_day``) are what the rules' views are made from. No clock but the messages' own
enters here.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_EVERYWHERE = (
    "profile", "merchant_id", "terminal_id", "batch_no", "stan", "event_at", "business_date", "seen_date",
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
        "orig_stan", "orig_date", "orig_rrn", "orig_auth_code", "atc", "aid", "order_ref",
    ),
    "settlements": (
        *_EVERYWHERE, "settlement_id", "requested_at", "currency", "response_code", "outcome", *_SIDES, "rmb_flag",
        "foreign_flag",
    ),
    "events": (*_EVERYWHERE, "event_id", "operation"),
}  # fmt: skip
"""For each table that rules look at: the columns they need."""

STAGES = ("records", "gaps", "links", "totals")
SEARCH_DAYS = 335
"""How far back a refund's sale is searched: eleven months (docs/rules.md)."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The merchant's calendar: time zone and clearing cut-off."""

    zone: str
    cutoff: dt.time


def link(
    tables: "Mapping[str, pa.Table]", shop: Shop, first_day: dt.date, last_day: dt.date
) -> "duckdb.DuckDBPyConnection":
    """Link everything in ``tables`` and set the scope to the business days to be judged.

    Args:
        tables: ``transactions``, ``settlements`` and ``events`` with at least `COLUMNS`.
        shop: the calendar.
        first_day: first business day whose rows may be accused.
        last_day: last one.
    """
    import duckdb

    connection = duckdb.connect(":memory:", config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("transactions", "settlements", "events"):
        connection.register(name, tables[name])
    cutoff = shop.cutoff.hour * 3600 + shop.cutoff.minute * 60 + shop.cutoff.second
    connection.execute("CREATE TEMP TABLE shop AS SELECT ? AS zone, ?::BIGINT AS cutoff_s", [shop.zone, cutoff])
    connection.execute(
        "CREATE TEMP TABLE scope AS SELECT ?::DATE AS first_day, ?::DATE AS last_day", [first_day, last_day]
    )
    connection.execute("CREATE TEMP TABLE accused (rule VARCHAR, id VARCHAR)")
    for stage in STAGES:
        connection.execute(files(__name__).joinpath(f"{stage}.sql").read_text("utf-8"))
    return connection

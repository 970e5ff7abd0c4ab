"""An acquirer's lines as plain values: what a test does not say is what the terminal has."""

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.tables import TABLES, arrow_schema
from tests.expectations.shopdays import MERCHANT, Row, Till, moment, tables

if TYPE_CHECKING:
    import pyarrow as pa

RECONCILED = {
    "missing_in_acquirer", "missing_in_terminal", "amount_differs", "settled_but_declined", "void_not_effective",
    "refund_not_completed", "host_approved_terminal_failed", "retry_after_unknown", "dup_rrn_twice",
    "dup_stan_resent", "dup_batch_upload",
}  # fmt: skip
"""The rules that hold what terminals did against what their acquirer's files say."""


@dataclass
class Acquirer:
    """One acquirer: the lines of its files, and its payouts. A file's name is its clearing day."""

    name: str = "allinpay"
    lines: list[Row] = field(default_factory=list)
    payouts: list[Row] = field(default_factory=list)
    profits: list[Row] = field(default_factory=list)

    def post(self, row: Row, file: str = "2026-11-21", **told: Any) -> Row:
        """A line for an attempt."""
        line = {
            **{
                name: row[name]
                for name in ("merchant_id", "terminal_id", "batch_no", "stan", "rrn", "auth_code", "txn_type",
                             "amount_fen", "currency", "pan_masked")
            },
            "occurred_at": row["event_at"],
            "acquirer_ref": f"P{len(self.lines)}",
            **told,
        }  # fmt: skip
        return self.say(file, **line)

    def say(self, file: str = "2026-11-21", **told: Any) -> Row:
        """A line that says this and nothing else."""
        said = repr(sorted((name, str(value)) for name, value in told.items()))
        day = dt.date.fromisoformat(file)
        line: Row = dict.fromkeys(column.name for column in TABLES["statement_lines"].columns) | {
            "line_id": hashlib.sha256(said.encode()).hexdigest()[:32],
            "statement_id": f"{self.name} {file}",
            "line_no": len(self.lines) + 2,
            "acquirer": self.name,
            "txn_type": "SALE",
            "settlement_date": day,
            "business_date": told["occurred_at"].date() if told.get("occurred_at") else day,
            **told,
        }
        self.lines.append(line)
        return line

    def file(self, day: str, merchant: str = MERCHANT) -> None:
        """A file of that day that says nothing of what a test is about: other terminals' sales."""
        for nth in range(5):
            self.say(
                day,
                merchant_id=merchant,
                terminal_id="99999999",
                stan=nth,
                batch_no=1,
                amount_fen=100,
                occurred_at=moment(f"{day} 12:0{nth}:00"),
            )

    def week(self, till: Till, *leave: Row, days: int = 3) -> None:
        """Post every approved attempt of the terminal but those left out; files of the days that follow come too."""
        for row in till.attempts:
            if row["outcome"] == "approved" and row not in leave and row["txn_type"] != "REVERSAL":
                self.post(row)
        for day in range(days):
            self.file(f"2026-11-{21 + day}", till.merchant)


def busy(till: Till) -> None:
    """Some sales around what a test is about."""
    for card in range(5):
        till.sale(1000 + card, card=card)


def with_statement(*acquirers: Acquirer, tills: tuple[Till, ...]) -> "dict[str, pa.Table]":
    """Both sides."""
    import pyarrow as pa

    rows = {
        "statement_lines": [row for each in acquirers for row in each.lines],
        "payouts": [row for each in acquirers for row in each.payouts],
        "profit_lines": [row for each in acquirers for row in each.profits],
    }
    told = {
        name: pa.Table.from_pylist(
            [{k: v.astimezone(dt.UTC) if isinstance(v, dt.datetime) else v for k, v in row.items()} for row in each],
            schema=arrow_schema(TABLES[name]),
        )
        for name, each in rows.items()
    }
    return tables(*tills) | told

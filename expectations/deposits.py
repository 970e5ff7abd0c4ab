"""How far the terms of a registered deposit are met: takings by month, fees, whole months.

Takings are of yuan, as the rule ``deposit_condition_met`` counts them; of its file's lines each counts once.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from expectations.money import CNY
from ingest.agreements import Deposit
from ingest.tables import Lake

DEBITS = ("SALE", "COMPLETION", "OFFLINE_SALE", "QR_SALE")


@dataclass(frozen=True, slots=True)
class Month:
    """One month's takings towards a deposit: its first day, sales, fen, and fen since the deposit was signed."""

    start: dt.date
    sales: int
    amount_fen: int
    so_far_fen: int


@dataclass(frozen=True, slots=True)
class DepositProgress:
    """How far the terms of a deposit are met: of takings, of fees and of whole months, whichever were agreed."""

    amount_fen: int
    volume_fen: int
    volume_needed_fen: int | None
    months_needed: int | None
    until: dt.date | None
    returned_on: dt.date | None
    fees_fen: int = 0
    fees_needed_fen: int | None = None
    months: int = 0

    @property
    def share(self) -> float:
        """Of the takings that are needed; 1 when they are reached."""
        if not self.volume_needed_fen:
            return 0.0
        return min(1.0, self.volume_fen / self.volume_needed_fen)


def progress(lake: Lake, deposit: Deposit, end: dt.date) -> DepositProgress:
    """What stands for the return of a deposit at the end of a day.

    Raises:
        LakeError: a table cannot be read.
    """
    months = takings_by_month(lake, deposit, end)
    until = None
    if deposit.months is not None:
        years, place = divmod(deposit.signed_on.month - 1 + deposit.months, 12)
        until = _last_possible(deposit.signed_on.year + years, place + 1, deposit.signed_on.day)
    return DepositProgress(
        amount_fen=deposit.amount_fen,
        volume_fen=months[-1].so_far_fen if months else 0,
        volume_needed_fen=deposit.volume_fen,
        months_needed=deposit.months,
        until=until,
        returned_on=deposit.returned_on,
        fees_fen=0 if deposit.fees_fen is None else _charged(lake, deposit, end),
        fees_needed_fen=deposit.fees_fen,
        months=_months(deposit.signed_on, end),
    )


def takings_by_month(lake: Lake, deposit: Deposit, end: dt.date) -> Sequence[Month]:
    """The merchant's takings since it was signed (the terminal's, where it is one terminal's deposit), by month.

    Raises:
        LakeError: a table cannot be read.
    """
    import pyarrow.compute as pc

    within = _within(deposit, end)
    debits = [*within, ("txn_type", "in", list(DEBITS)), ("exposed", "==", True)]
    sold = lake.read("life_cycles", columns=["transaction_id", "business_date", "amount_fen"], filters=debits)
    foreign = lake.read("transactions", columns=["transaction_id"], filters=[*within, ("currency", "!=", CNY)])
    sold = sold.join(foreign, keys="transaction_id", join_type="left anti")
    starts = pc.floor_temporal(sold["business_date"], unit="month")
    by_month = (
        sold.append_column("month", starts)
        .group_by("month")
        .aggregate([("transaction_id", "count"), ("amount_fen", "sum")])
        .sort_by("month")
    )
    found: list[Month] = []
    for row in by_month.to_pylist():
        amount, before = row["amount_fen_sum"] or 0, found[-1].so_far_fen if found else 0
        found.append(Month(row["month"], row["transaction_id_count"], amount, before + amount))
    return found


def _charged(lake: Lake, deposit: Deposit, end: dt.date) -> int:
    """The fees of settled lines since a deposit was signed; of a line that two files have the first file's."""
    import pyarrow.compute as pc

    lines = lake.read(
        "statement_lines",
        columns=["acquirer", "line_id", "statement_id", "line_no", "status", "fee_fen"],
        filters=_within(deposit, end),
    )
    whole = pc.ScalarAggregateOptions(skip_nulls=False)
    once = (
        lines.sort_by([("statement_id", "ascending"), ("line_no", "ascending")])
        .group_by(["acquirer", "line_id"], use_threads=False)
        .aggregate([("status", "first", whole), ("fee_fen", "first", whole)])
    )
    settled = pc.equal(pc.coalesce(once["status_first"], "settled"), "settled")
    return pc.sum(once.filter(settled)["fee_fen_first"]).as_py() or 0


def _within(deposit: Deposit, end: dt.date) -> list[tuple[str, str, Any]]:
    filters: list[tuple[str, str, Any]] = [
        ("merchant_id", "==", deposit.merchant),
        ("business_date", ">=", deposit.signed_on),
        ("business_date", "<=", end),
    ]
    return [*filters, ("terminal_id", "==", deposit.terminal)] if deposit.terminal else filters


def _months(since: dt.date, day: dt.date) -> int:
    """Whole months from one day to another; a month that has no such day is whole on its last."""
    months = (day.year - since.year) * 12 + day.month - since.month
    return max(0, months - (_last_possible(day.year, day.month, since.day) > day))


def _last_possible(year: int, month: int, day: int) -> dt.date:
    """The day of a month, or its last where it has none such."""
    for last in range(day, 27, -1):
        try:
            return dt.date(year, month, last)
        except ValueError:
            continue
    return dt.date(year, month, day)

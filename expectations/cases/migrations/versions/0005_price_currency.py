"""A price that answers teach has its currency: 18 of one are not 18 of another.

Answers there are taught in the currency of their case; a price taken back was taken back in each of those.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from expectations.cases.schema import Moment

revision = "0005"
down_revision = "0004"

ANSWERS = sa.table(
    "case_answers", *(sa.column(each) for each in ("case_id", "merchant_id", "price_fen", "price_currency"))
)
CASES = sa.table("cases", sa.column("case_id"), sa.column("currency"))


def upgrade() -> None:
    """Add the columns."""
    op.add_column("case_answers", sa.Column("price_currency", sa.String(3), nullable=True))
    case_currency = sa.select(CASES.c.currency).where(CASES.c.case_id == ANSWERS.c.case_id).scalar_subquery()
    op.execute(ANSWERS.update().where(ANSWERS.c.price_fen.is_not(None)).values(price_currency=case_currency))
    a = ANSWERS.c
    known: dict[tuple[str, int], set[str]] = {}
    taught = sa.select(a.merchant_id, a.price_fen, a.price_currency).where(a.price_fen.is_not(None))
    for row in op.get_bind().execute(taught):
        known.setdefault((row.merchant_id, row.price_fen), set()).add(row.price_currency)
    rows = [
        {**row, "currency": currency}
        for row in _forgotten()
        for currency in sorted(known.get((row["merchant_id"], row["amount_fen"]), {"156"}))
    ]
    _made_anew(sa.Column("currency", sa.String(3), primary_key=True), rows=rows)


def downgrade() -> None:
    """Take them away; of a price taken back in several currencies the last time counts."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    for row in sorted(_forgotten(), key=lambda each: each["at"]):
        last[row["merchant_id"], row["amount_fen"]] = row
    _made_anew(rows=list(last.values()))
    op.drop_column("case_answers", "price_currency")


def _forgotten() -> list[dict[str, Any]]:
    columns: tuple[sa.ColumnClause[Any], ...] = (
        sa.column("merchant_id"),
        sa.column("amount_fen"),
        sa.column("at", Moment()),
        sa.column("by"),
    )
    return [dict(row) for row in op.get_bind().execute(sa.select(sa.table("forgotten_prices", *columns))).mappings()]


def _made_anew(*also: "sa.Column[Any]", rows: list[dict[str, Any]]) -> None:
    """With these columns in its key: SQLite cannot change the key of a table."""
    op.drop_table("forgotten_prices")
    table = op.create_table(
        "forgotten_prices",
        sa.Column("merchant_id", sa.String(15), primary_key=True),
        sa.Column("amount_fen", sa.BigInteger, primary_key=True, autoincrement=False),
        *also,
        sa.Column("at", Moment, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
    )
    op.bulk_insert(table, rows)

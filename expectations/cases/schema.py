"""The database of cases, as SQLAlchemy sees it; `migrations` makes it, docs/cases.md tells of it.

Moments are UTC, amounts are minor units (fen). A merchant's money is in one case at a time: the key of
``case_subjects`` holds that whoever writes.
"""

import datetime as dt
import sys
from typing import Any

import sqlalchemy as sa


class Moment(sa.types.TypeDecorator[dt.datetime]):
    """An aware moment, kept in UTC; SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """In UTC; refuses a moment without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        at = value.astimezone(dt.UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """In UTC again."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


METADATA = sa.MetaData()

CASES = sa.Table(
    "cases",
    METADATA,
    sa.Column("case_id", sa.Integer, primary_key=True),
    sa.Column("number", sa.String(20), nullable=False, unique=True),
    sa.Column("merchant_id", sa.String(15), nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("stands", sa.Boolean, nullable=False),
    sa.Column("rule", sa.String(64), nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("claimed_fen", sa.BigInteger, nullable=False),
    sa.Column("recovered_fen", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False, server_default="156"),
    sa.Column("act_by", Moment, nullable=True),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("merged_into", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=True),
)

CASE_FINDINGS = sa.Table(
    "case_findings",
    METADATA,
    sa.Column("finding_id", sa.String(64), primary_key=True),
    sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
    sa.Column("joined_at", Moment, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
)

CASE_SUBJECTS = sa.Table(
    "case_subjects",
    METADATA,
    sa.Column("merchant_id", sa.String(15), primary_key=True),
    sa.Column("subject", sa.String(300), primary_key=True),
    sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
)

CASE_LOG = sa.Table(
    "case_log",
    METADATA,
    sa.Column("entry_id", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("contact", sa.String(200), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reference", sa.String(200), nullable=True, unique=True),
    sa.Column("proof", sa.Text, nullable=True),
)

CASE_SERIALS = sa.Table(
    "case_serials",
    METADATA,
    sa.Column("month_day", sa.String(4), primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

CASE_ANSWERS = sa.Table(
    "case_answers",
    METADATA,
    sa.Column("answer_id", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
    sa.Column("answer", sa.String(20), nullable=False),
    sa.Column("merchant_id", sa.String(15), nullable=False),
    sa.Column("rule", sa.String(64), nullable=False),
    sa.Column("price_fen", sa.BigInteger, nullable=True),
    sa.Column("price_currency", sa.String(3), nullable=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("withdrawn_at", Moment, nullable=True),
    sa.Column("withdrawn_by", sa.String(100), nullable=True),
)

FORGOTTEN_PRICES = sa.Table(
    "forgotten_prices",
    METADATA,
    sa.Column("merchant_id", sa.String(15), primary_key=True),
    sa.Column("amount_fen", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
)

MEANINGS: dict[str, tuple[str, dict[str, str]]] = {
    "cases": (
        "One row a case.",
        {
            "case_id": "our own number of it",
            "number": "what people quote: C-MMDD-NNNN; the day's numbers go on from year to year, so none comes twice",
            "merchant_id": "merchant",
            "business_date": "local day of the finding that opened it",
            "state": "new, told, claimed, promised, recovered, rejected or closed",
            "stands": "whether a finding is sure and grave enough for a mail; else it is only for review",
            "rule": "rule of the leading finding",
            "amount_fen": "money at risk, each debit or refund counted once",
            "claimed_fen": "what was claimed back",
            "recovered_fen": "what came back",
            "currency": "ISO 4217 number of the currency that these amounts, and those of its log, are in: the leading "
            "finding's until something is claimed or back; money at risk in another currency is not in them",
            "act_by": "the nearest deadline when it was last looked at; null = none",
            "opened_at": "when it was opened",
            "changed_at": "when its state changed last or a finding joined; while open, also when one changed",
            "merged_into": "the older case that it turned out to be about; null = it stands for itself",
        },
    ),
    "case_findings": (
        "The findings of each case, as they were when they joined it: a later check may no longer find them.",
        {
            "finding_id": "the finding; it is in one case",
            "case_id": "its case",
            "joined_at": "when it joined; of one that opened its case again because it became proven, when it did that",
            "finding": "JSON: the finding object",
        },
    ),
    "case_subjects": (
        "Which money is in which case.",
        {
            "merchant_id": "merchant",
            "subject": "JSON: the transaction's id, or what else names it",
            "case_id": "its case",
        },
    ),
    "case_log": (
        "What happened to each case, never changed.",
        {
            "entry_id": "order of writing",
            "case_id": "its case",
            "at": "when",
            "kind": "opened, joined, merged, reopened, told, contact, note, claimed, promised, recovered, rejected, "
            "closed, answered, withdrawn",
            "by": "who wrote it; tillwatch for what it did itself",
            "contact": "whom one spoke with, and how",
            "text": "what was said or seen",
            "amount_fen": "money it is about; null = none",
            "state": "the case's state after it",
            "reference": "what an entry of tillwatch rests on, so that it is written once; null = a person's entry",
            "proof": "JSON: the transactions or statement lines that show money back; null = none",
        },
    ),
    "case_answers": (
        "What readers answered to each case; an answer taken back, or given anew, keeps its row.",
        {
            "answer_id": "order of writing",
            "case_id": "its case",
            "answer": "confirmed, two-purchases, done, notice or complain",
            "merchant_id": "merchant",
            "rule": "rule of the leading finding at that time",
            "price_fen": "the amount that was charged twice; null = the answer teaches no price",
            "price_currency": "ISO 4217 number of its currency",
            "at": "when",
            "by": "who, or which mail's link",
            "withdrawn_at": "when it was taken back or given anew; null = it stands",
            "withdrawn_by": "who did that",
        },
    ),
    "forgotten_prices": (
        "Price points that somebody took back: answers before that moment teach them no more.",
        {
            "merchant_id": "merchant",
            "amount_fen": "the price, in minor units",
            "currency": "ISO 4217 number of its currency",
            "at": "when it was taken back last",
            "by": "who did that",
        },
    ),
    "case_serials": (
        "The last number given out for each day of the year.",
        {"month_day": "MMDD", "last": "the last number"},
    ),
}


def document() -> str:
    """The tables of docs/cases.md."""
    parts = []
    for table in METADATA.sorted_tables:
        meaning, columns = MEANINGS[table.name]
        rows = "\n".join(f"| `{c.name}` | {_type(c)} | {columns[c.name]} |" for c in table.columns)
        parts.append(f"### {table.name}\n\n{meaning}\n\n| column | type | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _type(column: "sa.Column[Any]") -> str:
    plain = column.type.impl_instance if isinstance(column.type, sa.types.TypeDecorator) else column.type
    return str(plain).lower()


if __name__ == "__main__":
    sys.stdout.write(document())

"""The first database of cases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cases",
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
        sa.Column("act_by", MOMENT, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("merged_into", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=True),
    )
    op.create_table(
        "case_findings",
        sa.Column("finding_id", sa.String(64), primary_key=True),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("finding", sa.Text, nullable=False),
    )
    op.create_table(
        "case_subjects",
        sa.Column("merchant_id", sa.String(15), primary_key=True),
        sa.Column("subject", sa.String(300), primary_key=True),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
    )
    op.create_table(
        "case_log",
        sa.Column("entry_id", sa.Integer, primary_key=True),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reference", sa.String(200), nullable=True, unique=True),
    )
    op.create_table(
        "case_serials",
        sa.Column("month_day", sa.String(4), primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Take the tables away."""
    for table in ("case_serials", "case_log", "case_subjects", "case_findings", "cases"):
        op.drop_table(table)

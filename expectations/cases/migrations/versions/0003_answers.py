"""What readers answered, and the price points that somebody took back."""

import sqlalchemy as sa
from alembic import op

from expectations.cases.schema import Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "case_answers",
        sa.Column("answer_id", sa.Integer, primary_key=True),
        sa.Column("case_id", sa.Integer, sa.ForeignKey("cases.case_id"), nullable=False, index=True),
        sa.Column("answer", sa.String(20), nullable=False),
        sa.Column("merchant_id", sa.String(15), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("price_fen", sa.BigInteger, nullable=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("withdrawn_at", Moment, nullable=True),
        sa.Column("withdrawn_by", sa.String(100), nullable=True),
    )
    op.create_table(
        "forgotten_prices",
        sa.Column("merchant_id", sa.String(15), primary_key=True),
        sa.Column("amount_fen", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("forgotten_prices")
    op.drop_table("case_answers")

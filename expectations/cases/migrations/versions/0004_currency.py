"""A case says which currency its amounts are in; those there are were counted as yuan."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("cases", sa.Column("currency", sa.String(3), nullable=False, server_default="156"))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("cases", "currency")

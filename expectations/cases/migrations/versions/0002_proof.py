"""What shows that money is back stands beside the log's entry, for machines."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("case_log", sa.Column("proof", sa.Text, nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("case_log", "proof")

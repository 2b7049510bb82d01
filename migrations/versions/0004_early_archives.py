"""The archive of a protection can be downloaded before its evidence is measured"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. The archives that exist have been ready since their jobs ended."""
    op.add_column("jobs", sa.Column("archive_ready_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("archive_common_bytes", sa.BigInteger(), nullable=True))
    op.execute("UPDATE jobs SET archive_ready_at = finished_at WHERE archive_key IS NOT NULL")


def downgrade() -> None:
    """Drop the columns. Older versions offer the archive of a succeeded job only, so other jobs lose theirs."""
    op.execute("UPDATE jobs SET archive_key = NULL, archive_bytes = NULL WHERE state <> 'succeeded'")
    op.drop_column("jobs", "archive_common_bytes")
    op.drop_column("jobs", "archive_ready_at")

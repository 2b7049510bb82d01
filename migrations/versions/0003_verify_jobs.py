"""Verify jobs name the protect job that they measure"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. It is no foreign key: to add one, SQLite copies the table, which clears references to it."""
    op.add_column("jobs", sa.Column("target_job_id", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_jobs_target_job_id"), "jobs", ["target_job_id"], unique=False)


def downgrade() -> None:
    """Drop the column and the verify jobs, which older versions do not know. Their files stay in the object store."""
    op.drop_index(op.f("ix_jobs_target_job_id"), table_name="jobs")
    op.execute("DELETE FROM jobs WHERE kind = 'verify'")
    op.drop_column("jobs", "target_job_id")

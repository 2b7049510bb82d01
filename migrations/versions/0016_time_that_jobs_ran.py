"""How long a job has run, for fair shares and the limit of run time"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which begins at 0 for the jobs of earlier versions, and an index for those that ended lately."""
    op.add_column("jobs", sa.Column("ran_seconds", sa.Double(), nullable=False, server_default="0"))
    op.create_index(op.f("ix_jobs_finished_at"), "jobs", ["finished_at"])


def downgrade() -> None:
    """Drop both."""
    op.drop_index(op.f("ix_jobs_finished_at"), table_name="jobs")
    op.drop_column("jobs", "ran_seconds")

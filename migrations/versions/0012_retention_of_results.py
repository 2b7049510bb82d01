"""Results are kept for some days, and deletions are proven"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which is empty for the jobs of earlier versions: they stay. Create the table of deletions."""
    op.add_column("jobs", sa.Column("keep_days", sa.BigInteger()))
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prefix", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletions")),
    )
    op.create_index(op.f("ix_deletions_prefix"), "deletions", ["prefix"])
    op.create_index(op.f("ix_deletions_proven_at"), "deletions", ["proven_at"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("deletions")
    op.drop_column("jobs", "keep_days")

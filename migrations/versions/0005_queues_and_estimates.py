"""Short jobs have a queue of their own, and jobs know how long they are expected to take"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Jobs without a queue are run by the workers of their kind, as before."""
    op.add_column("jobs", sa.Column("queue", sa.String(length=16), nullable=True))
    op.add_column("jobs", sa.Column("estimate", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("measured", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("measured", "estimate", "queue"):
        op.drop_column("jobs", name)

"""Datasets say how large their images are"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Datasets that were checked before have no size."""
    op.add_column("datasets", sa.Column("shorter_edge", sa.Double(), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("datasets", "shorter_edge")

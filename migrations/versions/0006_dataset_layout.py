"""Datasets say how their images were sorted into classes"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Datasets that were checked before have an empty layout."""
    op.add_column("datasets", sa.Column("layout", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("datasets", "layout")

"""Datasets list the files that are no images, and those that have other names than in the upload"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Datasets that were checked before have empty lists."""
    op.add_column("datasets", sa.Column("passed_through", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("datasets", sa.Column("renamed", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("datasets", "renamed")
    op.drop_column("datasets", "passed_through")

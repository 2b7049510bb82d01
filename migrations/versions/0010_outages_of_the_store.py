"""Jobs know since when the object store does not answer them"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is empty for jobs that meet no outage."""
    op.add_column("jobs", sa.Column("outage_since", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("jobs", "outage_since")

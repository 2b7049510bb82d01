"""The parts of resumable uploads lie in the object store, beyond one machine"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the offset and the lock of an upload, and the table of its parts."""
    op.add_column("uploads", sa.Column("received", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("uploads", sa.Column("received_at", sa.DateTime(timezone=True)))
    op.add_column("uploads", sa.Column("sender", sa.String(length=32)))
    op.add_column("uploads", sa.Column("sender_until", sa.DateTime(timezone=True)))
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.String(length=32), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_upload_parts_upload_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("upload_id", "start", name=op.f("pk_upload_parts")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("upload_parts")
    for name in ("sender_until", "sender", "received_at", "received"):
        op.drop_column("uploads", name)

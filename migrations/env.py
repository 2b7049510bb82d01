"""How Alembic reaches the database: through `store`, in one transaction, one process at a time."""

from typing import Any

from alembic import context
from sqlalchemy import text

from store.database import open_database
from store.models import Base, UtcDateTime
from store.settings import get_settings

LOCK = 7_213_051_881  # any number of our own: PostgreSQL's name for the lock that migrations take

database = context.config.attributes.get("database") or open_database(get_settings())


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Our own column type as the plain one beneath it, so that old migrations need none of our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


with database.engine.connect() as connection, connection.begin():  # SQLite takes its write lock here
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    context.run_migrations()

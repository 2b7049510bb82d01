"""Alembic's environment: it connects through `store`, and migrates in one transaction, one process at a time."""

from typing import Any

from alembic import context
from sqlalchemy import text

from store.database import open_database
from store.models import Base, UtcDateTime
from store.settings import get_settings

MIGRATION_LOCK = 7_213_051_881  # an arbitrary number that names the advisory lock on PostgreSQL

database = context.config.attributes.get("database") or open_database(get_settings())


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Render our column type as the plain one, so that old migrations do not depend on our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


with database.engine.connect() as connection, connection.begin():  # SQLite takes its write lock here
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    context.run_migrations()

"""Bringing the database's tables to where this code expects them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from store.database import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def config(database: Database | None = None) -> Config:
    """Alembic's configuration, without a file of its own."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["database"] = database
    return settings


def upgrade(database: Database, revision: str = "head") -> None:
    """Run every migration that is missing; of several processes that try at once, one does it and the others wait."""
    command.upgrade(config(database), revision)


def newest() -> str:
    """The revision this code expects."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def current(database: Database) -> str | None:
    """The revision the database is at; None where it has no tables yet."""
    with database.engine.execution_options(unteachable_reads=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()

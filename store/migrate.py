"""Database migrations, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from store.database import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def alembic_config(database: Database | None = None) -> Config:
    """Return Alembic's configuration, which needs no file.

    Args:
        database: what `migrations/env.py` connects to; None for the database of the settings.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database"] = database
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the missing migrations. Of several processes that call this at once, one migrates and the others wait.

    Args:
        database: what to migrate.
        revision: the last revision to run.
    """
    command.upgrade(alembic_config(database), revision)


def head_revision() -> str:
    """Return the revision that this code expects."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


def current_revision(database: Database) -> str | None:
    """Return the revision of a database; None where it has no tables yet."""
    with database.engine.execution_options(unteachable_reads=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()

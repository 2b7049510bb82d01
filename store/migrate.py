"""Database migrations, by Alembic."""

from functools import cache
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


@cache
def head_revision() -> str:
    """Return the revision that this code expects."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


@cache
def known_revisions() -> frozenset[str]:
    """Return the revisions that this code knows, from the first to the one that it expects."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return frozenset(script.revision for script in scripts.walk_revisions())


def current_revision(database: Database) -> str | None:
    """Return the revision of a database; None where it has no tables yet."""
    with database.engine.execution_options(unteachable_reads=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def schema_fault(database: Database) -> str | None:
    """Return why this version cannot use the schema of a database; None if it can.

    A schema that a later version has made is used: each release expands the schema before a later one contracts it, so
    that processes of two releases can run beside each other during an upgrade.

    Args:
        database: what to look at. Raises SQLAlchemyError if it cannot be read.
    """
    current, head = current_revision(database), head_revision()
    if current == head:
        return None
    if current is None:
        return "has no tables yet: run `unteachable migrate`"
    if current not in known_revisions():
        return None  # a later version has made it
    return f"is at revision {current}, but this version needs {head}: run `unteachable migrate`"

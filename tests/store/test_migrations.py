"""The migrations match the models on both databases, and can be undone."""

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from store import migrate
from store.database import Database, connect
from store.models import Base


def test_models_and_migrations_agree(each_database: Database) -> None:
    with each_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert migrate.current_revision(each_database) == migrate.head_revision()


def test_migrating_twice_changes_nothing(each_database: Database) -> None:
    migrate.upgrade(each_database)
    assert migrate.current_revision(each_database) == migrate.head_revision()


def test_every_migration_can_be_undone(each_database: Database) -> None:
    command.downgrade(migrate.alembic_config(each_database), "base")
    assert set(inspect(each_database.engine).get_table_names()) <= {"alembic_version"}
    migrate.upgrade(each_database)
    assert "jobs" in inspect(each_database.engine).get_table_names()


def test_a_new_database_has_no_revision(tmp_path: Any) -> None:
    database = connect(f"sqlite+pysqlite:///{tmp_path / 'new.db'}")
    assert migrate.current_revision(database) is None
    database.dispose()

"""Processes of two releases run beside each other: migrations expand the schema, and contract it one release later.

Code that is a release older works on the schema of every migration. Code that no longer uses what a migration drops
works before that migration. A migration that drops something names it in `CONTRACTS`.
"""

from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from store import migrate
from store.database import Database, connect
from store.settings import Settings
from tests.support.release_code import ReleaseCode, names_of, uniques_of

FIRST = "0012"  # migrations before it belong to one release
Step = Callable[[Operations], None]


def migrations() -> list[tuple[str, ModuleType]]:
    """The revisions that are held to the rule, oldest first, with the modules of their migrations."""
    scripts = ScriptDirectory.from_config(migrate.alembic_config())
    found = [(script.revision, script.module) for script in scripts.walk_revisions()]
    return [(revision, module) for revision, module in reversed(found) if revision >= FIRST]


@pytest.fixture
def old_database(each_settings: Settings) -> Iterator[Database]:
    """A database at the revision before the first that is held to the rule."""
    database = connect(each_settings.database)
    command.downgrade(migrate.alembic_config(database), "0011")
    yield database
    database.dispose()


def check_step(engine: Engine, upgrade: Callable[[], None], *, contracts: tuple[str, ...] = ()) -> None:
    """Fail where code of the release before a migration cannot go on after it, or that after it cannot run before.

    Args:
        engine: a database before the migration.
        upgrade: runs the migration.
        contracts: what the migration drops, as "table.column" or "table": neither release uses it any more.
    """
    old, uniques, names = ReleaseCode(engine, without=contracts), uniques_of(engine), names_of(engine)
    before = old.write(engine)
    upgrade()
    gone, new = names - names_of(engine), names_of(engine) - names
    gone -= {name for name in gone if name.split(".")[0] in contracts and "." in name}
    assert gone == set(contracts), f"{sorted(gone)} is dropped, and CONTRACTS names {sorted(contracts)}"
    assert not (contracts and new), f"it drops {sorted(contracts)} and adds {sorted(new)}: make two migrations of it"
    stricter = [unique for unique in uniques_of(engine) - uniques if old.knows(unique[0], set(unique[1]))]
    assert not stricter, f"{stricter} must be unique now, and the release before does not know that"
    old.check(engine, before)
    after = old.write(engine)
    old.check(engine, after)
    for rows in (before, after):
        old.delete(engine, rows)


def test_code_of_the_release_before_works_after_every_migration(old_database: Database) -> None:
    for revision, module in migrations():
        try:
            check_step(
                old_database.engine,
                lambda revision=revision: migrate.upgrade(old_database, revision),  # type: ignore[misc]
                contracts=getattr(module, "CONTRACTS", ()),
            )
        except (DBAPIError, AssertionError) as error:
            pytest.fail(f"migration {revision} breaks processes of the release before: {error}")
    assert migrate.current_revision(old_database) == migrate.head_revision()


EXPANSIONS: dict[str, Step] = {
    "a column that may be empty": lambda op: op.add_column("things", sa.Column("size", sa.Integer())),
    "a required column with a default of the database": lambda op: op.add_column(
        "things", sa.Column("size", sa.Integer(), nullable=False, server_default="0")
    ),
    "a table": lambda op: op.create_table("others", sa.Column("id", sa.Integer(), primary_key=True)),
    "an index": lambda op: op.create_index("ix_things_name", "things", ["name"]),
    "a column that is unique": lambda op: (
        op.add_column("things", sa.Column("code", sa.String(8))),
        op.create_index("ix_things_code", "things", ["code"], unique=True),
    ),
}


def require_column(op: Operations) -> None:
    op.add_column("things", sa.Column("size", sa.Integer()))
    op.execute("UPDATE things SET size = 0")
    with op.batch_alter_table("things") as batch:
        batch.alter_column("size", existing_type=sa.Integer(), nullable=False)


def narrow(op: Operations) -> None:
    op.execute("UPDATE things SET name = 'short'")
    op.alter_column("things", "name", type_=sa.String(8))


BREACHES: dict[str, Step] = {
    "a required column without a default": require_column,
    "a column less": lambda op: op.drop_column("things", "note"),
    "a table less": lambda op: op.drop_table("notes"),
    "another name": lambda op: op.alter_column("things", "name", new_column_name="title"),
    "another value": lambda op: op.execute("UPDATE things SET name = 'renamed'"),
    "unique where it was not": lambda op: op.create_index("ix_things_name", "things", ["name"], unique=True),
}


@pytest.fixture
def things(each_settings: Settings) -> Iterator[Engine]:
    """A database with tables of a small service, on each server."""
    database = connect(each_settings.database)
    command.downgrade(migrate.alembic_config(database), "base")
    with database.engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        columns = [sa.Column("note", sa.String(20)), sa.Column("state", sa.String(20), nullable=False)]
        op.create_table(
            "things",
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("name", sa.String(20), nullable=False),
            *columns,
        )
        op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))
    yield database.engine
    database.dispose()


def apply(engine: Engine, step: Step) -> Callable[[], None]:
    """A migration of this step."""

    def upgrade() -> None:
        with engine.begin() as connection:
            step(Operations(MigrationContext.configure(connection)))

    return upgrade


@pytest.mark.parametrize("kind", EXPANSIONS)
def test_expansions_keep_the_rule(things: Engine, kind: str) -> None:
    check_step(things, apply(things, EXPANSIONS[kind]))


@pytest.mark.parametrize("kind", BREACHES)
def test_every_kind_of_breach_is_found(things: Engine, kind: str) -> None:
    with pytest.raises((AssertionError, DBAPIError)):
        check_step(things, apply(things, BREACHES[kind]))


def test_a_narrower_column_is_found_where_the_server_holds_it(things: Engine) -> None:
    if things.dialect.name == "sqlite":
        pytest.skip("SQLite has no lengths")
    with pytest.raises((AssertionError, DBAPIError)):
        check_step(things, apply(things, narrow))


def test_what_no_release_uses_any_more_may_be_dropped_by_its_name(things: Engine) -> None:
    check_step(things, apply(things, BREACHES["a column less"]), contracts=("things.note",))
    check_step(things, apply(things, BREACHES["a table less"]), contracts=("notes",))


def test_new_code_has_to_work_before_the_contraction(things: Engine) -> None:
    """A required column without a default cannot be dropped in one step: code that does not know it cannot insert."""

    def drop(op: Operations) -> None:
        op.drop_column("things", "state")

    with pytest.raises(DBAPIError):
        check_step(things, apply(things, drop), contracts=("things.state",))


def test_a_migration_does_not_expand_and_contract(things: Engine) -> None:
    def both(op: Operations) -> None:
        op.drop_column("things", "note")
        op.add_column("things", sa.Column("remark", sa.String(20)))

    with pytest.raises(AssertionError, match="make two migrations"):
        check_step(things, apply(things, both), contracts=("things.note",))

"""What the local admin does by hand: migrate, make a token, make a sign-in link."""

from collections.abc import Iterator
from contextlib import contextmanager

from store import generators, migrate, users
from store.database import Database, open_database
from store.object_store import open_object_store
from store.settings import Settings, get_settings


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database, migrated where this is one machine; elsewhere migrating is a step of its own."""
    database = open_database(settings)
    try:
        if settings.is_single_machine and migrate.current_revision(database) != migrate.head_revision():
            migrate.upgrade(database)
        yield database
    finally:
        database.dispose()


def fresh_token(name: str) -> str:
    """A new API token of the local admin."""
    with _database(get_settings()) as database, database.write.begin() as session:
        _, plain = users.create_token(session, user_id=users.local_admin(session).id, name=name)
    return plain


def fresh_link() -> str:
    """A new one-time sign-in link of the local admin."""
    settings = get_settings()
    with _database(settings) as database, database.write.begin() as session:
        admin = users.local_admin(session)
        key = users.create_sign_in_key(session, user_id=admin.id, seconds=settings.sign_in_link_seconds)
    return f"{settings.address}/sign-in?key={key}"


def migrated() -> tuple[str | None, str | None]:
    """Run the migrations that are missing, and offer the generators that ship; the revisions before and after."""
    settings = get_settings()
    database = open_database(settings)
    try:
        before = migrate.current_revision(database)
        migrate.upgrade(database)
        generators.register_shipped(database, open_object_store(settings))
        return before, migrate.current_revision(database)
    finally:
        database.dispose()

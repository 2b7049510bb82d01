"""Commands of the local admin: migrate the database, create an API token, create a sign-in link."""

from collections.abc import Iterator
from contextlib import contextmanager

from store import deployment, generators, migrate, users
from store.database import Database, open_database
from store.object_store import open_object_store
from store.settings import Settings, get_settings


@contextmanager
def _open_migrated(settings: Settings) -> Iterator[Database]:
    """The database, migrated on a single machine. Beyond one machine the operator runs the migrations."""
    database = open_database(settings)
    try:
        if settings.is_single_machine and migrate.current_revision(database) != migrate.head_revision():
            migrate.upgrade(database)
        yield database
    finally:
        database.dispose()


def create_admin_token(name: str) -> str:
    """Create an API token of the local admin, and return it.

    Args:
        name: what the list of tokens calls it.
    """
    with _open_migrated(get_settings()) as database, database.write.begin() as session:
        _, plain = users.create_token(session, user_id=users.local_admin(session).id, name=name)
    return plain


def create_sign_in_link() -> str:
    """Create a one-time sign-in link of the local admin, and return its URL."""
    settings = get_settings()
    with _open_migrated(settings) as database, database.write.begin() as session:
        admin = users.local_admin(session)
        key = users.create_sign_in_key(session, user_id=admin.id, seconds=settings.sign_in_link_seconds)
    return f"{settings.address}/sign-in?key={key}"


def migrate_database() -> tuple[str | None, str | None]:
    """Run the missing migrations, and register the shipped generators.

    Returns:
        The revisions before and after; None for a database without tables.
    """
    settings = get_settings()
    database = open_database(settings)
    try:
        before = migrate.current_revision(database)
        migrate.upgrade(database)
        files = open_object_store(settings)
        deployment.adopt_if_new(settings, database, files)
        generators.register_shipped(database, files)
        return before, migrate.current_revision(database)
    finally:
        database.dispose()

"""Puts a copied database into place: prepared beside the present one, migrated, then exchanged in one step."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import delete, func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ops.backup_file import BackupRefused, Manifest, sync_folder
from ops.database_copy import COPY_SUFFIX, SQLITE_NAME, copy_in
from store import migrate
from store import models as m
from store.database import Database, connect, open_database
from store.settings import Settings

SCHEMA = "unteachable_restore"  # of PostgreSQL, in which the tables are prepared
COUNTED: dict[str, Any] = {"users": m.User.id, "datasets": m.Dataset.id, "jobs": m.Job.id}
LOCK_SECONDS = 10
CLOSING_SECONDS = 3.0  # for which the server may still show connections that were closed
OTHER_CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)
IN_USE = "end every process of the service (`unteachable up`, api, worker) and try again"


class PreparedDatabase(Protocol):
    """A migrated database that waits beside the present one."""

    def install(self) -> None:
        """Let it take the place of the present one, in one step. Raises BackupRefused where that is in use."""


def database_contents(settings: Settings) -> str | None:
    """Return what a database holds, for operators; None for no user, dataset and job.

    Args:
        settings: where the database is.

    Raises:
        BackupRefused: the database is of a later version.
    """
    if (path := _sqlite_path(settings)) is not None and not path.exists():
        return None
    database = open_database(settings, connections=1)
    try:
        revision = migrate.current_revision(database)
        if revision is None:
            return None
        if revision not in migrate.known_revisions():
            raise BackupRefused(f"the database here is of a later version (revision {revision}): update this one first")
        with database.read() as session:
            counts = {name: session.scalar(select(func.count(id_))) or 0 for name, id_ in COUNTED.items()}
    finally:
        database.dispose()
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or None


def require_unused(settings: Settings) -> None:
    """Raise BackupRefused where another process has the database open.

    Args:
        settings: where the database is.
    """
    path = _sqlite_path(settings)
    if path is not None and not path.exists():
        return
    database = open_database(settings, connections=1)
    try:
        with database.engine.connect() as connection:
            deadline = time.monotonic() + CLOSING_SECONDS
            while path is None and (others := connection.scalar(text(OTHER_CONNECTIONS))):
                if time.monotonic() > deadline:
                    raise BackupRefused(f"{others} other connections use the database: {IN_USE}")
                connection.rollback()  # a transaction sees the same connections all the time
                time.sleep(0.1)
    finally:
        database.dispose()
    if path is not None and path.with_name(f"{path.name}-wal").exists():  # the last one that closes it removes this
        raise BackupRefused(f"another process uses {path}: {IN_USE}")


@contextmanager
def prepared_database(settings: Settings, manifest: Manifest, folder: Path) -> Iterator[PreparedDatabase]:
    """Prepare a database from the copy in a folder; what is not installed is removed at the end of the block.

    Args:
        settings: where the database is.
        manifest: what the backup holds.
        folder: has the files that `ops.database_copy.copy_database` wrote.
    """
    path = _sqlite_path(settings)
    if path is not None:
        prepared = _PreparedFile(path)
        prepared.remove()  # of a restore that was killed: SQLite would apply its log to the new file
        shutil.move(folder / SQLITE_NAME, prepared.beside)
        try:
            database = connect(f"sqlite+pysqlite:///{prepared.beside}", connections=1)
            _bring_up_to_date(database)
            yield prepared
        finally:
            prepared.remove()
        return
    tables = _PreparedTables(settings)
    tables.fill(manifest, folder)
    try:
        yield tables
    finally:
        tables.drop()


class _PreparedFile:
    """A SQLite file beside the one that it replaces."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.beside = path.with_name(f".{path.name}.restoring")

    def remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self.beside.with_name(f"{self.beside.name}{ending}").unlink(missing_ok=True)

    def install(self) -> None:
        for ending in ("-wal", "-shm"):
            if self._path.with_name(f"{self._path.name}{ending}").exists():
                raise BackupRefused(f"another process uses {self._path}: {IN_USE}")
        self.beside.chmod(0o600)
        self.beside.replace(self._path)
        sync_folder(self._path.parent)


class _PreparedTables:
    """Tables in a schema of PostgreSQL of their own, which move to where the present ones are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = make_url(settings.database)
        options = f"{url.query.get('options', '')} -csearch_path={SCHEMA}".strip()
        self._url = url.update_query_dict({"options": options}).render_as_string(hide_password=False)

    def fill(self, manifest: Manifest, folder: Path) -> None:
        self.drop()
        self._run([f"CREATE SCHEMA {SCHEMA}"])
        database = connect(self._url, connections=2)
        try:
            migrate.upgrade(database, manifest.revision)
            with database.engine.begin() as connection:
                for table in reversed(manifest.columns):
                    connection.execute(text(f'DELETE FROM "{table}"'))
                for table, columns in manifest.columns.items():
                    copy_in(connection, table, columns, folder / f"{table}{COPY_SUFFIX}")
            _bring_up_to_date(database)
        except BaseException:
            database.dispose()
            self.drop()
            raise

    def install(self) -> None:
        database = open_database(self._settings, connections=1)
        try:
            with database.engine.begin() as connection:
                found = inspect(connection)
                place = found.default_schema_name
                ours = {*m.Base.metadata.tables, "alembic_version"}
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                for table in sorted(ours & set(found.get_table_names())):
                    connection.execute(text(f'DROP TABLE "{table}" CASCADE'))
                for table in found.get_table_names(schema=SCHEMA):
                    connection.execute(text(f'ALTER TABLE {SCHEMA}."{table}" SET SCHEMA "{place}"'))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
                raise BackupRefused(f"another process uses the database: {IN_USE}") from None
            raise
        finally:
            database.dispose()

    def drop(self) -> None:
        self._run([f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"])

    def _run(self, statements: list[str]) -> None:
        database = open_database(self._settings, connections=1)
        try:
            with database.engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            database.dispose()


def _bring_up_to_date(database: Database) -> None:
    """Migrate, and delete what was true only where the backup was made; then close the database."""
    try:
        migrate.upgrade(database)
        with database.write.begin() as session:
            unfinished = select(m.Upload.id).where(m.Upload.dataset_id.is_(None))
            session.execute(delete(m.UploadPart).where(m.UploadPart.upload_id.in_(unfinished)))
            session.execute(delete(m.Upload).where(m.Upload.dataset_id.is_(None)))
            session.execute(delete(m.Worker))
            session.execute(delete(m.Maintenance))
    finally:
        database.dispose()


def _sqlite_path(settings: Settings) -> Path | None:
    """The file of a SQLite database; None for a server."""
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database:
        raise BackupRefused("UNTEACHABLE_DATABASE_URL: a database in memory cannot be restored; name a file")
    return Path(url.database)

"""The database: one engine per process, and two kinds of transaction.

On SQLite a `write` transaction takes the write lock when it begins (BEGIN IMMEDIATE), so it never fails half-way
because another process holds the lock. A `read` transaction does not block writers. On PostgreSQL both are plain
transactions.
"""

import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session, sessionmaker

from store.disk import DiskReserve
from store.settings import Settings

MAX_CONNECTIONS = 30  # of one process at the same time
IDLE_CONNECTIONS = 10  # stay open while nobody needs them
NO_SCHEMA = ("42P01", "42703", "3F000")  # SQLSTATE of a table, a column or a schema that does not exist
NO_CONNECTION = ("08", "57P", "53300")  # SQLSTATE: lost, shutting down or starting, too many
LOCK_TIMEOUT_SECONDS = 30  # how long a SQLite transaction waits for the write lock
# How long a silent server delays a call before its connection counts as broken. Parameters of the URL take precedence.
CONNECT_SECONDS = 5
CONNECTION_TIMEOUTS = {
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


@dataclass(frozen=True, slots=True)
class Database:
    """`with db.write.begin() as session:` commits at the end of the block; `with db.read() as session:` only reads.

    Attributes:
        engine: its connections.
        write: makes sessions that write.
        read: makes sessions that only read.
        reserve: the room on the disk that is kept for a SQLite database; None for another one.
    """

    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]
    reserve: DiskReserve | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a file that this process reads by itself, without a server."""
        return self.engine.dialect.name == "sqlite"

    def dispose(self) -> None:
        """Close every connection. Call it after a fork and at the end of a process."""
        self.engine.dispose()


def open_database(
    settings: Settings, *, connections: int = MAX_CONNECTIONS, connect_seconds: int = CONNECT_SECONDS
) -> Database:
    """Open the database of the settings. Creates the data folder that SQLite needs, but no tables.

    Args:
        settings: where the database is.
        connections: the largest number of connections at the same time.
        connect_seconds: how long a server may take to accept a connection.
    """
    return connect(settings.database, connections=connections, connect_seconds=connect_seconds)


def connect(url: str, *, connections: int = MAX_CONNECTIONS, connect_seconds: int = CONNECT_SECONDS) -> Database:
    """Open a database.

    Args:
        url: a SQLAlchemy URL; `sqlite+pysqlite:///PATH` or `postgresql+psycopg://…`.
        connections: the largest number of connections at the same time; who needs one more waits, with its thread.
        connect_seconds: how long a server may take to accept a connection.
    """
    parsed, reserve = make_url(url), None
    idle = min(IDLE_CONNECTIONS, connections)
    pool: dict[str, Any] = {"pool_size": idle, "max_overflow": connections - idle, "pool_use_lifo": True}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed, connect_args={"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False}, **pool
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        if parsed.database:
            reserve = DiskReserve(Path(parsed.database).parent)
            event.listen(engine, "begin", partial(_make_room, reserve))
    else:
        timeouts = {"connect_timeout": connect_seconds, **CONNECTION_TIMEOUTS}
        timeouts = {name: value for name, value in timeouts.items() if name not in parsed.query}
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=timeouts, **pool)
    reading = engine.execution_options(unteachable_reads=True)
    return Database(
        engine=engine,
        write=sessionmaker(engine, expire_on_commit=False),
        read=sessionmaker(reading, expire_on_commit=False),
        reserve=reserve,
    )


def changed_one_row(result: Any) -> bool:
    """Return whether an UPDATE matched exactly one row.

    Args:
        result: what `session.execute(update(…))` returned.
    """
    return cast("CursorResult[Any]", result).rowcount == 1


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Return whether an error is due to a database that cannot be reached or is busy, so that a later try may succeed.

    Args:
        error: what a session or a connection raised.
    """
    if isinstance(error, NoConnection):
        return True
    if isinstance(error, ProgrammingError):
        return getattr(error.orig, "sqlstate", None) in NO_SCHEMA  # until somebody migrates it
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, InterfaceError)):
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return True  # psycopg: the server is away, starting, stopping, full, or has too many connections


def is_disconnected(error: SQLAlchemyError) -> bool:
    """Return whether an error means that the server ended a connection or accepted none, whatever was asked of it.

    Args:
        error: what a session or a connection raised.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "")  # None: there was no server that could have answered
    return isinstance(error, OperationalError) and (state is None or state.startswith(NO_CONNECTION))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin_sqlite does
    busy_timeout = LOCK_TIMEOUT_SECONDS * 1000
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={busy_timeout}"):
        connection.execute(f"PRAGMA {pragma}")


def _make_room(reserve: DiskReserve, connection: Connection) -> None:
    if not _reads(connection):
        reserve.release_if_needed()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if _reads(connection) else "BEGIN IMMEDIATE")


def _reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("unteachable_reads", False))

"""The database: one engine per process, and two kinds of transaction.

On SQLite a `write` transaction takes the write lock when it begins (BEGIN IMMEDIATE), so it never fails half-way
because another process holds the lock. A `read` transaction does not block writers. On PostgreSQL both are plain
transactions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import Session, sessionmaker

from store.settings import Settings

LOCK_TIMEOUT_SECONDS = 30  # how long a SQLite transaction waits for the write lock
# How long a silent server delays a call before its connection counts as broken. Parameters of the URL take precedence.
CONNECTION_TIMEOUTS = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


@dataclass(frozen=True, slots=True)
class Database:
    """`with db.write.begin() as session:` commits at the end of the block; `with db.read() as session:` only reads."""

    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]

    def dispose(self) -> None:
        """Close every connection. Call it after a fork and at the end of a process."""
        self.engine.dispose()


def open_database(settings: Settings) -> Database:
    """Open the database of the settings. Creates the data folder that SQLite needs, but no tables."""
    return connect(settings.database)


def connect(url: str) -> Database:
    """Open a database.

    Args:
        url: a SQLAlchemy URL; `sqlite+pysqlite:///PATH` or `postgresql+psycopg://…`.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": LOCK_TIMEOUT_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        timeouts = {name: value for name, value in CONNECTION_TIMEOUTS.items() if name not in parsed.query}
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=timeouts)
    reading = engine.execution_options(unteachable_reads=True)
    return Database(
        engine=engine,
        write=sessionmaker(engine, expire_on_commit=False),
        read=sessionmaker(reading, expire_on_commit=False),
    )


def changed_one_row(result: Any) -> bool:
    """Return whether an UPDATE matched exactly one row.

    Args:
        result: what `session.execute(update(…))` returned.
    """
    return cast("CursorResult[Any]", result).rowcount == 1


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin_sqlite does
    busy_timeout = LOCK_TIMEOUT_SECONDS * 1000
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={busy_timeout}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("unteachable_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

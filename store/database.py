"""The database: one engine a process, and two kinds of transaction.

SQLite takes its write lock at BEGIN in `write` (BEGIN IMMEDIATE), so a transaction never fails half-way for a lock that
another process took, while `read` leaves writers alone. On PostgreSQL both are plain transactions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import Session, sessionmaker

from store.settings import Settings

BUSY_SECONDS = 30
# how long a server on another machine may be silent before its connection counts as broken; a URL may say otherwise
PATIENCE = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


@dataclass(frozen=True, slots=True)
class Database:
    """`with db.write.begin() as session:` commits at its end; `with db.read() as session:` only looks."""

    engine: Engine
    write: sessionmaker[Session]
    read: sessionmaker[Session]

    def dispose(self) -> None:
        """Close every connection; needed after a fork and at the end of a process."""
        self.engine.dispose()


def open_database(settings: Settings) -> Database:
    """The database of these settings; makes the data folder where SQLite needs it, but no tables."""
    return connect(settings.database)


def connect(url: str) -> Database:
    """The database at a SQLAlchemy URL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        patience = {name: value for name, value in PATIENCE.items() if name not in parsed.query}
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, connect_args=patience)
    reading = engine.execution_options(unteachable_reads=True)
    return Database(
        engine=engine,
        write=sessionmaker(engine, expire_on_commit=False),
        read=sessionmaker(reading, expire_on_commit=False),
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("unteachable_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

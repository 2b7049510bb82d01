"""Copies of the database: one moment of it as files, while the service writes on.

SQLite has a backup API of its own. Of PostgreSQL each table is copied in one transaction that sees one moment. The
schema is not copied: migrations make it again, so that no program of the server's version is needed.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.orm import sessionmaker

from store.database import Database, connect
from store.models import Base

SQLITE_NAME = "unteachable.db"
COPY_SUFFIX = ".copy"  # PostgreSQL's text format
LEFT_OUT = ("maintenance", "pieces", "workers")  # they say what runs, and nothing runs after a restore

Seen = TypeVar("Seen")


def copy_database(database: Database, folder: Path, look: Callable[[Database], Seen]) -> tuple[list[Path], Seen]:
    """Write the database of one moment into a folder.

    Args:
        database: the database, which has the schema of this version.
        folder: an empty folder.
        look: reads from a database that is in the same moment.

    Returns:
        The files, and what `look` returned.
    """
    if database.is_embedded:
        return _copy_sqlite(database, folder, look)
    return _copy_postgresql(database, folder, look)


def copied_columns() -> dict[str, list[str]]:
    """Return the columns of each copied table, each table after those that it refers to."""
    return {
        table.name: [column.name for column in table.columns]
        for table in Base.metadata.sorted_tables
        if table.name not in LEFT_OUT
    }


def copy_in(connection: Connection, table: str, columns: list[str], path: Path) -> None:
    """Fill an empty table of PostgreSQL from its copy, in the transaction of the connection.

    Args:
        connection: has begun a transaction.
        table: the name of the table.
        columns: the columns of the copy, in its order.
        path: the copy.
    """
    statement = f"COPY {_named(connection.engine, table, columns)} FROM STDIN"
    driver = connection.connection.driver_connection
    assert driver is not None
    with path.open("rb") as file, driver.cursor() as cursor, cursor.copy(statement) as copy:
        while block := file.read(1 << 20):
            copy.write(block)


def _copy_sqlite(database: Database, folder: Path, look: Callable[[Database], Seen]) -> tuple[list[Path], Seen]:
    path = folder / SQLITE_NAME
    source = database.engine.raw_connection()
    try:
        with closing(sqlite3.connect(path)) as target:
            driver = source.driver_connection
            assert driver is not None
            driver.backup(target)
    finally:
        source.close()
    copy = connect(f"sqlite+pysqlite:///{path}", connections=1)
    try:
        seen = look(copy)
    finally:
        copy.dispose()
    return [path], seen


def _copy_postgresql(database: Database, folder: Path, look: Callable[[Database], Seen]) -> tuple[list[Path], Seen]:
    files = []
    engine = database.engine
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        for table, columns in copied_columns().items():
            files.append(folder / f"{table}{COPY_SUFFIX}")
            driver = connection.connection.driver_connection
            assert driver is not None
            statement = f"COPY {_named(engine, table, columns)} TO STDOUT"
            with files[-1].open("wb") as file, driver.cursor() as cursor, cursor.copy(statement) as copy:
                for block in copy:
                    file.write(block)
        same_moment = sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        return files, look(Database(engine=engine, write=same_moment, read=same_moment))


def _named(engine: Engine, table: str, columns: list[str]) -> str:
    return f"{_quoted(engine, [table])} ({_quoted(engine, columns)})"


def _quoted(engine: Engine, names: list[str]) -> str:
    return ", ".join(engine.dialect.identifier_preparer.quote_identifier(name) for name in names)

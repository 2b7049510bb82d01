"""The lock of the process that cleans up: one at a time among all that share a database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from store.database import Database
from store.settings import Settings

CLEANING_LOCK = 7_213_051_882  # an arbitrary number that names the advisory lock on PostgreSQL


@contextmanager
def cleaning_lock(settings: Settings, database: Database) -> Iterator[bool]:
    """Try to take the lock for the length of the block; yields whether this process has it.

    Args:
        settings: where the data folder is.
        database: the database, whose server holds the lock where machines share it.
    """
    if database.is_embedded:
        with _file_lock(settings) as locked:
            yield locked
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lock = {"lock": CLEANING_LOCK}
        locked = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), lock))
        try:
            yield locked
        finally:
            if locked:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)


@contextmanager
def _file_lock(settings: Settings) -> Iterator[bool]:
    path = settings.home / "cleaning.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)

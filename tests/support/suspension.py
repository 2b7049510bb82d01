"""Suspend real workers as a machine does that hangs, at a moment when they hold no lock of the database."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from store.database import Database
from tests.support.waiting import wait_until


@contextmanager
def suspended(pids: Sequence[int], database: Database) -> Iterator[None]:
    """Suspend processes until the block ends.

    A process that is suspended inside a write transaction keeps SQLite's only write lock, so that no other process of
    the machine could write. Then all go on for a moment, and are suspended again.
    """
    wait_until(lambda: _suspend(pids, database), seconds=60)
    try:
        yield
    finally:
        _send(pids, signal.SIGCONT)


def _suspend(pids: Sequence[int], database: Database) -> bool:
    _send(pids, signal.SIGSTOP)
    if _others_can_write(database):
        return True
    _send(pids, signal.SIGCONT)
    time.sleep(0.05)
    return False


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _others_can_write(database: Database) -> bool:
    file = database.engine.url.database
    assert database.is_embedded
    assert file is not None
    with closing(sqlite3.connect(file, timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True

"""Whether the service can work: the database, the broker and the object store, checked at most once a second.

Anybody may ask, so the checks must be cheap: most requests get the latest result. Whether the store can be written is
tried twice a minute.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from store import models as m
from store import task_queue
from store.database import Database
from store.object_store import ObjectStore
from store.settings import Settings

CHECK_SECONDS = 1.0
WRITE_CHECK_SECONDS = 30.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _CachedCheck:
    """A check whose result counts for some seconds. While one thread checks, others get the result before."""

    check: Callable[[], str | None]
    seconds: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    checked_at: float | None = None
    fault: str | None = None

    def result(self) -> str | None:
        if self.checked_at is not None and time.monotonic() - self.checked_at < self.seconds:
            return self.fault
        if self.lock.acquire(blocking=self.checked_at is None):
            try:
                if self.checked_at is None or time.monotonic() - self.checked_at >= self.seconds:
                    self.fault = self.check()
                    self.checked_at = time.monotonic()
            finally:
                self.lock.release()
        return self.fault


class Readiness:
    """Checks what the service needs.

    Args:
        settings: The service's settings.
        db: The database.
        files: The object store.
    """

    def __init__(self, settings: Settings, db: Database, files: ObjectStore) -> None:
        self._settings, self._db, self._files = settings, db, files
        self._write_check = _CachedCheck(self._store_write_fault, WRITE_CHECK_SECONDS)
        checks = {"database": self._database_fault, "broker": self._broker_fault, "store": self._store_fault}
        self._checks = {name: _CachedCheck(check, CHECK_SECONDS) for name, check in checks.items()}

    def faults(self) -> dict[str, str | None]:
        """What is wrong with each part, by its name; None for a part that works."""
        return {name: check.result() for name, check in self._checks.items()}

    def _database_fault(self) -> str | None:
        try:
            with self._db.read() as session:
                session.execute(select(m.User.id).limit(1))
        except SQLAlchemyError as error:
            log.warning("database.unreachable", error=str(error))
            return "cannot be read, or has no tables yet"
        return None

    def _broker_fault(self) -> str | None:
        return None if task_queue.is_broker_reachable(self._settings) else "does not answer"

    def _store_fault(self) -> str | None:
        try:
            self._files.exists("probe/none")
        except OSError as error:
            log.warning("store.unreachable", error=str(error))
            return "cannot be written or read"
        return self._write_check.result()

    def _store_write_fault(self) -> str | None:
        try:
            self._files.probe()
        except OSError as error:
            log.warning("store.unreachable", error=str(error))
            return "cannot be written or read"
        return None

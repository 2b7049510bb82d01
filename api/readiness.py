"""Whether the service can work: the database, the broker and the object store, checked at most once a second.

Anybody may ask, so the checks must be cheap: most requests get the latest result. Whether the store can be written is
tried twice a minute.

A part that all machines share, and without which this API still answers, does not make it unready: a balancer would
take every API out at once, and nobody would read what is wrong.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from store import migrate, task_queue
from store import models as m
from store.database import Database
from store.object_store import ObjectStore, open_object_store
from store.s3 import S3Patience
from store.settings import Settings

CHECK_SECONDS = 1.0
WRITE_CHECK_SECONDS = 30.0
PATIENCE = S3Patience(connect_seconds=1, silent_seconds=1.5, request_seconds=2, retry_seconds=1, retries=0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part.

    Attributes:
        text: What everybody who may see it reads, as the end of a sentence; without an address.
        detail: What the part answered, for operators.
    """

    text: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatus:
    """A part of the service.

    Attributes:
        fault: What is wrong with it; None for nothing.
        is_needed: Whether this API is not ready without it.
    """

    fault: Fault | None
    is_needed: bool


@dataclass(slots=True)
class _CachedCheck:
    """A check whose result counts for some seconds."""

    check: Callable[[], Fault | None]
    seconds: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    checked_at: float | None = None
    fault: Fault | None = None

    def latest(self) -> Fault | None:
        """The result of now; while another thread checks, the one before."""
        if not self._is_fresh():
            self._check(wait=self.checked_at is None)
        return self.fault

    def latest_at_once(self) -> Fault | None:
        """The result before, where a new one takes time; it is there for the next request."""
        if self.checked_at is None:
            return self.latest()
        if not self._is_fresh() and not self.lock.locked():
            threading.Thread(target=self._check, kwargs={"wait": False}, name="readiness", daemon=True).start()
        return self.fault

    def current(self) -> Fault | None:
        """The result of now, also where another thread has to end its check first."""
        if not self._is_fresh():
            self._check(wait=True)
        return self.fault

    def _check(self, *, wait: bool) -> None:
        if self.lock.acquire(blocking=wait):
            try:
                if not self._is_fresh():
                    self.fault = self.check()
                    self.checked_at = time.monotonic()
            finally:
                self.lock.release()

    def _is_fresh(self) -> bool:
        return self.checked_at is not None and time.monotonic() - self.checked_at < self.seconds


class Readiness:
    """Checks what the service needs.

    Args:
        settings: The service's settings.
        db: The database.
        files: The object store.

    Attributes:
        files: The same store, with little patience for a server that is silent.
    """

    def __init__(self, settings: Settings, db: Database, files: ObjectStore) -> None:
        self._settings, self._db = settings, db
        self.files = files if settings.s3_location is None else open_object_store(settings, PATIENCE)
        self._write_check = _CachedCheck(self._store_write_fault, WRITE_CHECK_SECONDS)
        checks = {"database": self._database_fault, "broker": self._broker_fault, "store": self._store_fault}
        self._checks = {name: _CachedCheck(check, CHECK_SECONDS) for name, check in checks.items()}
        shared = {"broker"} if settings.broker_url else set()
        self._shared = shared | ({"store"} if settings.s3_location is not None else set())

    def parts(self, *, wait: bool = False) -> dict[str, PartStatus]:
        """Each part by its name.

        Args:
            wait: Whether to wait for the result of now, of every part.
        """
        return {
            name: PartStatus(fault=self._fault_of(name, wait=wait), is_needed=name not in self._shared)
            for name in self._checks
        }

    def _fault_of(self, name: str, *, wait: bool) -> Fault | None:
        check = self._checks[name]
        if wait:
            return check.current()
        return check.latest_at_once() if name in self._shared else check.latest()

    def _database_fault(self) -> Fault | None:
        try:
            with self._db.read() as session:
                session.execute(select(m.User.id).limit(1))
            fault = migrate.schema_fault(self._db)
        except SQLAlchemyError as error:
            log.warning("database.unreachable", error=str(error))
            return Fault("cannot be read, or has no tables yet", str(error).splitlines()[0])
        return None if fault is None else Fault("has not the schema of this version", f"the database {fault}")

    def _broker_fault(self) -> Fault | None:
        fault = task_queue.broker_fault(self._settings)
        return None if fault is None else Fault(fault, f"{self._settings.broker.rsplit('@', 1)[-1]} {fault}")

    def _store_fault(self) -> Fault | None:
        try:
            self.files.exists("probe/none")
        except OSError as error:
            log.warning("store.unreachable", error=str(error))
            return Fault("cannot be written or read", str(error))
        return self._write_check.latest()

    def _store_write_fault(self) -> Fault | None:
        try:
            self.files.probe()
        except OSError as error:
            log.warning("store.unreachable", error=str(error))
            return Fault("cannot be written or read", str(error))
        return None

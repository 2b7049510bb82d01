"""Maintenance mode: while a command holds it no stored file is deleted, and where it says so nothing is written.

One row says who holds it and until when. The holder renews it; if its process dies, the mode ends by itself after
`LEASE_SECONDS`. Whoever deletes files commits the change of the rows first and looks here afterwards. So a copy of the
database that is made while the mode is held names no file that is deleted before the mode ends.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.database import Database, changed_one_row

ONLY = "only"  # the id of the row: there is one
LEASE_SECONDS = 30.0
RENEW_SECONDS = 5.0
NOTICE_SECONDS = 1.0  # within which every API notices that writes are refused

log = structlog.get_logger()


class AlreadyInMaintenance(Exception):
    """Another command holds the maintenance mode. The message is for the operator."""


class MaintenanceLost(Exception):
    """The maintenance mode ended before the command did. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceState:
    """The maintenance mode that is held now.

    Attributes:
        reason: what holds it, for operators.
        refuses_writes: whether the API refuses writes and workers claim no job; else only files stay.
        until: when it ends unless it is renewed.
    """

    reason: str
    refuses_writes: bool
    until: datetime


def current(session: Session) -> MaintenanceState | None:
    """Return the maintenance mode that is held now; None for none.

    Args:
        session: the caller's transaction.
    """
    row = session.scalar(select(m.Maintenance).where(m.Maintenance.until > now(session)))
    if row is None:
        return None
    return MaintenanceState(reason=row.reason, refuses_writes=row.refuses_writes, until=row.until)


def keeps_files(database: Database) -> bool:
    """Return whether stored files must stay now. Call it after the commit that makes them superfluous.

    Args:
        database: the database.
    """
    with database.read() as session:
        return current(session) is not None


def refuses_claims(moment: datetime) -> ColumnElement[bool]:
    """Return the condition that holds while workers may claim no job.

    Args:
        moment: the current time, by the clock of leases.
    """
    return exists().where(m.Maintenance.refuses_writes, m.Maintenance.until > moment)


class MaintenanceMode:
    """Holds the maintenance mode for the length of a block.

    Args:
        database: the database.
        reason: what holds it, for operators.
        refuses_writes: whether the API refuses writes and workers claim no job.
        lease_seconds: after how long it ends by itself.

    Raises:
        AlreadyInMaintenance: another command holds it.
    """

    def __init__(
        self, database: Database, *, reason: str, refuses_writes: bool, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._database, self._reason, self._refuses_writes = database, reason, refuses_writes
        self._lease = timedelta(seconds=lease_seconds)
        self._holder = m.new_id()
        self._ended = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew_regularly, name="maintenance-mode", daemon=True)

    def __enter__(self) -> Self:
        try:
            with self._database.write.begin() as session:
                self._begin(session)
        except IntegrityError:
            raise AlreadyInMaintenance("another command began maintenance at the same moment: try again") from None
        log.info("maintenance.began", reason=self._reason, refuses_writes=self._refuses_writes)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        try:
            with self._database.write.begin() as session:
                session.execute(delete(m.Maintenance).where(m.Maintenance.holder == self._holder))
        except SQLAlchemyError as unavailable:  # it ends by itself
            log.warning("maintenance.not_ended", error=str(unavailable).splitlines()[0])
        log.info("maintenance.ended", reason=self._reason)

    def check(self) -> None:
        """Raise MaintenanceLost if the mode was not held all the time until now."""
        if self._lost or not self._renew():
            raise MaintenanceLost("the maintenance mode ended too early, as after a pause of this machine: try again")

    def _begin(self, session: Session) -> None:
        moment = now(session)
        row = session.get(m.Maintenance, ONLY, with_for_update=True)
        if row is not None and row.until > moment:
            raise AlreadyInMaintenance(
                f"another command holds the maintenance mode ({row.reason}): wait until it has ended; if it was "
                f"killed, the mode ends by itself at {row.until:%H:%M:%S} UTC"
            )
        if row is None:
            row = m.Maintenance(id=ONLY)
            session.add(row)
        row.holder, row.reason, row.refuses_writes = self._holder, self._reason, self._refuses_writes
        row.until = moment + self._lease

    def _renew_regularly(self) -> None:
        while not self._ended.wait(min(RENEW_SECONDS, self._lease.total_seconds() / 3)):
            try:
                if not self._renew():
                    self._lost = True
                    return
            except SQLAlchemyError as error:  # the lease decides whether the outage was too long
                log.warning("maintenance.not_renewed", error=str(error).splitlines()[0])

    def _renew(self) -> bool:
        with self._database.write.begin() as session:
            moment = now(session)
            held = (m.Maintenance.holder == self._holder, m.Maintenance.until > moment)
            return changed_one_row(
                session.execute(update(m.Maintenance).where(*held).values(until=moment + self._lease))
            )

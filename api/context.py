"""What every request may need, opened once for the app: settings, rows, files, keys, and the news of jobs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
import structlog
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.job_event_broker import Newsroom
from core.limits import Limits
from store import jobs, task_queue
from store import models as m
from store.database import Database
from store.object_store import Files
from store.settings import Settings

log = structlog.get_logger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One service's rooms. `keys` are newest first; `surveys` keeps lookers at archives from taking every thread."""

    settings: Settings
    db: Database
    files: Files
    keys: tuple[str, ...]
    newsroom: Newsroom
    surveys: anyio.CapacityLimiter

    @property
    def arriving(self) -> Path:
        """The folder of what is still arriving; survives a restart, so that uploads can go on."""
        return self.settings.home / "uploads"

    @property
    def limits(self) -> Limits:
        """How big an upload may be, unpacked."""
        s = self.settings
        return Limits(bytes=s.max_unpacked_bytes, files=s.max_files, file_bytes=s.max_file_bytes, pixels=s.max_pixels)


def house_of(request: Request) -> House:
    """The app's house."""
    house: House = request.app.state.house
    return house


Here = Annotated[House, Depends(house_of)]


def _transaction(request: Request, house: Here) -> Iterator[Session]:
    if request.method in _SAFE:
        with house.db.read() as session:
            yield session
        return
    with house.db.write.begin() as session:
        yield session
    run_after_commit(session)


Db = Annotated[Session, Depends(_transaction, scope="function")]
"""This request's transaction: committed before the answer is sent, rolled back where the route raises."""


def after_commit(session: Session, do: Callable[[], Any]) -> None:
    """Do this once the transaction is committed; never, where it is rolled back."""
    session.info.setdefault("after_commit", []).append(do)


def run_after_commit(session: Session) -> None:
    """Do what was put off; for those who commit by themselves."""
    for do in session.info.pop("after_commit", []):
        do()


def delete_after_commit(session: Session, house: House, prefix: str) -> None:
    """Remove the files under a prefix once no row names them. Tidying finds those that the store keeps just now."""

    def delete() -> None:
        try:
            house.files.delete_prefix(prefix)
        except OSError as error:
            log.warning("files.left", prefix=prefix, error=str(error))

    after_commit(session, delete)


def ring_after_commit(session: Session, house: House, job: m.Job) -> None:
    """Wake a worker for this job once its row is there for it to see."""
    jobs.mark_rung(session, job.id)
    job_id, kind = job.id, job.kind
    after_commit(session, lambda: task_queue.ring(house.settings, job_id=job_id, kind=kind))

"""What every request may need, opened once for the app: settings, rows, files, keys, and the news of jobs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
import structlog
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.job_event_broker import JobEventBroker
from core.limits import Limits
from store import jobs, task_queue
from store import models as m
from store.database import Database
from store.object_store import ObjectStore
from store.settings import Settings

log = structlog.get_logger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """One service's rooms. `keys` are newest first; `surveys` keeps lookers at archives from taking every thread."""

    settings: Settings
    db: Database
    files: ObjectStore
    keys: tuple[str, ...]
    job_event_broker: JobEventBroker
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


def context_of(request: Request) -> AppContext:
    """The app's house."""
    context: AppContext = request.app.state.context
    return context


Context = Annotated[AppContext, Depends(context_of)]


def _transaction(request: Request, context: Context) -> Iterator[Session]:
    if request.method in _SAFE:
        with context.db.read() as session:
            yield session
        return
    with context.db.write.begin() as session:
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


def delete_after_commit(session: Session, context: AppContext, prefix: str) -> None:
    """Remove the files under a prefix once no row names them. Tidying finds those that the store keeps just now."""

    def delete() -> None:
        try:
            context.files.delete_prefix(prefix)
        except OSError as error:
            log.warning("files.left", prefix=prefix, error=str(error))

    after_commit(session, delete)


def ring_after_commit(session: Session, context: AppContext, job: m.Job) -> None:
    """Wake a worker for this job once its row is there for it to see."""
    jobs.mark_enqueued(session, job.id)
    job_id, kind = job.id, job.kind
    after_commit(session, lambda: task_queue.ring(context.settings, job_id=job_id, kind=kind))

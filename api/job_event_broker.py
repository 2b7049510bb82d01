"""The news of jobs for everyone who watches: one watcher a job in this process, however many listen.

A listener holds no database connection and no thread; the watcher reads the row when the feed hints at a change, or
after a while without a hint.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.schemas import JobOut
from store import job_events
from store import models as m
from store.database import Database
from store.settings import Settings

LOOK_SECONDS = 2.0  # how long a lost hint can go unnoticed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job's row as it was at `seq`; `over` after the last change there will be."""

    seq: int
    job: JobOut

    @property
    def over(self) -> bool:
        """Whether the job's state is final."""
        return self.job.state in m.FINAL


@dataclass(slots=True, eq=False)
class _Desk:
    """What is known of one job, and who waits to hear more. `gone` when its row is."""

    latest: JobEvent | None = None
    gone: bool = False
    listeners: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watcher: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Wake everyone who waits."""
        self.changed.set()
        self.changed = asyncio.Event()


class JobEventBroker:
    """Lets any number of listeners follow jobs. Use it on one event loop only."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._desks: dict[str, _Desk] = {}

    async def follow(self, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Every change with a `seq` above `after`, only the newest where several came at once; ends with the final."""
        desk = self._desks.setdefault(job_id, _Desk())
        desk.listeners += 1
        if desk.watcher is None:
            desk.watcher = asyncio.create_task(self._watch(job_id, desk))
        try:
            while True:
                changed = desk.changed
                if desk.latest is not None and desk.latest.seq > after:
                    after = desk.latest.seq
                    yield desk.latest
                if desk.gone or (desk.latest is not None and desk.latest.over):
                    return
                if changed is desk.changed:
                    await changed.wait()
        finally:
            desk.listeners -= 1
            if desk.listeners == 0:
                self._desks.pop(job_id, None)
                desk.watcher.cancel()

    def close(self) -> None:
        """Let every listener go: the service stops."""
        for desk in self._desks.values():
            desk.gone = True
            desk.tell()

    async def _watch(self, job_id: str, desk: _Desk) -> None:
        try:
            await self._look(job_id, desk)
        except Exception:
            log.exception("newsroom.broke", job=job_id)
            desk.gone = True  # nobody may wait for news that will not come
            desk.tell()

    async def _look(self, job_id: str, desk: _Desk) -> None:
        async with job_events.subscribe(self._settings, job_id) as watch:
            while not desk.gone:
                with suppress(SQLAlchemyError):  # a database that is away for a moment: look again
                    self._post(desk, await anyio.to_thread.run_sync(self._read, job_id))
                    if desk.gone or (desk.latest is not None and desk.latest.over):
                        return
                await watch.wait(LOOK_SECONDS)

    def _post(self, desk: _Desk, news: JobEvent | None) -> None:
        if news is None:
            desk.gone = True
        elif desk.latest is not None and news.seq <= desk.latest.seq:
            return
        desk.latest = news or desk.latest
        desk.tell()

    def _read(self, job_id: str) -> JobEvent | None:
        with self._db.read() as session:
            job = session.get(m.Job, job_id)
            return None if job is None else JobEvent(job.seq, JobOut.of(job))

"""Following jobs: any number of requests follow a job, and one task in this process watches it for all of them.

A follower holds no database connection and no thread. The watching task reads the row when the pub/sub channel
announces a change, and every `POLL_SECONDS` in case an announcement was lost.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.schemas_job import JobOut
from store import job_events
from store import models as m
from store.database import Database
from store.queue_places import queue_place
from store.settings import Settings

POLL_SECONDS = 2.0
START_CHANGE_SECONDS = 10.0  # a change of the expected start by less than this is no event of its own

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job's row at the sequence number `seq`."""

    seq: int
    job: JobOut

    @property
    def is_final(self) -> bool:
        """Whether the job is over, so that no event follows."""
        return self.job.state in m.FINAL

    def supersedes(self, other: "JobEvent | None") -> bool:
        """Whether followers that know `other` get this event: the row is newer, or its place in the queue another."""
        if other is None or self.seq != other.seq:
            return other is None or self.seq > other.seq
        one, two = self.job.queue, other.job.queue
        if one is None or two is None or one.position != two.position:
            return one != two
        starts = one.starts_in_seconds, two.starts_in_seconds
        if starts[0] is None or starts[1] is None:
            return starts[0] != starts[1]
        return abs(starts[0] - starts[1]) >= START_CHANGE_SECONDS


@dataclass(slots=True, eq=False)
class _FollowedJob:
    """The latest event of one job, and the task that watches it. `closed`: no further event will come."""

    latest: JobEvent | None = None
    closed: bool = False
    followers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    watcher: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        return self.closed or (self.latest is not None and self.latest.is_final)

    def wake_followers(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def close(self) -> None:
        self.closed = True
        self.wake_followers()


class JobFollowers:
    """Lets any number of requests follow jobs. All calls must come from one event loop.

    Args:
        settings: The service's settings, for the pub/sub channel.
        db: The database.
    """

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._jobs: dict[str, _FollowedJob] = {}

    async def follow(self, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Follow a job until it is over.

        Args:
            job_id: The id of the job.
            after: The last sequence number that the follower knows.

        Yields:
            An event for each change after `after`, with the same `seq` again where only the place in the queue changed.
            Changes that come faster than they are read are merged into the newest one.
        """
        followed = self._jobs.setdefault(job_id, _FollowedJob())
        followed.followers += 1
        if followed.watcher is None:
            followed.watcher = asyncio.create_task(self._watch(job_id, followed))
        known = followed.latest
        try:
            while True:
                changed = followed.changed
                latest = followed.latest
                if latest is not None and (latest.seq > after or (latest is not known and known is not None)):
                    after, known = latest.seq, latest
                    yield latest
                known = known or latest
                if followed.is_over:
                    return
                if changed is followed.changed:
                    await changed.wait()
        finally:
            followed.followers -= 1
            if followed.followers == 0:
                self._jobs.pop(job_id, None)
                followed.watcher.cancel()

    def close(self) -> None:
        """End every stream, because the service stops."""
        for followed in self._jobs.values():
            followed.close()

    async def _watch(self, job_id: str, followed: _FollowedJob) -> None:
        try:
            await self._read_changes(job_id, followed)
        except Exception:
            log.exception("job_events.watch_failed", job=job_id)
            followed.close()  # without a watcher the followers would wait forever

    async def _read_changes(self, job_id: str, followed: _FollowedJob) -> None:
        async with job_events.subscribe(self._settings, job_id) as subscription:
            while not followed.closed:
                with suppress(SQLAlchemyError):  # the database may be back at the next poll
                    self._publish(followed, await anyio.to_thread.run_sync(self._read, job_id))
                    if followed.is_over:
                        return
                await subscription.wait(POLL_SECONDS)

    def _publish(self, followed: _FollowedJob, event: JobEvent | None) -> None:
        if event is None:  # the row was deleted
            followed.close()
        elif event.supersedes(followed.latest):
            followed.latest = event
            followed.wake_followers()

    def _read(self, job_id: str) -> JobEvent | None:
        with self._db.read() as session:
            job = session.get(m.Job, job_id)
            return None if job is None else JobEvent(job.seq, JobOut.of(job, queue_place(session, job)))

"""Following jobs: any number of requests follow jobs, and two tasks in this process watch them all.

A follower holds no database connection and no thread. One task is told of changes by pub/sub, the other reads the rows
of all jobs that changed at once. All followed rows are read every `POLL_SECONDS` too, in case an announcement was lost.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio.to_thread
import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from api.schemas_job import JobOut
from store import job_events
from store import models as m
from store.database import Database
from store.queue_places import queue_places
from store.settings import Settings
from store.workforce import read_workforce

POLL_SECONDS = 2.0
START_CHANGE_SECONDS = 10.0  # a change of the expected start by less than this is no event of its own
MIN_READ_SECONDS = 0.02  # between two readings, so that changes of many jobs are read together
JOBS_PER_QUERY = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job's row at the sequence number `seq`, and the same as JSON for every follower."""

    seq: int
    job: JobOut
    json: str

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
    """The latest event of one job. `closed`: no further event will come."""

    latest: JobEvent | None = None
    closed: bool = False
    followers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

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
        self._due: set[str] = set()
        self._has_due = asyncio.Event()
        self._watchers: list[asyncio.Task[None]] = []

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
        self._read_soon({job_id})
        if not self._watchers:
            self._watchers = [asyncio.create_task(self._listen()), asyncio.create_task(self._read_due())]
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
            if followed.followers == 0 and self._jobs.get(job_id) is followed:
                del self._jobs[job_id]
            if not self._jobs:
                self._stop_watching()

    def close(self) -> None:
        """End every stream, because the service stops."""
        self._close_all(set(self._jobs))
        self._stop_watching()

    def _close_all(self, job_ids: set[str]) -> None:
        for job_id in job_ids & self._jobs.keys():
            self._jobs[job_id].close()

    def _stop_watching(self) -> None:
        for task in self._watchers:
            task.cancel()
        self._watchers = []

    def _read_soon(self, job_ids: set[str]) -> None:
        self._due |= job_ids
        self._has_due.set()

    async def _listen(self) -> None:
        """Let the rows of changed jobs be read, and of all followed jobs from time to time."""
        changes = job_events.JobChanges(self._settings)
        polled_at = time.monotonic()
        try:
            while True:
                changed = await changes.wait(POLL_SECONDS)
                if time.monotonic() - polled_at >= POLL_SECONDS or not changed:
                    changed, polled_at = set(self._jobs), time.monotonic()
                self._read_soon(changed & self._jobs.keys())
        except Exception:
            log.exception("job_events.listen_failed")
            self._close_all(set(self._jobs))  # their followers would wait forever
        finally:
            await changes.close()

    async def _read_due(self) -> None:
        while True:
            await self._has_due.wait()
            self._has_due.clear()
            due, self._due = self._due, set()
            try:
                found = await anyio.to_thread.run_sync(self._read, due)
            except SQLAlchemyError as error:  # the database may be back at the next poll
                log.warning("job_events.not_read", error=str(error).splitlines()[0])
            except Exception:
                log.exception("job_events.read_failed")
                self._close_all(due)
            else:
                for job_id in due & self._jobs.keys():
                    self._publish(self._jobs[job_id], found.get(job_id))
            await asyncio.sleep(MIN_READ_SECONDS)

    def _publish(self, followed: _FollowedJob, event: JobEvent | None) -> None:
        if event is None:  # the row was deleted
            followed.close()
        elif event.supersedes(followed.latest):
            followed.latest = event
            followed.wake_followers()

    def _read(self, job_ids: set[str]) -> dict[str, JobEvent]:
        with self._db.read() as session:
            rows: list[m.Job] = []
            ids = sorted(job_ids)
            for start in range(0, len(ids), JOBS_PER_QUERY):
                rows += session.scalars(select(m.Job).where(m.Job.id.in_(ids[start : start + JOBS_PER_QUERY])))
            waits = any(row.state == m.QUEUED for row in rows)
            places = queue_places(session, read_workforce(session, self._settings)) if waits else {}
            return {row.id: _event_of(JobOut.of(row, places.get(row.id)), row.seq) for row in rows}


def _event_of(job: JobOut, seq: int) -> JobEvent:
    return JobEvent(seq, job, job.model_dump_json())

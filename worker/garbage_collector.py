"""Garbage collection: deletes objects that no row refers to.

Such objects stay behind when a process dies, or the object store is unavailable, after a row has changed. Objects are
listed before rows are read, so an object whose row appears in between is not deleted.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import jobs
from store import models as m
from store.clock import now
from store.object_keys import dataset_prefix, early_prefix, job_prefix
from worker.context import WorkerContext

EARLY_ARCHIVE_GRACE = timedelta(hours=1)  # downloads of an archive that was replaced may still run
GRACE_PERIOD = timedelta(days=1)  # the objects of an upload or a generator are stored before their row is inserted
OWNER_KEY = "owner"  # the object that names the database which may delete objects here
IDS_PER_QUERY = 500

LivePrefixes = dict[str, tuple[str, ...]]  # id of a row -> the prefixes of its objects that are in use

log = structlog.get_logger()


def collect_garbage(context: WorkerContext) -> list[str]:
    """Delete the objects that no row refers to; return their keys. What cannot be deleted is left for the next call.

    Objects that are older than the database stay: a new database has no rows of what was stored before. Objects in a
    store that belongs to another database stay as well.

    Args:
        context: the services of this process.
    """
    with context.database.read() as session:
        first_user = session.scalar(select(m.User).order_by(m.User.created_at).limit(1))
        grace_end = now(session) - GRACE_PERIOD
    if first_user is None or not _owns_store(context, first_user.id):
        return []
    removed = []
    for root, query in (("datasets", _live_datasets), ("jobs", _live_jobs), ("generators", _live_generators)):
        stored = _group_by_id(context.files.modified_times(root))
        for id_, live in _live_prefixes(context, list(stored), query).items():
            candidates = {key for key, time in stored[id_].items() if time >= first_user.created_at}
            if live is None:
                garbage = {key for key in candidates if stored[id_][key] < grace_end}
            else:
                garbage = {key for key in candidates if not key.startswith(live)}
            removed += _delete(context, sorted(garbage))
    return removed


def _owns_store(context: WorkerContext, database_id: str) -> bool:
    """Whether this database, identified by its first user, owns the object store; the first database becomes owner."""
    try:
        owner = context.files.load(OWNER_KEY).decode()
    except FileNotFoundError:
        context.files.write(OWNER_KEY, database_id.encode())
        return True
    if owner != database_id:
        log.warning("garbage.foreign_store", owner=owner, database=database_id)
    return owner == database_id


def _group_by_id(times: dict[str, datetime]) -> dict[str, dict[str, datetime]]:
    """Group keys of the form `root/ID/…` by their id."""
    groups: dict[str, dict[str, datetime]] = defaultdict(dict)
    for key, time in times.items():
        groups[key.split("/")[1]][key] = time
    return groups


def _live_prefixes(
    context: WorkerContext, ids: Sequence[str], query: Callable[[Session, Sequence[str]], LivePrefixes]
) -> dict[str, tuple[str, ...] | None]:
    """Query in batches; None for an id without a row."""
    live: dict[str, tuple[str, ...] | None] = dict.fromkeys(ids)
    for start in range(0, len(ids), IDS_PER_QUERY):
        with context.database.read() as session:
            live |= query(session, ids[start : start + IDS_PER_QUERY])
    return live


def _live_datasets(session: Session, ids: Sequence[str]) -> LivePrefixes:
    rows = session.scalars(select(m.Dataset.id).where(m.Dataset.id.in_(ids)))
    return {id_: (f"{dataset_prefix(id_)}/",) for id_ in rows}


def _live_jobs(session: Session, ids: Sequence[str]) -> LivePrefixes:
    """All objects of an open job; only the results of a job that is over, and for a while the archive they replaced."""
    live: LivePrefixes = {}
    replaced_since = now(session) - EARLY_ARCHIVE_GRACE
    for job in session.scalars(select(m.Job).where(m.Job.id.in_(ids))):
        if job.state in jobs.OPEN:
            live[job.id] = (f"{job_prefix(job.id)}/",)
        elif job.finished_at is not None and job.finished_at > replaced_since:
            live[job.id] = (*jobs.result_folders(job), f"{early_prefix(job.id)}/")
        else:
            live[job.id] = jobs.result_folders(job)
    return live


def _live_generators(session: Session, ids: Sequence[str]) -> LivePrefixes:
    """One file of a trained generator; all of a shipped one, since a running job may fetch an earlier version."""
    training = session.scalars(select(m.Job.id).where(m.Job.id.in_(ids), m.Job.state.in_(jobs.OPEN)))
    live: LivePrefixes = {id_: (f"generators/{id_}/",) for id_ in training}
    for row in session.scalars(select(m.Generator).where(m.Generator.id.in_(ids))):
        live[row.id] = (row.file_key,) if row.job_id else (f"generators/{row.id}/",)
    return live


def _delete(context: WorkerContext, keys: Sequence[str]) -> list[str]:
    deleted = []
    for key in keys:
        try:
            context.files.delete(key)
        except OSError as error:
            log.warning("garbage.delete_failed", key=key, error=str(error))
        else:
            deleted.append(key)
    return deleted

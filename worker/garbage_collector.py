"""Garbage collection: sets aside the objects that no row refers to, and deletes them some days later.

Such objects stay behind when a process dies, or the object store is unavailable, after a row has changed. Objects are
listed before rows are read, so an object whose row appears in between is not touched. One process at a time does this,
and only while its database surely owns the store (`store.deployment`).
"""

import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import deployment, jobs, quarantine
from store import models as m
from store.cleaning_lock import cleaning_lock
from store.clock import now
from store.object_keys import dataset_prefix, early_prefix, job_prefix, upload_parts_prefix
from worker.context import WorkerContext

EARLY_ARCHIVE_GRACE = timedelta(hours=1)  # downloads of an archive that was replaced may still run
GRACE_PERIOD = timedelta(days=1)  # the objects of an upload or a generator are stored before their row is inserted
RECENTLY = timedelta(hours=6)  # a job that ended since then is looked at in each round, an older one once a day
ROUNDS_A_DAY = 24
IDS_PER_QUERY = 500

LivePrefixes = dict[str, tuple[str, ...]]  # id of a row -> the prefixes of its objects that are in use

log = structlog.get_logger()


def collect_garbage(context: WorkerContext) -> list[str]:
    """Set aside the objects that no row refers to; return their keys. What cannot be moved is left for the next call.

    Does nothing where another process does it, within `cleanup_seconds` of the round before, or where this database may
    not own the store. Objects that are older than the database stay: a new database has no rows of what was stored
    before. The store is listed by folders: only those are looked into that may have garbage.

    Args:
        context: the services of this process.
    """
    with cleaning_lock(context.settings, context.database) as locked:
        if not locked or not _is_due(context):
            return []
        found = deployment.ownership(context.settings, context.database, context.files)
        if not found.is_confirmed:
            log.warning("garbage.not_collected", reason=found.reason)
            return []
        deployment.renew_mark(context.database, context.files)
        garbage = _find_garbage(context)
        days = context.settings.quarantine_days
        removed = quarantine.set_aside(context.files, garbage, days=days)
        for key in quarantine.delete_expired(context.files, days=days):
            log.info("garbage.deleted", key=key)
        _note_round(context)
        return removed


def named_prefixes(context: WorkerContext, root: str, ids: Sequence[str]) -> dict[str, tuple[str, ...] | None]:
    """Return the prefixes of the objects in use, by id; None for an id without a row.

    Args:
        context: the services of this process.
        root: one of `store.deployment.ROOTS`.
        ids: the names of folders under it.
    """
    return _live_prefixes(context, ids, QUERIES[root])


def _is_due(context: WorkerContext) -> bool:
    with context.database.read() as session:
        row = session.scalar(select(m.Deployment))
        if row is None or row.cleaned_at is None:
            return True
        age: timedelta = now(session) - row.cleaned_at
        return age >= timedelta(seconds=context.settings.cleanup_seconds)


def _note_round(context: WorkerContext) -> None:
    with context.database.write.begin() as session:
        session.scalars(select(m.Deployment)).one().cleaned_at = now(session)


def _find_garbage(context: WorkerContext) -> list[str]:
    with context.database.read() as session:
        first_user = session.scalar(select(m.User).order_by(m.User.created_at).limit(1))
        moment = now(session)
    if first_user is None:
        return []
    garbage: list[str] = []
    for root in deployment.ROOTS:
        ids = context.files.folders(root)
        to_see = ids if root != "jobs" else _ids_to_see(context, ids, moment)
        live = named_prefixes(context, root, to_see)
        for id_, prefixes in live.items():
            if prefixes == (f"{root}/{id_}/",):
                continue  # all of it is in use
            try:
                stored = context.files.modified_times(f"{root}/{id_}")
            except OSError as error:  # the next round sees it
                log.warning("garbage.not_listed", prefix=f"{root}/{id_}", error=str(error))
                continue
            candidates = {key: time for key, time in stored.items() if time >= first_user.created_at}
            if prefixes is None:
                garbage += sorted(key for key, time in candidates.items() if time < moment - GRACE_PERIOD)
            else:
                garbage += sorted(key for key in candidates if not key.startswith(prefixes))
    return garbage


def _ids_to_see(context: WorkerContext, ids: Sequence[str], moment: datetime) -> list[str]:
    """The jobs without a row, those that ended recently, and a part of the older ones."""
    settled: set[str] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        some = ids[start : start + IDS_PER_QUERY]
        ended = select(m.Job.id).where(m.Job.id.in_(some), m.Job.finished_at < moment - RECENTLY)
        with context.database.read() as session:
            settled.update(session.scalars(ended))
    return [id_ for id_ in ids if id_ not in settled or zlib.crc32(id_.encode()) % ROUNDS_A_DAY == moment.hour]


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


def _live_uploads(session: Session, ids: Sequence[str]) -> LivePrefixes:
    """All parts of an unfinished upload; none of one that is a dataset already."""
    rows = session.execute(select(m.Upload.id, m.Upload.dataset_id).where(m.Upload.id.in_(ids)))
    return {id_: (f"{upload_parts_prefix(id_)}/",) if dataset_id is None else () for id_, dataset_id in rows}


QUERIES: dict[str, Callable[[Session, Sequence[str]], LivePrefixes]] = {
    "datasets": _live_datasets,
    "jobs": _live_jobs,
    "generators": _live_generators,
    "uploads": _live_uploads,
}

"""Files that no row names: they stay where a process died, or the store was away, after a row had changed.

Files are listed first and rows read then, so whatever a row names by the time it is read stays.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from store import jobs
from store import models as m
from store.clock import now
from store.object_keys import dataset_prefix, job_prefix
from worker.context import WorkerContext

GRACE = timedelta(days=1)  # an upload, and a generator, is stored before its row is there
OWNER = "owner"  # the key of whose files these are: a service that got the wrong store must not tidy it
AT_ONCE = 500  # ids in one question to the database

Kept = dict[str, tuple[str, ...]]  # id -> where its files begin that stay; an id that is not in it has no row

log = structlog.get_logger()


def collect_garbage(service: WorkerContext) -> list[str]:
    """Remove the files that no row names; returns their keys. What the store refuses to remove is left for next time.

    Files older than the database are not touched: that one is new, and knows nothing of what was stored before it. Nor
    is anything in a store that another database owns.
    """
    with service.database.read() as session:
        first, late = session.scalar(select(m.User).order_by(m.User.created_at).limit(1)), now(session) - GRACE
    if first is None or not _owns(service, first.id):
        return []
    born = first.created_at
    removed = []
    for root, ask in (("datasets", _of_datasets), ("jobs", _of_jobs), ("generators", _of_generators)):
        files = _by_id(service.files.modified_times(root))
        for id_, kept in _kept(service, list(files), ask).items():
            ours = {key for key, stored in files[id_].items() if stored >= born}
            if kept is None:
                gone = {key for key in ours if files[id_][key] < late}
            else:
                gone = {key for key in ours if not key.startswith(kept)}
            removed += _remove(service, sorted(gone))
    return removed


def _owns(service: WorkerContext, first: str) -> bool:
    """Whether this database, known by its first user, owns the files; it does where none did before."""
    try:
        owner = service.files.load(OWNER).decode()
    except FileNotFoundError:
        service.files.write(OWNER, first.encode())
        return True
    if owner != first:
        log.warning("store.not_ours", owner=owner, ours=first)
    return owner == first


def _by_id(ages: dict[str, datetime]) -> dict[str, dict[str, datetime]]:
    """The files of each id; keys are `root/ID/…`."""
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for key, stored in ages.items():
        found[key.split("/")[1]][key] = stored
    return found


def _kept(
    service: WorkerContext, ids: Sequence[str], ask: Callable[[Session, Sequence[str]], Kept]
) -> dict[str, tuple[str, ...] | None]:
    """What stays of each id; None where it has no row."""
    kept: dict[str, tuple[str, ...] | None] = dict.fromkeys(ids)
    for start in range(0, len(ids), AT_ONCE):
        with service.database.read() as session:
            kept |= ask(session, ids[start : start + AT_ONCE])
    return kept


def _of_datasets(session: Session, ids: Sequence[str]) -> Kept:
    rows = session.scalars(select(m.Dataset.id).where(m.Dataset.id.in_(ids)))
    return {id_: (f"{dataset_prefix(id_)}/",) for id_ in rows}


def _of_jobs(session: Session, ids: Sequence[str]) -> Kept:
    """Everything of a job that is not over; then only the folder of its result."""
    kept: Kept = {}
    for job in session.scalars(select(m.Job).where(m.Job.id.in_(ids))):
        named = [key for key in (job.archive_key, job.report_key, job.page_key) if key]
        folders = tuple(f"{PurePosixPath(key).parent}/" for key in named)
        kept[job.id] = (f"{job_prefix(job.id)}/",) if job.state in jobs.OPEN else folders
    return kept


def _of_generators(session: Session, ids: Sequence[str]) -> Kept:
    """Of one that a job trained its file; of one that ships earlier ones too, which a job that runs may be fetching."""
    training = session.scalars(select(m.Job.id).where(m.Job.id.in_(ids), m.Job.state.in_(jobs.OPEN)))
    kept: Kept = {id_: (f"generators/{id_}/",) for id_ in training}
    for row in session.scalars(select(m.Generator).where(m.Generator.id.in_(ids))):
        kept[row.id] = (row.file_key,) if row.job_id else (f"generators/{row.id}/",)
    return kept


def _remove(service: WorkerContext, keys: Sequence[str]) -> list[str]:
    removed = []
    for key in keys:
        try:
            service.files.delete(key)
        except OSError as error:
            log.warning("orphan.stays", key=key, error=str(error))
        else:
            removed.append(key)
    return removed

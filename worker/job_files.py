"""The files of a job: its scratch folder on this machine, and its objects in the object store."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from store import datasets, deletions, jobs, maintenance_mode, trials
from store import models as m
from store.leases import Claim
from store.object_keys import dataset_prefix, job_prefix, result_prefix
from worker.context import WorkerContext

PREVIEW_ROW_TTL = timedelta(days=1)
SCRATCH_NAME = re.compile(r"(?P<job>[\w-]{22})\.(?P<attempt>\d+)")

log = structlog.get_logger()


def scratch_path(context: WorkerContext, claim: Claim) -> Path:
    """Return the path of an attempt's scratch folder.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """
    return context.settings.scratch / f"{claim.job_id}.{claim.attempt}"


@contextmanager
def scratch_folder(context: WorkerContext, claim: Claim) -> Iterator[Path]:
    """An empty scratch folder for an attempt, removed at the end of the block.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
    """
    folder = scratch_path(context, claim)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_up(context: WorkerContext, claim: Claim, *, keep_checkpoints: bool) -> None:
    """Remove what an attempt left that did not succeed.

    Args:
        context: the services of this process.
        claim: the attempt's claim.
        keep_checkpoints: whether another attempt may need the job's checkpoints.
    """
    shutil.rmtree(scratch_path(context, claim), ignore_errors=True)
    if not keep_checkpoints:
        purge_ended_job(context, claim.job_id)
    elif not _may_have_succeeded(context, claim):
        purge(context, result_prefix(claim.job_id, claim.attempt))
    if claim.kind in m.INTERNAL:
        purge_deleted_dataset(context, claim)


def purge(context: WorkerContext, prefix: str) -> None:
    """Delete the objects under a prefix. Errors are logged, and during a backup it is left out: garbage collection
    tries again.

    Args:
        context: the services of this process.
        prefix: a whole folder name.
    """
    try:
        if maintenance_mode.keeps_files(context.database):
            log.info("job.purge_waits_for_backup", prefix=prefix)
            return
        context.files.delete_prefix(prefix)
    except (SQLAlchemyError, OSError) as error:
        log.warning("job.purge_failed", prefix=prefix, error=str(error))


def purge_ended_job(context: WorkerContext, job_id: str) -> None:
    """Delete the objects of a job that failed or was canceled, except the archive that it offers already.

    Args:
        context: the services of this process.
        job_id: the job, whose end is committed.
    """
    try:
        with context.database.read() as session:
            row = session.get(m.Job, job_id)
        retained = () if row is None else jobs.result_folders(row)
        if retained and not maintenance_mode.keeps_files(context.database):
            keys = context.files.list(job_prefix(job_id))
            context.files.delete_all(key for key in keys if not key.startswith(retained))
    except (SQLAlchemyError, OSError) as error:  # garbage collection finds the objects later
        log.warning("job.purge_failed", prefix=job_prefix(job_id), error=str(error))
        return
    if not retained:
        purge(context, job_prefix(job_id))


def purge_deleted_dataset(context: WorkerContext, claim: Claim) -> None:
    """Delete the objects of an internal job's dataset if its row was deleted while the job ran.

    Args:
        context: the services of this process.
        claim: the job's claim.
    """
    if claim.dataset_id is None:
        return
    try:
        with context.database.read() as session:
            if session.get(m.Dataset, claim.dataset_id) is not None:
                return
    except SQLAlchemyError:
        return  # garbage collection finds the objects later
    purge(context, dataset_prefix(claim.dataset_id))


def _may_have_succeeded(context: WorkerContext, claim: Claim) -> bool:
    """Whether the attempt's results belong to a succeeded job: its commit may have worked without an answer."""
    condition = (m.Job.id == claim.job_id, m.Job.attempt == claim.attempt, m.Job.state == m.SUCCEEDED)
    try:
        with context.database.read() as session:
            return session.scalar(select(m.Job.id).where(*condition)) is not None
    except SQLAlchemyError:
        return True


def remove_stale_scratch(context: WorkerContext) -> list[str]:
    """Remove the scratch folders of attempts that are over, such as those of killed workers; return their names."""
    removed = []
    for folder in context.settings.scratch.glob("*.*"):
        name = SCRATCH_NAME.fullmatch(folder.name)
        if name is None:
            continue
        running = (m.Job.id == name["job"], m.Job.attempt == int(name["attempt"]), m.Job.state == m.RUNNING)
        with context.database.read() as session:
            if session.scalar(select(m.Job.id).where(*running)) is None:
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return removed


def delete_old_internal_jobs(context: WorkerContext) -> list[str]:
    """Delete the rows of previews and trials that ended some time ago, and the images of the trials; return their ids.

    The previews of a dataset stay, and one that failed may be tried again.
    """
    with context.database.write.begin() as session:
        jobs.delete_ended(session, (m.PREVIEW,), older_than=PREVIEW_ROW_TTL)
        old = trials.expired_trials(session)
        for job in old:
            session.delete(job)
    for job in old:
        if job.dataset_id is not None:
            purge(context, trials.trial_prefix(job.dataset_id, job.id))
    return [job.id for job in old]


def delete_expired_datasets(context: WorkerContext) -> list[str]:
    """Delete the expired datasets that no job uses, with their objects; return their ids."""
    deleted = []
    with context.database.read() as session:
        ids = datasets.expired_ids(session)
    for id_ in ids:
        with context.database.write.begin() as session:
            is_deleted = datasets.delete(session, id_)
            if is_deleted:
                deletions.note(session, dataset_prefix(id_), deletions.EXPIRED)
        if is_deleted:
            deletions.carry_out(context.database, context.files, dataset_prefix(id_))
            deleted.append(id_)
    return deleted


def delete_expired_jobs(context: WorkerContext) -> list[str]:
    """Delete the jobs whose results have been kept long enough, with their objects; return their ids."""
    deleted = []
    with context.database.read() as session:
        ids = jobs.expired_ids(session)
    for id_ in ids:
        with context.database.write.begin() as session:
            job = session.get(m.Job, id_, with_for_update=True)
            if job is None or jobs.is_being_verified(session, id_):
                continue
            jobs.delete(session, job)
            deletions.note(session, job_prefix(id_), deletions.EXPIRED)
        deletions.carry_out(context.database, context.files, job_prefix(id_))
        deleted.append(id_)
    return deleted

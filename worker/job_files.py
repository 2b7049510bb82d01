"""The files of a job: its scratch folder, its shelf of unfinished work, its results, and how they go away."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from store import datasets
from store import models as m
from store.leases import Claim
from store.object_keys import dataset_prefix, job_prefix
from worker.context import WorkerContext

SCRATCH_NAME = re.compile(r"(?P<job>[\w-]{22})\.(?P<attempt>\d+)")

log = structlog.get_logger()


def result_prefix(claim: Claim) -> str:
    """Where this attempt stores its results; another attempt's are elsewhere, so neither overwrites the other's."""
    return f"jobs/{claim.job_id}/results/{claim.attempt}"


def scratch_folder(service: WorkerContext, claim: Claim) -> Path:
    """Where on this machine the attempt keeps what only it needs."""
    return service.settings.scratch / f"{claim.job_id}.{claim.attempt}"


@contextmanager
def scratch(service: WorkerContext, claim: Claim) -> Iterator[Path]:
    """An empty folder for this attempt, gone at the end whatever happens inside."""
    folder = scratch_folder(service, claim)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def forget(service: WorkerContext, claim: Claim, *, keep_work: bool) -> None:
    """Remove what this attempt left; with `keep_work` the shelf stays, for the next attempt."""
    shutil.rmtree(scratch_folder(service, claim), ignore_errors=True)
    if not keep_work:
        purge(service, job_prefix(claim.job_id))
    elif not _may_have_succeeded(service, claim):
        purge(service, result_prefix(claim))
    if claim.kind == m.CHECK:
        purge_deleted_dataset(service, claim)


def purge(service: WorkerContext, prefix: str) -> None:
    """Remove files that are needed no more. A store that is away just now changes nothing of how the job ended."""
    try:
        service.files.delete_prefix(prefix)
    except OSError as error:
        log.warning("job.leftovers", prefix=prefix, error=str(error))


def purge_deleted_dataset(service: WorkerContext, claim: Claim) -> None:
    """Remove what a check wrote for a dataset after that was deleted with its files."""
    if claim.dataset_id is None:
        return
    try:
        with service.database.read() as session:
            if session.get(m.Dataset, claim.dataset_id) is not None:
                return
    except SQLAlchemyError:
        return  # it cannot be asked: what no row names is found later
    purge(service, dataset_prefix(claim.dataset_id))


def _may_have_succeeded(service: WorkerContext, claim: Claim) -> bool:
    """Whether what this attempt stored is the job's result, as where only the answer to its commit was lost."""
    here = (m.Job.id == claim.job_id, m.Job.attempt == claim.attempt, m.Job.state == m.SUCCEEDED)
    try:
        with service.database.read() as session:
            return session.scalar(select(m.Job.id).where(*here)) is not None
    except SQLAlchemyError:
        return True


def tidy_scratch(service: WorkerContext) -> list[str]:
    """Remove the scratch folders of attempts that are over, such as of killed workers; returns their names."""
    removed = []
    for folder in service.settings.scratch.glob("*.*"):
        name = SCRATCH_NAME.fullmatch(folder.name)
        if name is None:
            continue
        here = (m.Job.id == name["job"], m.Job.attempt == int(name["attempt"]), m.Job.state == m.RUNNING)
        with service.database.read() as session:
            if session.scalar(select(m.Job.id).where(*here)) is None:
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return removed


def tidy_datasets(service: WorkerContext) -> list[str]:
    """Remove the datasets whose time is over; returns their ids."""
    removed = []
    with service.database.read() as session:
        ids = datasets.expired_ids(session)
    for id_ in ids:
        with service.database.write.begin() as session:
            gone = datasets.delete(session, id_)
        if gone:
            purge(service, dataset_prefix(id_))
            removed.append(id_)
    return removed

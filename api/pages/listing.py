"""Rows as pages list them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pages.labels import JOB_STATES, count, stage_words
from store import models as m


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small picture: where it is, whose it is, and the name of its class."""

    src: str
    path: str
    label: str


def thumbs(dataset: m.Dataset) -> list[Thumb]:
    """The thumbnails of a dataset."""
    paths = [PurePosixPath(t.get("path", "")) for t in dataset.thumbs]
    return [Thumb(f"/v1/datasets/{dataset.id}/thumbnails/{n}", str(p), p.parent.name) for n, p in enumerate(paths)]


def values(row: m.Base, **more: Any) -> dict[str, Any]:
    """The columns of a row, and what else a page says of it."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns} | more


def job_cards(session: Session, jobs: Sequence[m.Job]) -> list[dict[str, Any]]:
    """Jobs, each with the name of its dataset, and what is being done."""
    ids = {job.dataset_id for job in jobs if job.dataset_id}
    names = {d.id: d.name for d in session.scalars(select(m.Dataset).where(m.Dataset.id.in_(ids)))} if ids else {}
    named = [(job, names.get(job.dataset_id or "", "a deleted dataset")) for job in jobs]
    return [
        values(job, name=name, title=asked_line(job), deed=deed(job, name), doing=stage_doing(job))
        for job, name in named
    ]


def stage_doing(job: m.Job) -> str:
    """What a running job does now."""
    return stage_words(job.kind)[job.stage].doing if job.stage else "Starting"


def asked_line(job: m.Job) -> str:
    """What a job was asked for, in a line."""
    spec = job.spec
    if job.kind == m.VERIFY:
        line = f"Verification, {spec.get('scale', 'quick')}: {count(row_count(spec), 'row')}"
        return f"{line}, “{spec['protected_class']}” alone protected" if spec.get("protected_class") else line
    kind = f"Generator “{spec['name']}”: " if spec.get("name") else "Generator: " if job.kind == m.TRAIN else ""
    line = f"{kind}{spec.get('preset', 'quick').capitalize()}, strength {spec.get('radius_u', 8)} of 255"
    return f"{line}, {spec['method'].upper()}" if spec.get("method") else line


def row_count(spec: Mapping[str, Any]) -> int:
    """How many rows a verification has."""
    lists = ("architectures", "trainings", "countermeasures", "percentages")
    return math.prod(len(spec.get(name, ())) for name in lists)


def newest(session: Session, user: m.User, *, most: int) -> tuple[list[m.Dataset], list[m.Job]]:
    """The newest datasets and jobs of a user."""
    datasets = select(m.Dataset).where(m.Dataset.owner_id == user.id).order_by(m.Dataset.created_at.desc())
    jobs = select(m.Job).where(m.Job.owner_id == user.id, m.Job.kind != m.CHECK).order_by(m.Job.created_at.desc())
    return list(session.scalars(datasets.limit(most))), list(session.scalars(jobs.limit(most)))


def jobs_of(session: Session, dataset: m.Dataset) -> list[m.Job]:
    """What was asked of a dataset, newest first."""
    mine = (m.Job.dataset_id == dataset.id, m.Job.owner_id == dataset.owner_id, m.Job.kind != m.CHECK)
    return list(session.scalars(select(m.Job).where(*mine).order_by(m.Job.created_at.desc()).limit(50)))


def check_of(session: Session, dataset: m.Dataset) -> m.Job | None:
    """The job that looks a dataset over, or did."""
    mine = (m.Job.dataset_id == dataset.id, m.Job.kind == m.CHECK)
    return session.scalar(select(m.Job).where(*mine).order_by(m.Job.created_at.desc()).limit(1))


def deed(job: m.Job, name: str) -> str:
    """What a job does, as its title."""
    return {m.TRAIN: f"Train a generator on {name}", m.VERIFY: f"Verify {name}"}.get(job.kind, f"Protect {name}")


def title(job: m.Job, name: str) -> str:
    """What a job's page is called in the browser: how far it is while it runs, as job.js says it too, else the deed."""
    if job.state != m.RUNNING or not job.stage:
        return deed(job, name)
    label = stage_words(job.kind)[job.stage].label
    return f"{min(100, 100 * job.done // job.total)} % · {label}" if job.total else label


def heading(job: m.Job, name: str) -> str:
    """What a job's page says at its top."""
    if job.kind == m.VERIFY:
        return {
            m.QUEUED: f"The verification of {name} waits for its turn",
            m.RUNNING: f"Verifying {name}",
            m.SUCCEEDED: f"{name}: verified",
            m.FAILED: f"{name} could not be verified",
            m.CANCELED: f"Stopped verifying {name}",
        }[job.state]
    if job.kind == m.TRAIN:
        return {
            m.QUEUED: f"A generator waits to be trained on {name}",
            m.RUNNING: f"Training a generator on {name}",
            m.SUCCEEDED: f"{name}: a generator was trained",
            m.FAILED: f"No generator could be trained on {name}",
            m.CANCELED: f"Stopped training a generator on {name}",
        }[job.state]
    words = {
        m.QUEUED: f"{name} waits for its turn",
        m.RUNNING: f"Protecting {name}",
        m.SUCCEEDED: f"{name}: ready to download",
        m.FAILED: f"{name} could not be protected",
        m.CANCELED: f"Stopped protecting {name}",
    }
    assert set(words) == set(JOB_STATES)
    return words[job.state]

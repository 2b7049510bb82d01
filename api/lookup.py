"""Rows by id. A row that belongs to another user counts as missing, so that an id reveals nothing.

Every function takes the open session, the user who asks where ownership matters, and an id as the client sent it.
"""

import re
from typing import TypeVar

from sqlalchemy.orm import Session

from api.problems import not_found
from store import models as m

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
Record = TypeVar("Record", m.BrowserSession, m.Dataset, m.Generator, m.Job, m.Token, m.Upload)


def looks_like_id(text: str) -> bool:
    """Whether `text` has the form of an id. Other text is never sent to the database."""
    return _ID.fullmatch(text) is not None


def own_dataset(session: Session, user: m.User, dataset_id: str) -> m.Dataset:
    """The dataset of this id. Raises Problem 404 if it does not exist or belongs to another user."""
    dataset = _find(session, m.Dataset, dataset_id)
    if dataset is None or dataset.owner_id != user.id:
        raise not_found("dataset")
    return dataset


def own_job(session: Session, user: m.User, job_id: str) -> m.Job:
    """The job of this id. Raises Problem 404 if it does not exist, is internal, or belongs to another user."""
    job = _find(session, m.Job, job_id)
    if job is None or job.owner_id != user.id or job.kind in m.INTERNAL:
        raise not_found("job")
    return job


def own_token(session: Session, user: m.User, token_id: str) -> m.Token:
    """The API token of this id. Raises Problem 404 if it does not exist or belongs to another user."""
    token = _find(session, m.Token, token_id)
    if token is None or token.user_id != user.id:
        raise not_found("token")
    return token


def own_session(session: Session, user: m.User, session_id: str) -> m.BrowserSession:
    """The session of this id. Raises Problem 404 if it does not exist or belongs to another user."""
    found = _find(session, m.BrowserSession, session_id)
    if found is None or found.user_id != user.id:
        raise not_found("session")
    return found


def own_upload(session: Session, user: m.User, upload_id: str) -> m.Upload:
    """The resumable upload of this id. Raises Problem 404 if it does not exist or belongs to another user."""
    upload = _find(session, m.Upload, upload_id)
    if upload is None or upload.owner_id != user.id:
        raise not_found("upload")
    return upload


def generator(session: Session, generator_id: str) -> m.Generator:
    """The trained generator of this id; generators have no owner. Raises Problem 404 if it does not exist."""
    found = _find(session, m.Generator, generator_id)
    if found is None:
        raise not_found("generator")
    return found


def _find(session: Session, model: type[Record], id_: str) -> Record | None:
    return session.get(model, id_) if looks_like_id(id_) else None

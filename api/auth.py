"""Who is asking, by bearer token or session cookie, and what is theirs. Somebody else's id answers 404."""

import re
from typing import Annotated

import structlog
from fastapi import Depends, Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext, Context, Db
from api.problems import Problem, not_found
from store import models as m
from store import users

log = structlog.get_logger(__name__)

COOKIE = "unteachable_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


def current_user(request: Request, context: Context) -> m.User:
    """Who sends this request. Raises Problem 401, or 403 for a cookie sent from another site's page.

    Uses a transaction of its own, over before the body is read: an upload holds no connection while it arrives.
    """
    header = request.headers.get("authorization")
    if header is not None:
        user = _by_token(context, header)
    else:
        user = _by_cookie(context, request.cookies.get(COOKIE, ""))
        if user is not None and request.method not in _SAFE and not same_origin(request):
            raise Problem(403, "This request does not come from the service's own pages.", kind="cross-origin")
    if user is None:
        detail = "Sign in by the link, or send a valid token: `Authorization: Bearer TOKEN`."
        raise Problem(401, detail, kind="not-signed-in", headers={"WWW-Authenticate": "Bearer"})
    request.state.user_id = user.id
    structlog.contextvars.bind_contextvars(user=user.id)
    return user


def _by_token(context: AppContext, header: str) -> m.User | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    plain = token.strip()
    with context.db.read() as session:
        user = users.user_of_token(session, plain)
        due = users.use_is_due(session, plain)
    if due:
        _note_use(context, plain)
    return user


def _note_use(context: AppContext, plain: str) -> None:
    """Keep when a token was last used; what is asked for does not fail where that cannot be written."""
    try:
        with context.db.write.begin() as session:
            users.note_use(session, plain)
    except SQLAlchemyError as error:
        log.warning("token.use_not_noted", error=str(error).splitlines()[0])


def _by_cookie(context: AppContext, cookie: str) -> m.User | None:
    if not cookie:
        return None
    try:
        signed: str | dict[str, str] = _signer(context).loads(cookie, max_age=context.settings.session_days * 86400)
    except BadSignature:
        return None
    with context.db.read() as session:
        if isinstance(signed, str):
            return session.get(m.User, signed)
        return users.user_of_token_id(session, signed["token"])


def same_origin(request: Request) -> bool:
    """Whether a browser says that this request was made by a page of ours (Sec-Fetch-Site, else Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    _, separator, host = request.headers.get("origin", "").partition("://")
    return bool(separator) and host == request.headers.get("host")


def sign_in(response: Response, context: AppContext, user: m.User, *, token_id: str | None = None) -> None:
    """Give this browser a session; one that a token began is over when that token is revoked."""
    response.set_cookie(
        COOKIE,
        _signer(context).dumps(user.id if token_id is None else {"token": token_id}),
        max_age=context.settings.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=context.settings.secure_cookies,
    )


def sign_out(response: Response, context: AppContext) -> None:
    """Take this browser's session away."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=context.settings.secure_cookies)


def _signer(context: AppContext) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(context.keys)), salt="session")  # the library signs with the last key


CurrentUser = Annotated[m.User, Depends(current_user)]


def looks_like_id(text: str) -> bool:
    """Whether this can be an id at all; what cannot never reaches the database."""
    return _ID.fullmatch(text) is not None


def own_dataset(dataset_id: str, user: CurrentUser, db: Db) -> m.Dataset:
    """The dataset of this id. Raises Problem 404 where it does not exist or belongs to somebody else."""
    dataset = db.get(m.Dataset, dataset_id) if looks_like_id(dataset_id) else None
    if dataset is None or dataset.owner_id != user.id:
        raise not_found("dataset")
    return dataset


def own_job(job_id: str, user: CurrentUser, db: Db) -> m.Job:
    """The job of this id. Raises Problem 404 where it does not exist, is internal, or belongs to somebody else."""
    job = db.get(m.Job, job_id) if looks_like_id(job_id) else None
    if job is None or job.owner_id != user.id or job.kind == m.CHECK:
        raise not_found("job")
    return job


OwnDataset = Annotated[m.Dataset, Depends(own_dataset, scope="function")]
OwnJob = Annotated[m.Job, Depends(own_job, scope="function")]

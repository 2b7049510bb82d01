"""FastAPI dependencies: everything that a route can ask for in its signature, in one place."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Header, Path, Request
from fastapi.concurrency import contextmanager_in_threadpool
from sqlalchemy.orm import Session

from api import auth, lookup
from api.after_commit import run_after_commit
from api.context import AppContext
from api.job_requests import RequestContext
from api.pagination import DEFAULT_PAGE_LIMIT, PageCursor, PageLimit, PageParams
from api.problems import Problem
from store import models as m


async def app_context(request: Request) -> AppContext:
    """The application context that `create_app` opened."""
    context: AppContext = request.app.state.context
    return context


Context = Annotated[AppContext, Depends(app_context)]


async def transaction(request: Request, context: Context) -> AsyncIterator[Session]:
    """The transaction of one request: read-only for safe methods.

    It is committed before the response is sent, so that a failed commit answers 500. It is rolled back if the route
    raises. The request waits for its turn before it has a connection (`api.capacity`).
    """
    if request.method in auth.SAFE_METHODS:
        async with context.capacity.transaction(writes=False):
            session = context.db.read()
            try:
                yield session
            finally:
                if context.db.is_embedded:
                    session.close()  # gives back a connection to a file: nothing that a thread must wait for
                else:
                    await _in_free_thread(session.close)
        return
    turn = context.capacity.transaction(writes=True)
    async with turn, contextmanager_in_threadpool(context.db.write.begin()) as session:
        yield session
    await _in_free_thread(lambda: run_after_commit(session))


async def _in_free_thread(call: Callable[[], None]) -> None:
    """Call a function in a thread beyond the limit of threads: what ends a request must not wait for other requests."""
    await anyio.to_thread.run_sync(call, limiter=anyio.CapacityLimiter(1))


Db = Annotated[Session, Depends(transaction, scope="function")]


async def current_user(request: Request, context: Context) -> m.User:
    """The user who sends this request. Raises Problem 401, or 403 for a session cookie sent from another site."""
    return await context.capacity.call(auth.authenticate, request, context)


CurrentUser = Annotated[m.User, Depends(current_user)]


async def current_admin(user: CurrentUser) -> m.User:
    """The admin who sends this request. Raises Problem 403 for another user."""
    if user.role != "admin":
        raise Problem(403, "This is for admins only.", kind="admins-only")
    return user


CurrentAdmin = Annotated[m.User, Depends(current_admin)]


DatasetId = Annotated[str, Path(description="The id of a dataset of yours.")]
JobId = Annotated[str, Path(description="The id of a job of yours.")]
TokenId = Annotated[str, Path(description="The id of a token of yours.")]
SessionId = Annotated[str, Path(description="The id of a session of yours.")]
UploadId = Annotated[str, Path(description="The id of an upload of yours.")]
GeneratorId = Annotated[str, Path(description="The id of a trained generator.")]


def own_dataset(dataset_id: DatasetId, user: CurrentUser, db: Db) -> m.Dataset:
    """The current user's dataset of this id. Raises Problem 404."""
    return lookup.own_dataset(db, user, dataset_id)


def own_job(job_id: JobId, user: CurrentUser, db: Db) -> m.Job:
    """The current user's job of this id. Raises Problem 404."""
    return lookup.own_job(db, user, job_id)


def own_token(token_id: TokenId, user: CurrentUser, db: Db) -> m.Token:
    """The current user's API token of this id. Raises Problem 404."""
    return lookup.own_token(db, user, token_id)


def own_session(session_id: SessionId, user: CurrentUser, db: Db) -> m.BrowserSession:
    """The current user's session of this id. Raises Problem 404."""
    return lookup.own_session(db, user, session_id)


async def own_upload(upload_id: UploadId, user: CurrentUser, context: Context) -> m.Upload:
    """The current user's upload of this id. Raises Problem 404.

    The read uses a short transaction of its own: an upload must not hold a database connection while bytes arrive.
    """

    def find() -> m.Upload:
        with context.db.read() as session:
            return lookup.own_upload(session, user, upload_id)

    return await context.capacity.call(find)


def generator_by_id(generator_id: GeneratorId, user: CurrentUser, db: Db) -> m.Generator:
    """The trained generator of this id; every signed-in user can use it. Raises Problem 404."""
    return lookup.generator(db, generator_id)


OwnDataset = Annotated[m.Dataset, Depends(own_dataset, scope="function")]
OwnJob = Annotated[m.Job, Depends(own_job, scope="function")]
OwnToken = Annotated[m.Token, Depends(own_token, scope="function")]
OwnSession = Annotated[m.BrowserSession, Depends(own_session, scope="function")]
OwnUpload = Annotated[m.Upload, Depends(own_upload)]
GeneratorById = Annotated[m.Generator, Depends(generator_by_id, scope="function")]


async def request_context(request: Request, context: Context, db: Db, user: CurrentUser) -> RequestContext:
    """What a function that requests a job needs to know of the request."""
    return RequestContext(session=db, app=context, user=user, request_id=request.state.request_id)


CurrentRequest = Annotated[RequestContext, Depends(request_context, scope="function")]


async def page_params(limit: PageLimit = DEFAULT_PAGE_LIMIT, cursor: PageCursor = None) -> PageParams:
    """The page of a list that this request asks for. Raises Problem 422 for a cursor of another service."""
    return PageParams(limit, cursor)


Pagination = Annotated[PageParams, Depends(page_params)]
IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeat a request with the same key to receive the first response again.",
    ),
]

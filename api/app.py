"""The web application, put together. `uvicorn --factory api.app:create_app` serves it; so does `api.server`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Any

import anyio
import structlog
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import idempotency, pages, problems
from api.body_size_limit import BodySizeLimit
from api.context import AppContext
from api.job_event_broker import JobEventBroker
from api.metrics import JobCounts, Metrics
from api.middleware import RequestMiddleware
from api.routes import datasets, events, health, jobs, options, results, tokens
from api.routes import uploads as upload_routes
from api.schemas import ProblemOut
from api.uploads import resumable
from store import models as m
from store.database import Database, open_database
from store.object_store import open_object_store
from store.settings import Settings, get_settings
from store.signing_keys import secret_keys

log = structlog.get_logger(__name__)

HOUSEKEEPING = 600.0  # seconds between two rounds
MAX_INSPECTIONS = 2  # archives that are inspected at the same time

_PROBLEM: dict[str, Any] = {"content": {problems.MEDIA_TYPE: {"schema": ProblemOut.model_json_schema()}}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "What is wrong with the request", **_PROBLEM},
    "5XX": {"description": "What is wrong with the service", **_PROBLEM},
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The app of these settings, or of the environment's. Its tables must be there (`unteachable migrate`)."""
    settings = settings or get_settings()
    db = open_database(settings)
    context = AppContext(
        settings=settings,
        db=db,
        files=open_object_store(settings),
        keys=secret_keys(settings),
        job_event_broker=JobEventBroker(settings, db),
        inspections=anyio.CapacityLimiter(MAX_INSPECTIONS),
    )
    app = FastAPI(
        title="Unteachable",
        version=version("unteachable"),
        description="Pictures people can see and models can't learn.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=_lifespan,
        responses=_ERRORS,
        redirect_slashes=False,
    )
    app.state.context = context
    app.state.metrics = Metrics(lambda: _count_jobs(db))
    app.add_middleware(BodySizeLimit)
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics, https=settings.secure_cookies)
    problems.install(app)
    for room in (datasets, upload_routes, jobs, events, results, options, tokens, health):
        app.include_router(room.router)
    pages.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: AppContext = app.state.context
    keeper = asyncio.create_task(_keep_house(context))
    yield
    keeper.cancel()
    context.job_event_broker.close()
    with suppress(asyncio.CancelledError):
        await keeper
    context.db.dispose()


async def _keep_house(context: AppContext) -> None:
    """Throws away, every now and then, what nobody will ask for again."""
    while True:
        try:
            gone = await asyncio.to_thread(_tidy, context)
            log.debug("house.tidied", uploads=gone)
        except (SQLAlchemyError, OSError) as error:
            log.warning("house.untidied", error=str(error))
        await asyncio.sleep(HOUSEKEEPING)


def _tidy(context: AppContext) -> int:
    with context.db.write.begin() as session:
        idempotency.purge(session)
    return resumable.remove_expired(context)


def _count_jobs(db: Database) -> JobCounts:
    try:
        with db.read() as session:
            counted = session.execute(select(m.Job.kind, m.Job.state, func.count()).group_by(m.Job.kind, m.Job.state))
            return [(kind, state, count) for kind, state, count in counted]
    except SQLAlchemyError as error:
        log.warning("metrics.no_jobs", error=str(error))
        return []

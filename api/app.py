"""The web application. `uvicorn --factory api.app:create_app` serves it, and so does `api.server`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import api_browser, idempotency, openapi, pages, problems
from api.admission import Admission
from api.body_size_limit import BodySizeLimit
from api.body_timeout import BodyTimeout
from api.capacity import CONNECTIONS, Capacity
from api.context import AppContext
from api.inspections import Inspections
from api.job_followers import JobFollowers
from api.maintenance_check import MaintenanceCheck
from api.metrics import JobCounts, Metrics
from api.middleware import RequestMiddleware
from api.origins import HostCheck
from api.public_path import PublicPath
from api.readiness import Readiness
from api.routes import admin, datasets, events, generators, health, images, jobs, results, spec, tokens
from api.routes import trials as trial_routes
from api.routes import uploads as upload_routes
from api.uploads import removal
from api.uploads.method_override import MethodOverride
from api.use_records import UseRecorder
from store import models as m
from store import sessions
from store.counters import read_counters, write_tally
from store.database import Database, open_database
from store.disk import floor_bytes
from store.object_store import open_object_store
from store.queue_state import QueueState, queue_states
from store.settings import Settings, get_settings
from store.signing_keys import secret_keys
from store.tally import Key
from store.workforce import read_workforce

log = structlog.get_logger(__name__)

CLEANUP_SECONDS = 600.0  # between two rounds


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the app.

    Args:
        settings: The service's settings; None reads them from the environment.

    Returns:
        The app. Its database must have its tables already (`unteachable migrate`).
    """
    settings = settings or get_settings()
    db, files = open_database(settings, connections=CONNECTIONS), open_object_store(settings)
    context = AppContext(
        settings=settings,
        db=db,
        files=files,
        keys=secret_keys(settings),
        job_followers=JobFollowers(settings, db),
        readiness=Readiness(settings, db, files),
        capacity=Capacity(embedded=db.is_embedded),
        use_recorder=UseRecorder(),
        inspections=Inspections(seconds=settings.inspection_seconds),
    )
    public = settings.service_address.public
    public_path = "" if public is None else public.path
    app = FastAPI(
        title="Unteachable",
        version=version("unteachable"),
        description="Protects image datasets with error-minimizing noise, and measures the protection.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=_lifespan,
        responses=openapi.COMMON_ERRORS,
        generate_unique_id_function=openapi.operation_id,
        redirect_slashes=False,
        servers=[{"url": public_path}] if public_path else None,
    )
    app.state.context = context
    app.state.metrics = Metrics(lambda: _count_jobs(db), lambda: _read_queues(db, settings), lambda: _read_counters(db))
    _add_middleware(app, context, public_path)
    problems.install(app)
    for routes in (datasets, images, trial_routes, upload_routes, jobs, events, results, spec, generators, tokens):
        app.include_router(routes.router)
    app.include_router(admin.router)
    app.include_router(health.router)
    pages.install(app)
    openapi.install(app)
    api_browser.install(app)
    return app


def _add_middleware(app: FastAPI, context: AppContext, public_path: str) -> None:
    """Add what each request passes, the last one first."""
    settings = context.settings
    app.add_middleware(MethodOverride)
    app.add_middleware(MaintenanceCheck, database=context.db)
    app.add_middleware(BodySizeLimit)
    app.add_middleware(BodyTimeout, seconds=settings.body_seconds)
    app.add_middleware(HostCheck, settings=settings)
    app.add_middleware(Admission, max_requests=settings.max_requests)
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics, https=settings.secure_cookies)
    if public_path:
        app.add_middleware(PublicPath, path=public_path)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: AppContext = app.state.context
    cleanup = asyncio.create_task(_remove_expired_regularly(context))
    yield
    cleanup.cancel()
    context.job_followers.close()
    context.use_recorder.close()
    with suppress(asyncio.CancelledError):
        await cleanup
    context.db.dispose()


async def _remove_expired_regularly(context: AppContext) -> None:
    """Remove expired uploads, sessions, sign-in links and stored responses, every `CLEANUP_SECONDS`."""
    while True:
        try:
            removed = await asyncio.to_thread(_remove_expired, context)
            log.debug("cleanup.done", uploads=removed)
        except (SQLAlchemyError, OSError) as error:
            log.warning("cleanup.failed", error=str(error))
        await asyncio.sleep(CLEANUP_SECONDS)


def _remove_expired(context: AppContext) -> int:
    removed = removal.remove_expired(context)  # first: it makes room on a full disk
    write_tally(context.db)
    with context.db.write.begin() as session:
        idempotency.delete_expired(session)
        sessions.delete_expired(session)
    if context.db.reserve is not None:
        context.db.reserve.restore(floor=floor_bytes(context.settings, context.settings.home))
    return removed


def _read_queues(db: Database, settings: Settings) -> list[QueueState]:
    try:
        with db.read() as session:
            return queue_states(session, read_workforce(session, settings))
    except SQLAlchemyError as error:
        log.warning("metrics.queues_not_read", error=str(error))
        return []


def _read_counters(db: Database) -> dict[Key, float]:
    write_tally(db)
    try:
        with db.read() as session:
            return read_counters(session)
    except SQLAlchemyError as error:
        log.warning("metrics.counters_not_read", error=str(error))
        return {}


def _count_jobs(db: Database) -> JobCounts:
    try:
        with db.read() as session:
            counts = session.execute(select(m.Job.kind, m.Job.state, func.count()).group_by(m.Job.kind, m.Job.state))
            return [(kind, state, count) for kind, state, count in counts]
    except SQLAlchemyError as error:
        log.warning("metrics.job_count_failed", error=str(error))
        return []

"""Liveness, readiness and metrics, for monitoring."""

import socket
from importlib.metadata import version

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from api import auth
from api.context import AppContext
from api.dependencies import Context
from api.openapi import PUBLIC, SOMETIMES_AUTHENTICATED, problem_responses
from api.problems import RETRY_SECONDS, Problem
from api.schemas_admin import QueueStateOut, WorkerOut
from api.schemas_status import CleanupOut, JobCountOut, MaintenanceOut, PartOut, SchemaOut, StatusOut
from api.visitor import is_this_machine
from core.errors import FieldError
from store import deployment, maintenance_mode, migrate, workers
from store import models as m
from store.database import Database

router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)


@router.get("/healthz", summary="Check that the process is up", openapi_extra=PUBLIC)
async def get_health() -> dict[str, str]:
    """Answers as long as the process is up, whether it can work or not."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Check that the service can work",
    openapi_extra=PUBLIC,
    responses=problem_responses({503: "`errors` names what cannot be reached, to whom may see it."}),
)
def get_readiness(request: Request, context: Context) -> dict[str, str]:
    """Checks that the database has the schema of this version, and that the broker and the object store can be reached.

    A broker or an object store on another machine does not make this API unready: it still answers, and so do all
    others. Everybody gets the status. The parts are named to requests from the machine itself and to an admin's token.
    """
    parts = context.readiness.parts()
    faults = [FieldError(name, p.fault.text) for name, p in parts.items() if p.fault is not None and p.is_needed]
    may_see = _may_monitor(request, context)
    if not faults:
        states = {name: "ok" if part.fault is None else part.fault.text for name, part in parts.items()}
        return {"status": "ready", **(states if may_see else {})}
    log.warning("service.not_ready", missing=[e.field for e in faults])
    headers = {"Retry-After": str(RETRY_SECONDS)}
    if not may_see:
        raise Problem(503, "Not ready.", kind="not-ready", headers=headers)
    detail = "; ".join(f"the {e.field} {e.message}" for e in faults)
    raise Problem(503, f"Not ready: {detail}.", kind="not-ready", errors=faults, headers=headers)


@router.get(
    "/status",
    summary="Get the status for operators",
    openapi_extra=SOMETIMES_AUTHENTICATED,
    responses=problem_responses({403: "The token is no admin's."}),
)
def get_status(request: Request, context: Context) -> StatusOut:
    """What this API process uses, what is wrong with it, the revision of the database, jobs by state, the queues and
    the workers.

    From the machine itself no token is needed, unless a public URL is set; else send an admin's token.
    """
    _require_operator(request, context, "the status")
    parts = context.readiness.parts(wait=True)
    is_ready = all(part.fault is None for part in parts.values() if part.is_needed)
    return StatusOut(
        status="ready" if is_ready else "not ready",
        role="api",
        version=version("unteachable"),
        host=socket.gethostname(),
        database_schema=SchemaOut(current=_revision(context.db), expected=migrate.head_revision()),
        parts={
            name: PartOut(
                ok=part.fault is None, needed=part.is_needed, detail=None if part.fault is None else part.fault.detail
            )
            for name, part in parts.items()
        },
        jobs=[
            JobCountOut(kind=kind, state=state, jobs=jobs)
            for kind, state, jobs in request.app.state.metrics.count_jobs()
        ],
        queues=[QueueStateOut.model_validate(state) for state in request.app.state.metrics.read_queues()],
        workers=_workers(context),
        cleanup=_cleanup(context),
        maintenance=_maintenance(context.db),
        open_deletions=_open_deletions(context.db),
    )


@router.get(
    "/metrics",
    summary="Get the metrics",
    openapi_extra=SOMETIMES_AUTHENTICATED,
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}},
        **problem_responses({403: "The token is no admin's."}),
    },
)
def get_metrics(request: Request, context: Context) -> Response:
    """Requests, latencies, jobs by state, and the queues, in the text format of Prometheus.

    From the machine itself no token is needed, unless a public URL is set; else send an admin's token.
    """
    _require_operator(request, context, "the metrics")
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _require_operator(request: Request, context: AppContext, what: str) -> None:
    """Raise Problem 403 where a request comes neither from this machine nor from an admin, 401 without a token."""
    if not is_this_machine(request, context.settings) and auth.authenticate(request, context).role != "admin":
        raise Problem(403, f"Only admins can read {what}.", kind="not-admin")


def _cleanup(context: AppContext) -> CleanupOut:
    try:
        found = deployment.ownership(context.settings, context.db, context.readiness.files)
    except (SQLAlchemyError, OSError):
        return CleanupOut(on=False, deployment_id=None, reason="the database or the object store cannot be read")
    return CleanupOut(on=found.is_confirmed, deployment_id=found.deployment_id, reason=found.reason)


def _workers(context: AppContext) -> list[WorkerOut]:
    try:
        with context.db.read() as session:
            found = workers.listed(session, lease_seconds=context.settings.lease_seconds)
            return [WorkerOut.of(worker) for worker in found]
    except SQLAlchemyError:
        return []


def _maintenance(db: Database) -> MaintenanceOut | None:
    try:
        with db.read() as session:
            state = maintenance_mode.current(session)
    except SQLAlchemyError:
        return None
    if state is None:
        return None
    return MaintenanceOut(reason=state.reason, refuses_writes=state.refuses_writes, until=state.until)


def _open_deletions(db: Database) -> int | None:
    try:
        with db.read() as session:
            return session.scalar(select(func.count()).where(m.Deletion.proven_at.is_(None))) or 0
    except SQLAlchemyError:
        return None


def _revision(db: Database) -> str | None:
    try:
        return migrate.current_revision(db)
    except SQLAlchemyError:
        return None


def _may_monitor(request: Request, context: AppContext) -> bool:
    """Whether a request comes from this machine or from an admin. A database that fails knows no admins."""
    if is_this_machine(request, context.settings):
        return True
    try:
        return auth.authenticate(request, context).role == "admin"
    except (Problem, SQLAlchemyError):
        return False

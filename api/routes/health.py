"""Liveness, readiness and metrics, for monitoring."""

from collections.abc import Callable

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.dependencies import Context
from api.openapi import PUBLIC, problem_responses
from api.problems import Problem
from core.errors import FieldError
from store import models as m
from store import task_queue

router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)


@router.get("/healthz", summary="Check that the process is up", openapi_extra=PUBLIC)
def get_health() -> dict[str, str]:
    """Answers as long as the process is up, whether it can work or not."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Check that the service can work",
    openapi_extra=PUBLIC,
    responses=problem_responses({503: "`errors` names what cannot be reached."}),
)
def get_readiness(context: Context) -> dict[str, str]:
    """Checks that the database, the broker and the object store can be reached."""
    checks: dict[str, Callable[[AppContext], str | None]] = {
        "database": _database_fault,
        "broker": _broker_fault,
        "store": _store_fault,
    }
    faults = [FieldError(name, fault) for name, check in checks.items() if (fault := check(context)) is not None]
    if faults:
        log.warning("service.not_ready", missing=[e.field for e in faults])
        detail = "; ".join(f"the {e.field} {e.message}" for e in faults)
        raise Problem(503, f"Not ready: {detail}.", kind="not-ready", errors=faults)
    return {"status": "ready", **dict.fromkeys(checks, "ok")}


@router.get(
    "/metrics",
    summary="Get the metrics",
    response_class=Response,
    openapi_extra=PUBLIC,
    responses={200: {"content": {"text/plain": {}}}},
)
def get_metrics(request: Request) -> Response:
    """Requests, latencies, and jobs by state, in the text format of Prometheus."""
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _database_fault(context: AppContext) -> str | None:
    try:
        with context.db.read() as session:
            session.execute(select(m.User.id).limit(1))
    except SQLAlchemyError as error:
        log.warning("database.unreachable", error=str(error))
        return "cannot be read, or has no tables yet"
    return None


def _broker_fault(context: AppContext) -> str | None:
    return None if task_queue.is_broker_reachable(context.settings) else "does not answer"


def _store_fault(context: AppContext) -> str | None:
    try:
        context.files.probe()
    except OSError as error:
        log.warning("store.unreachable", error=str(error))
        return "cannot be written or read"
    return None

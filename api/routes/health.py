"""For machines that watch this one: is it up, can it work, what does it count."""

from collections.abc import Callable

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from api.context import AppContext
from api.dependencies import Context
from api.problems import Problem
from core.errors import FieldError
from store import models as m
from store import task_queue

router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process is up."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(context: Context) -> dict[str, str]:
    """Database, broker and store can be reached; 503 names those that cannot."""
    checks: dict[str, Callable[[AppContext], str | None]] = {"database": _database, "broker": _broker, "store": _store}
    wrong = [FieldError(name, said) for name, check in checks.items() if (said := check(context)) is not None]
    if wrong:
        log.warning("service.not_ready", missing=[e.field for e in wrong])
        detail = "; ".join(f"the {e.field} {e.message}" for e in wrong)
        raise Problem(503, f"Not ready: {detail}.", kind="not-ready", errors=wrong)
    return {"status": "ready", **dict.fromkeys(checks, "ok")}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Requests, latencies, and jobs by state, for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _database(context: AppContext) -> str | None:
    try:
        with context.db.read() as session:
            session.execute(select(m.User.id).limit(1))
    except SQLAlchemyError as error:
        log.warning("database.unreachable", error=str(error))
        return "cannot be read, or has no tables yet"
    return None


def _broker(context: AppContext) -> str | None:
    return None if task_queue.is_broker_reachable(context.settings) else "does not answer"


def _store(context: AppContext) -> str | None:
    try:
        context.files.probe()
    except OSError as error:
        log.warning("store.unreachable", error=str(error))
        return "cannot be written or read"
    return None

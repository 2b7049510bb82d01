"""Liveness, readiness and metrics, for monitoring."""

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from api import auth
from api.context import AppContext
from api.dependencies import Context
from api.openapi import PUBLIC, SOMETIMES_AUTHENTICATED, problem_responses
from api.problems import Problem
from api.visitor import is_this_machine
from core.errors import FieldError

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
    """Checks that the database, the broker and the object store can be reached.

    Everybody gets the status. The parts are named to requests from the machine itself and to an admin's token.
    """
    parts = context.readiness.faults()
    faults = [FieldError(name, fault) for name, fault in parts.items() if fault is not None]
    may_see = _may_monitor(request, context)
    if not faults:
        return {"status": "ready", **(dict.fromkeys(parts, "ok") if may_see else {})}
    log.warning("service.not_ready", missing=[e.field for e in faults])
    if not may_see:
        raise Problem(503, "Not ready.", kind="not-ready")
    detail = "; ".join(f"the {e.field} {e.message}" for e in faults)
    raise Problem(503, f"Not ready: {detail}.", kind="not-ready", errors=faults)


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
    """Requests, latencies, and jobs by state, in the text format of Prometheus.

    From the machine itself no token is needed, unless a public URL is set; else send an admin's token.
    """
    if not is_this_machine(request, context.settings) and auth.authenticate(request, context).role != "admin":
        raise Problem(403, "Only admins can read the metrics.", kind="not-admin")
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_monitor(request: Request, context: AppContext) -> bool:
    """Whether a request comes from this machine or from an admin. A database that fails knows no admins."""
    if is_this_machine(request, context.settings):
        return True
    try:
        return auth.authenticate(request, context).role == "admin"
    except (Problem, SQLAlchemyError):
        return False

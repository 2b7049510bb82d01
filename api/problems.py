"""Errors as `application/problem+json` (RFC 9457): what went wrong and in which field, without a stack trace."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException

from api.allowed_methods import allowed_methods
from core.errors import FieldError, SpecError
from store.database import is_unavailable
from store.disk import is_database_disk_full
from store.store_errors import StoreError

MEDIA_TYPE = "application/problem+json"
STORAGE_RETRY_SECONDS = 10  # an outage of the object store, or a backup, takes longer than a busy moment
RETRY_SECONDS = 2  # after which a client of a busy service tries again

log = structlog.get_logger(__name__)


class Problem(Exception):
    """An error response.

    Args:
        status: The HTTP status code.
        detail: One or two sentences for the user: what is wrong and what to do.
        kind: A short slug, the end of the problem's `type`, that programs can rely on.
        errors: The fields that are wrong.
        headers: Further headers of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def field_problem(field: str, message: str) -> Problem:
    """A 422 for one field; `message` continues the field's name."""
    return spec_problem([FieldError(field, message)])


def spec_problem(errors: Sequence[FieldError]) -> Problem:
    """A 422 for several fields; its detail joins their messages in one line."""
    detail = "; ".join(f"{e.field}: {e.message}" for e in errors)
    return Problem(422, detail, kind="invalid-fields", errors=errors)


def spec_errors(error: SpecError, under: str) -> Problem:
    """A 422 for an invalid spec that was sent as the field `under`."""
    return spec_problem([FieldError(f"{under}.{e.field}", e.message) for e in error.errors])


def not_found(what: str) -> Problem:
    """A 404 for a `what`, such as "job", that does not exist or belongs to another user."""
    return Problem(404, f"There is no such {what}.", kind="not-found")


def busy(detail: str = "The service has as many requests as it can answer. Try again in a few seconds.") -> Problem:
    """A 503 that says when to try again.

    Args:
        detail: What the service has too much of, or misses.
    """
    return Problem(503, detail, kind="busy", headers={"Retry-After": str(RETRY_SECONDS)})


def maintenance_problem() -> Problem:
    """A 503 for a request that writes while an operator's command refuses writes."""
    detail = "The service is in maintenance for a while: it can be read, but nothing can be changed. Try again later."
    return Problem(503, detail, kind="maintenance", headers={"Retry-After": str(STORAGE_RETRY_SECONDS)})


def storage_problem(error: StoreError) -> Problem:
    """A 503 that says what is wrong with the object store, without its address."""
    detail = f"The service cannot answer now: {error.in_words}. Try again later."
    return Problem(503, detail, kind="storage", headers={"Retry-After": str(STORAGE_RETRY_SECONDS)})


def body_of(problem: Problem, request_id: str | None = None) -> dict[str, Any]:
    """The JSON body of a problem.

    Args:
        problem: The problem.
        request_id: The id of the request; the log has it too.

    Returns:
        The members `type`, `title`, `status`, `detail`, and where they apply `errors` and `request_id`.
    """
    body: dict[str, Any] = {
        "type": f"urn:unteachable:problem:{problem.kind}" if problem.kind else "about:blank",
        "title": title_of(problem.status),
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = [{"field": e.field, "message": e.message} for e in problem.errors]
    if request_id is not None:
        body["request_id"] = request_id
    return body


def title_of(status: int) -> str:
    """The reason phrase of a status code. The code 460 is defined by tus."""
    return "Checksum Mismatch" if status == 460 else HTTPStatus(status).phrase


def respond(problem: Problem, request: Request) -> Response:
    """Make the response to a problem: an HTML page for a browser that opens a page, else JSON."""
    if problem.status in (204, 304):
        return Response(status_code=problem.status, headers=problem.headers)
    page = getattr(request.app.state, "error_page", None)
    if page is not None and _wants_page(request):
        response: Response = page(request, problem)
        response.headers.update(problem.headers)
        return response
    content = body_of(problem, getattr(request.state, "request_id", None))
    # json.dumps escapes lone surrogates, which a client may send and JSONResponse cannot encode as UTF-8
    return Response(json.dumps(content), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Turn every error of an app into a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return respond(error, request)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(request))
        return respond(Problem(error.status_code, _detail(error), headers=headers), request)

    @app.exception_handler(SQLAlchemyError)
    async def _database(request: Request, error: SQLAlchemyError) -> Response:
        if isinstance(error, DBAPIError) and is_database_disk_full(error):
            log.error("database.disk_full")
            detail = "The disk of the service is full, so nothing was changed. Delete datasets or jobs, and try again."
            return respond(Problem(507, detail, kind="no-space"), request)
        if not is_unavailable(error):
            raise error
        log.warning("database.unavailable", error=str(error).splitlines()[0])
        return respond(busy("The database cannot be reached or is busy. Try again in a few seconds."), request)

    @app.exception_handler(StoreError)
    async def _store(request: Request, error: StoreError) -> Response:
        log.error("store.failed", error=str(error))
        return respond(storage_problem(error), request)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return respond(spec_problem([_field_error(e) for e in error.errors()]), request)


def _detail(error: HTTPException) -> str:
    if error.status_code == 404:
        return "This address does not exist."
    if error.status_code == 405:
        return "This address does not support that method; the header Allow lists those that it supports."
    return str(error.detail)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    location = [str(part) for part in error["loc"]]
    if error["type"] == "json_invalid":
        return FieldError("body", f"is not valid JSON: {error['ctx']['error']} at character {location[-1]}")
    name = ".".join(location[1:]) or location[0]
    if error["type"] == "extra_forbidden":
        return FieldError(name, "unknown field")
    return FieldError(name, str(error["msg"]).removeprefix("Value error, "))

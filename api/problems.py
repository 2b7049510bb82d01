"""Errors as RFC 9457 problem+json: what went wrong, whose field it was, and never a stack trace."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from core.errors import FieldError, SpecError

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success, in words a person can act on.

    `kind` is a short slug that programs can rely on; `errors` names the fields that are wrong.
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
    """A 422 for one field."""
    return spec_problem([FieldError(field, message)])


def spec_problem(errors: Sequence[FieldError]) -> Problem:
    """A 422 whose detail says in a line what `errors` says field by field."""
    detail = "; ".join(f"{e.field}: {e.message}" for e in errors)
    return Problem(422, detail, kind="invalid-fields", errors=errors)


def spec_errors(error: SpecError, under: str) -> Problem:
    """A 422 for a spec that was sent as the field `under`."""
    return spec_problem([FieldError(f"{under}.{e.field}", e.message) for e in error.errors])


def not_found(what: str) -> Problem:
    """A 404: it does not exist, or belongs to somebody else."""
    return Problem(404, f"There is no such {what}.", kind="not-found")


def body_of(problem: Problem, request_id: str | None = None) -> dict[str, Any]:
    """The problem as JSON takes it."""
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
    """The words of a status code; 460 is tus's own."""
    return "Checksum Mismatch" if status == 460 else HTTPStatus(status).phrase


def respond(problem: Problem, request: Request) -> Response:
    """The problem as an answer: JSON for programs, a page for people who are looking at one."""
    if problem.status in (204, 304):
        return Response(status_code=problem.status, headers=problem.headers)
    page = getattr(request.app.state, "error_page", None)
    if page is not None and _wants_page(request):
        answer: Response = page(request, problem)
        answer.headers.update(problem.headers)
        return answer
    content = body_of(problem, getattr(request.state, "request_id", None))
    # json.dumps, not JSONResponse: what a client sent may hold half a surrogate pair, which has no UTF-8
    return Response(json.dumps(content), status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Make every error of this app a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> Response:
        return respond(error, request)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return respond(Problem(error.status_code, _detail(error), headers=error.headers), request)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return respond(spec_problem([_field_error(e) for e in error.errors()]), request)


def _detail(error: HTTPException) -> str:
    if error.status_code == 404:
        return "There is nothing at this address."
    if error.status_code == 405:
        return "This address does not take that method; the Allow header says which ones it takes."
    return str(error.detail)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    where = [str(part) for part in error["loc"]]
    if error["type"] == "json_invalid":
        return FieldError("body", f"is not valid JSON: {error['ctx']['error']} at character {where[-1]}")
    name = ".".join(where[1:]) or where[0]
    if error["type"] == "extra_forbidden":
        return FieldError(name, "unknown field")
    return FieldError(name, str(error["msg"]).removeprefix("Value error, "))

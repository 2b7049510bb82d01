"""The OpenAPI document: what FastAPI derives from the routes, completed by errors, authentication and examples."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from api.auth import COOKIE
from api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

PUBLIC: dict[str, Any] = {"security": []}  # openapi_extra of an operation that needs no authentication
LOCATION: dict[str, Any] = {
    "Location": {"schema": {"type": "string"}, "description": "The address of what was created."}
}
_REFERENCE = "#/components/schemas/{model}"
_TAGS = {
    "datasets": "Upload datasets in one request, and manage them.",
    "uploads": "Upload datasets by the tus 1.0 protocol, which resumes after an interruption.",
    "jobs": "Request protections, trainings and verifications, follow them, and cancel them.",
    "results": "Download the report and the protected archive of a job.",
    "options": "What a job can be requested with: the schema of `spec`, the presets and the trained generators.",
    "tokens": "Manage the API tokens that programs authenticate with.",
    "admin": "Workers and queues, for admins.",
    "health": "Liveness, readiness and metrics, for monitoring. No authentication.",
}
_SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, made on the page Tokens, by `POST /v1/tokens`, or by `unteachable token`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The cookie of a browser that is signed in.",
    },
}
# openapi_extra of an operation that needs authentication of some clients only
SOMETIMES_AUTHENTICATED: dict[str, Any] = {"security": [{}, *({name: []} for name in _SECURITY_SCHEMES)]}


class FieldErrorOut(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str


class ProblemOut(BaseModel):
    """An error (RFC 9457). Programs rely on `type`; `detail` is for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:unteachable:problem:invalid-fields",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "spec.radius_u: must be a whole number from 1 to 64",
                    "errors": [{"field": "spec.radius_u", "message": "must be a whole number from 1 to 64"}],
                    "request_id": "5f0c3a9be1d24a77",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorOut] | None = None
    request_id: str | None = None


def response_headers(status: int, headers: Mapping[str, Any]) -> Responses:
    """Document the headers of a response, for `responses` of a route.

    Args:
        status: The status code of the response.
        headers: OpenAPI header objects by name.

    Returns:
        An OpenAPI response object.
    """
    return {status: {"headers": dict(headers)}}


def problem_responses(descriptions: Mapping[int | str, str]) -> Responses:
    """Document the errors of an operation, for `responses` of a route.

    Args:
        descriptions: By status code, or range of codes such as `4XX`, when the error occurs.

    Returns:
        OpenAPI response objects whose body is an RFC 9457 problem.
    """
    schema = {"$ref": _REFERENCE.format(model=ProblemOut.__name__)}
    return {
        status: {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, description in descriptions.items()
    }


COMMON_ERRORS = problem_responses({"4XX": "The request cannot be fulfilled.", "5XX": "The service has a fault."})
_UNAUTHENTICATED = problem_responses({401: "There is no valid token and no session."})[401]
_NOT_FOUND = problem_responses({404: "It does not exist, or it belongs to another user."})[404]


def operation_id(route: APIRoute) -> str:
    """The name of the route's function, which is unique among the documented routes."""
    return route.name


def install(app: FastAPI) -> None:
    """Complete the OpenAPI document of an app that was created with `COMMON_ERRORS` as `responses`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(generate())  # FastAPI keeps the document in app.openapi_schema
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    _, definitions = models_json_schema([(ProblemOut, "serialization")], ref_template=_REFERENCE)
    document["components"]["schemas"].update(definitions["$defs"])
    document["components"]["securitySchemes"] = _SECURITY_SCHEMES
    document["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    document["tags"] = [{"name": name, "description": description} for name, description in _TAGS.items()]
    for path, item in document["paths"].items():
        for operation in item.values():
            responses = operation["responses"]
            _describe_event_streams(responses)
            for parameter in operation.get("parameters", ()):
                # FastAPI takes it for optional: its absence is a 412, which the protocol asks for, and not a 422.
                parameter["required"] |= parameter["name"] == "Tus-Resumable"
            if operation.get("security") != []:
                responses.setdefault("401", _UNAUTHENTICATED)
            if "{" in path:
                responses.setdefault("404", _NOT_FOUND)
            operation["responses"] = dict(sorted(responses.items()))


def _describe_event_streams(responses: dict[str, Any]) -> None:
    """Replace `itemSchema`, which FastAPI writes for event streams: OpenAPI 3.1 does not have it."""
    for response in responses.values():
        for media_type in response.get("content", {}).values():
            if media_type.pop("itemSchema", None) is not None:
                media_type["schema"] = {"description": "Server-sent events. The `data` of each is a job as JSON."}

"""Middleware for every request: request id, log line, metrics, security headers, and errors without a stack trace."""

import asyncio
import re
import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import Problem, respond
from api.security_headers import API_HEADERS, COMMON_HEADERS, PAGE_HEADERS
from api.uploads import tus

log = structlog.get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


class RequestMiddleware:
    """The outermost ASGI middleware of the app.

    Args:
        app: The application that it wraps.
        metrics: Counts the requests.
        https: Whether browsers reach the service by HTTPS, and shall do so only (RFC 6797).
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, https: bool) -> None:
        self.app = app
        self.metrics = metrics
        self.common_headers = COMMON_HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started_at, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, scope, request_id)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            status = status or 499
            raise
        except Exception:
            log.exception("request.failed")
            if status:
                raise  # the response has begun: only a broken connection can tell the client that it is incomplete
            await _internal_error(request_id, Request(scope))(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started_at)

    def _add_headers(self, message: Message, scope: Scope, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = request_id
        specific = API_HEADERS if scope["path"].startswith("/v1") else PAGE_HEADERS
        for name, value in (self.common_headers | specific).items():
            headers.setdefault(name, value)
        if scope["path"].startswith("/v1/uploads"):
            headers["Tus-Resumable"] = tus.VERSION

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route_template(scope)
        self.metrics.observe_request(method=scope["method"], route=route, status=status, seconds=seconds)
        is_quiet = route in ("/healthz", "/readyz", "/status", "/metrics") or scope["state"].get("is_refused", False)
        (log.debug if is_quiet else log.info)(
            "request.done",
            method=scope["method"],
            route=route,
            status=status,
            seconds=round(seconds, 4),
            user=scope["state"].get("user_id"),
        )


def _request_id(scope: Scope) -> str:
    proposed = Headers(scope=scope).get("x-request-id", "")
    return proposed if _ID.fullmatch(proposed) else secrets.token_hex(8)


def _route_template(scope: Scope) -> str:
    """The path template of the route. Paths themselves contain ids and signed links, and are too many for a metric."""
    path: Any = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "(none)"


def _internal_error(request_id: str, request: Request) -> Response:
    detail = f"The service has a fault. Its log describes it under the request id {request_id}."
    return respond(Problem(500, detail, kind="internal"), request)

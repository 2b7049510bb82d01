"""What happens to every request: an id, a log line, a measurement, security headers, and no stack trace outside."""

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
from api.uploads import tus

log = structlog.get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_API = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_PAGES = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}


class RequestMiddleware:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, https: bool) -> None:
        self.app = app
        self.metrics = metrics
        self.always = _EVERYWHERE | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began, status = time.perf_counter(), 0

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
            log.exception("request.broke")
            if status:
                raise  # half an answer is out: only the end of the connection can say that it is not whole
            await _apology(request_id, Request(scope))(scope, receive, send_with_headers)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _add_headers(self, message: Message, scope: Scope, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = request_id
        own = _API if scope["path"].startswith("/v1") else _PAGES
        for name, value in (self.always | own).items():
            headers.setdefault(name, value)
        if scope["path"].startswith("/v1/uploads"):
            headers["Tus-Resumable"] = tus.VERSION

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.metrics.note(method=scope["method"], route=route, status=status, seconds=seconds)
        quiet = route in ("/healthz", "/readyz", "/metrics")
        (log.debug if quiet else log.info)(
            "request.done",
            method=scope["method"],
            route=route,
            status=status,
            seconds=round(seconds, 4),
            user=scope["state"].get("user_id"),
        )


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """The route's template, not the path: paths hold ids and signed links, and are without end."""
    path: Any = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "(none)"


def _apology(request_id: str, request: Request) -> Response:
    detail = f"Something went wrong here, not with you. The log has it under {request_id}."
    return respond(Problem(500, detail, kind="internal"), request)

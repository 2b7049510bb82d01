"""Admission: a service that has as many requests as it can answer says so at once, and does not let more wait.

A request counts until its response begins. Uploads count apart, because each lasts as long as its sender takes; so do
event streams, because all browsers open theirs again at once when the service was away. `/healthz` is always admitted.
"""

import time
from dataclasses import dataclass

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body_size_limit import UPLOAD_PATHS
from api.problems import busy, respond

HEALTH_PATH = "/healthz"
MAX_UPLOADS = 64  # requests that send to an upload at the same time
MAX_STREAMS = 1000  # event streams that begin at the same time
EVENTS_SUFFIX = "/events"
LOG_SECONDS = 1.0  # between two lines about refusals: a flood must not fill the log, nor take time from answers
_SENDING = frozenset({"POST", "PATCH"})

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Count:
    limit: int
    current: int = 0


class Admission:
    """ASGI middleware that answers 503 with `Retry-After` beyond its limits.

    Args:
        app: The application that it wraps.
        max_requests: How many requests are answered at the same time, without uploads and event streams.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        self.app = app
        self._requests, self._uploads, self._streams = _Count(max_requests), _Count(MAX_UPLOADS), _Count(MAX_STREAMS)
        self._refused, self._logged_at = 0, 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self.app(scope, receive, send)
            return
        count = self._count_of(scope["method"], scope["path"])
        if count.current >= count.limit:
            scope["state"]["is_refused"] = True
            self._log_refusal()
            await respond(busy(), Request(scope))(scope, receive, send)
            return
        count.current += 1
        is_counted = True

        def release() -> None:
            nonlocal is_counted
            count.current -= is_counted
            is_counted = False

        async def send_and_release(message: Message) -> None:
            if message["type"] == "http.response.start":
                release()
            await send(message)

        try:
            await self.app(scope, receive, send_and_release)
        finally:
            release()

    def _count_of(self, method: str, path: str) -> _Count:
        if method in _SENDING and path.startswith(UPLOAD_PATHS):
            return self._uploads
        return self._streams if path.endswith(EVENTS_SUFFIX) else self._requests

    def _log_refusal(self) -> None:
        self._refused += 1
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            log.warning("requests.refused", count=self._refused, answering=self._requests.current)
            self._refused, self._logged_at = 0, time.monotonic()

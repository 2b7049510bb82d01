"""Admission: a service that has as many requests as it can answer says so at once, and does not let more wait.

A request counts until its response begins. Uploads count apart, because each lasts as long as its sender takes.
`/healthz` is always admitted.
"""

from dataclasses import dataclass

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body_size_limit import UPLOAD_PATHS
from api.problems import busy, respond

HEALTH_PATH = "/healthz"
MAX_UPLOADS = 64  # requests that send to an upload at the same time
_SENDING = frozenset({"POST", "PATCH"})


@dataclass(slots=True)
class _Count:
    limit: int
    current: int = 0


class Admission:
    """ASGI middleware that answers 503 with `Retry-After` beyond its limits.

    Args:
        app: The application that it wraps.
        max_requests: How many requests are answered at the same time, without uploads.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        self.app = app
        self._requests, self._uploads = _Count(max_requests), _Count(MAX_UPLOADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self.app(scope, receive, send)
            return
        sends_upload = scope["method"] in _SENDING and scope["path"].startswith(UPLOAD_PATHS)
        count = self._uploads if sends_upload else self._requests
        if count.current >= count.limit:
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

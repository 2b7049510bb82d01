"""A size limit for every body that is not an upload: forms and JSON are read into memory before authentication."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, respond

MAX_BODY_BYTES = 2**20
UPLOAD_PATHS = ("/v1/datasets", "/v1/uploads")  # these authenticate before they read, and have limits of their own


class BodySizeLimit:
    """ASGI middleware that answers 413 to a body of more than `MAX_BODY_BYTES` outside of `UPLOAD_PATHS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(UPLOAD_PATHS):
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            await respond(_too_large(), Request(scope))(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413, _too_large().detail)
            return message

        await self.app(scope, receive_limited, send)


def _too_large() -> Problem:
    return Problem(413, f"The body of this request may have {MAX_BODY_BYTES:,} bytes at most.", kind="too-large")

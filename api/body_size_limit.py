"""A limit for every body that is no upload: forms and JSON are read into memory before anybody asks who sent them."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, respond

MOST = 2**20  # bytes
UPLOADS = ("/v1/datasets", "/v1/uploads")  # these have limits of their own, and read nothing before they know who sends


class BodySizeLimit:
    """Answers 413 to a body of more than `MOST` bytes outside of `UPLOADS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(UPLOADS):
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > MOST:
            await respond(_too_large(), Request(scope))(scope, receive, send)
            return
        arrived = 0

        async def receive_little() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > MOST:
                raise HTTPException(413, _too_large().detail)
            return message

        await self.app(scope, receive_little, send)


def _too_large() -> Problem:
    return Problem(413, f"The body of this request may have {MOST:,} bytes at most.", kind="too-large")

"""A time-out for bodies, as Apache's `RequestReadTimeout body=30,MinRate=1024`: some seconds, and more for what came.

Only the time in which the service waits for the client counts, not the time in which it is busy itself.
"""

import asyncio
import time

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_BYTES_PER_SECOND = 1024


class BodyTimeout:
    """ASGI middleware that answers 408 to a client that sends a body too slowly, and closes its connection.

    Args:
        app: The application that it wraps.
        seconds: How long the client may take, besides a second for each `MIN_BYTES_PER_SECOND` that it sent.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        waited, received, has_more = 0.0, 0, True

        async def receive_in_time() -> Message:
            nonlocal waited, received, has_more
            if not has_more:
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._seconds + received / MIN_BYTES_PER_SECOND - waited):
                    message = await receive()
            except TimeoutError:
                detail = f"The body arrives too slowly: less than {MIN_BYTES_PER_SECOND} bytes a second."
                raise HTTPException(408, detail, headers={"Connection": "close"}) from None
            waited += time.monotonic() - began
            received += len(message.get("body", b""))
            has_more = bool(message.get("more_body", False))
            return message

        await self.app(scope, receive_in_time, send)

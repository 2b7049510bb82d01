"""The path of the public URL: a proxy shows the service below `/unteachable`, and every address begins with it.

Routes, templates and rows know no such path. It is taken from the path of a request, where the proxy leaves it, and put
before the addresses of an answer: headers, links of pages, and `url` members of JSON.
"""

import re
from contextvars import ContextVar
from typing import Annotated

from pydantic import PlainSerializer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = ("Location", "Upload-Dataset")
_LINKS = re.compile(
    r'(\s(?:href|src|action|formaction|data-(?:address|datasets|job|openapi|trial-url|uploads))=")/(?!/)'
)
_public_path: ContextVar[str] = ContextVar("public_path", default="")


class PublicPath:
    """ASGI middleware that takes the public path from requests and puts it before the addresses in headers.

    A proxy may pass on the path or remove it: both work.

    Args:
        app: The application that it wraps.
        path: The path of the public URL, such as `/unteachable`.
    """

    def __init__(self, app: ASGIApp, *, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_path(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in _HEADERS:
                    if headers.get(name, "").startswith("/"):
                        headers[name] = self.path + headers[name]
            await send(message)

        token = _public_path.set(self.path)
        try:
            await self.app(self._without_path(scope), receive, send_with_path)
        finally:
            _public_path.reset(token)

    def _without_path(self, scope: Scope) -> Scope:
        path, raw = scope["path"], scope.get("raw_path") or b""
        if path != self.path and not path.startswith(f"{self.path}/"):
            return scope
        prefix = self.path.encode()
        changed = {"path": path.removeprefix(self.path) or "/", "raw_path": raw.removeprefix(prefix) or b"/"}
        return {**scope, **changed}


def public_path(path: str) -> str:
    """A path of the service as clients reach it: behind the path of the public URL.

    Args:
        path: The path as the routes know it, such as `/v1/jobs`.
    """
    return _public_path.get() + path


def with_public_links(html: str) -> str:
    """A page whose links begin with the path of the public URL.

    Args:
        html: The page with the paths as the routes know them. Text of users is escaped, so it has no such attribute.
    """
    path = _public_path.get()
    return _LINKS.sub(rf"\g<1>{path}/", html) if path else html


PublicAddress = Annotated[str, PlainSerializer(public_path, return_type=str)]
"""A member of JSON that is a path of the service."""

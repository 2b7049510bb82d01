"""`X-HTTP-Method-Override`: tus for clients whose environment or proxy knows no PATCH, HEAD or DELETE."""

import re

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, respond

UPLOAD_PATH = "/v1/uploads"
_METHOD = re.compile(r"[A-Za-z]{1,20}")


class MethodOverride:
    """ASGI middleware that takes the method of a request to an upload from the header, as tus 1.0 demands.

    Everything after it, authentication included, sees the method of the header only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = None
        if scope["type"] == "http" and _is_upload(scope["path"]):
            method = Headers(scope=scope).get("x-http-method-override")
        if method is None:
            await self.app(scope, receive, send)
            return
        if not _METHOD.fullmatch(method.strip()):
            problem = Problem(400, "X-HTTP-Method-Override must be the name of a method.", kind="bad-tus-request")
            await respond(problem, Request(scope))(scope, receive, send)
            return
        scope["method"] = method.strip().upper()
        await self.app(scope, receive, send)


def _is_upload(path: str) -> bool:
    return path == UPLOAD_PATH or path.startswith(f"{UPLOAD_PATH}/")

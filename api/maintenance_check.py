"""Refuses what writes while an operator's command, such as a backup, says so; reading goes on."""

import time

import anyio
import anyio.to_thread
import structlog
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import SAFE_METHODS
from api.problems import maintenance_problem, respond
from store import maintenance_mode
from store.database import Database

log = structlog.get_logger(__name__)


class MaintenanceCheck:
    """ASGI middleware that answers 503 with `Retry-After` to unsafe methods during maintenance.

    It asks the database at most once in `NOTICE_SECONDS`. Meanwhile other requests go by the answer before.

    Args:
        app: The application that it wraps.
        database: The database.
    """

    def __init__(self, app: ASGIApp, *, database: Database) -> None:
        self.app = app
        self._database = database
        self._asked_at = -maintenance_mode.NOTICE_SECONDS
        self._refuses = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or not await self._refuses_writes():
            await self.app(scope, receive, send)
            return
        scope["state"]["is_refused"] = True
        await respond(maintenance_problem(), Request(scope))(scope, receive, send)

    async def _refuses_writes(self) -> bool:
        if time.monotonic() - self._asked_at >= maintenance_mode.NOTICE_SECONDS:
            self._asked_at = time.monotonic()
            self._refuses = await anyio.to_thread.run_sync(self._ask, limiter=anyio.CapacityLimiter(1))
        return self._refuses

    def _ask(self) -> bool:
        try:
            with self._database.read() as session:
                state = maintenance_mode.current(session)
        except SQLAlchemyError as error:  # the request itself answers what is wrong
            log.warning("maintenance.not_read", error=str(error).splitlines()[0])
            return False
        return state is not None and state.refuses_writes

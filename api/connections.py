"""Connections of clients: how many there may be, and how long a slow one is waited for.

uvicorn has a time-out for idle connections only. The protocol of this module adds more: for a client that does not
finish the header of a request, that keeps sending after the response, or that does not read the response. The time-out
for bodies is in `api.body_timeout`. Beyond the limits a connection gets one answer: 503, and on `/healthz` the health.
"""

import asyncio
import ipaddress
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.admission import HEALTH_PATH
from api.problems import MEDIA_TYPE, body_of, busy

MAX_REFUSED = 64  # connections beyond the limits that may still send their request; the oldest makes room for the next
REFUSED_SECONDS = 5.0  # in which such a connection sends its request
LINGER_SECONDS = 5.0  # after a response, in which the rest of the body may arrive
STALL_SECONDS = 60.0  # in which a client reads what fills the buffer, 64 KiB
_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What clients may use.

    Attributes:
        connections: The largest number of open connections.
        per_address: The largest number from one address, or from one IPv6 network of 64 bits.
        header_seconds: Within how many seconds a client sends the header of a request.
    """

    connections: int
    per_address: int
    header_seconds: float


class OpenConnections:
    """Counts the connections of one server.

    Args:
        limits: The limits.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._admitted: dict[LimitedProtocol, str] = {}
        self._by_address: Counter[str] = Counter()
        self._refused: dict[LimitedProtocol, None] = {}
        self._logged_at = 0.0

    def admit(self, connection: "LimitedProtocol", host: str) -> bool:
        """Count a new connection.

        Args:
            connection: The connection.
            host: The client's address.

        Returns:
            Whether it is within the limits. One that is not must still be taken out by `remove`.
        """
        address = _network_of(host)
        is_full = len(self._admitted) >= self._limits.connections
        if is_full or self._by_address[address] >= self._limits.per_address:
            self._log_refusal(host, address)
            if len(self._refused) >= MAX_REFUSED:
                next(iter(self._refused)).abort()
            self._refused[connection] = None
            return False
        self._admitted[connection] = address
        self._by_address[address] += 1
        return True

    def _log_refusal(self, host: str, address: str) -> None:
        """Log a refusal, but not more than one a second: a flood must not fill the log."""
        if time.monotonic() - self._logged_at >= 1:
            self._logged_at = time.monotonic()
            of_address = self._by_address[address]
            log.warning("connection.refused", address=host, open=len(self._admitted), of_address=of_address)

    def remove(self, connection: "LimitedProtocol") -> None:
        """Forget a closed connection."""
        self._refused.pop(connection, None)
        address = self._admitted.pop(connection, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits. `limited_protocol` makes the class of one server."""

    limits: ClassVar[ConnectionLimits]
    open_connections: ClassVar[OpenConnections]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_admitted = True
        self._is_in_header = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and wait for its first request."""
        super().connection_made(transport)
        self._is_admitted = self.client is None or self.open_connections.admit(self, self.client[0])
        if not self._is_admitted:
            self.app = _Refusal(self.app)
        seconds = self.limits.header_seconds if self._is_admitted else REFUSED_SECONDS
        self._header_timer = self.loop.call_later(seconds, self._on_slow_header)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for the client."""
        self.open_connections.remove(self)
        for timer in (self._header_timer, self._linger_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, and wait for the rest of the header that it begins."""
        super().data_received(data)
        waits_for_request = self.cycle is None or (self.cycle.response_complete and not self.cycle.more_body)
        if waits_for_request and self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self.limits.header_seconds, self._on_slow_header)

    def on_message_begin(self) -> None:
        """Begin the header of a request."""
        self._is_in_header = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self._is_in_header = False
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body of a request."""
        self.cycle.more_body = False  # also where the response is complete already
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request; read the rest of this one's body for a short time only."""
        has_more_body = self.cycle.more_body
        super().on_response_complete()
        if not self._is_admitted:
            self.transport.close()
        elif has_more_body and self._linger_timer is None:
            self._linger_timer = self.loop.call_later(LINGER_SECONDS, self._on_endless_body)

    def pause_writing(self) -> None:
        """Wait until the client has read."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALL_SECONDS, self._on_stalled_reader)

    def resume_writing(self) -> None:
        """Go on with the response."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        super().resume_writing()

    def abort(self) -> None:
        """Close the connection without an answer."""
        self.open_connections.remove(self)
        self.transport.abort()

    def _on_slow_header(self) -> None:
        if self.transport.is_closing():
            return
        log.info("connection.slow", part="header", address=self.client and self.client[0])
        if self._is_in_header:
            self.transport.write(_REQUEST_TIMEOUT)
        self.transport.close()

    def _on_endless_body(self) -> None:
        log.info("connection.slow", part="body", address=self.client and self.client[0])
        self.transport.close()

    def _on_stalled_reader(self) -> None:
        log.info("connection.slow", part="response", address=self.client and self.client[0])
        self.transport.abort()


def limited_protocol(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """Make the protocol of one server, for `uvicorn.Config`.

    Args:
        limits: The limits of the server's connections.
    """
    members = {"limits": limits, "open_connections": OpenConnections(limits)}
    return type("ServerProtocol", (LimitedProtocol,), members)


class _Refusal:
    """The application for a connection beyond the limits."""

    def __init__(self, app: Any) -> None:
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == HEALTH_PATH:
            await self._app(scope, receive, send)
            return
        problem = busy("The service has as many connections as it can serve. Try again in a few seconds.")
        headers = problem.headers | {"Connection": "close"}
        response = Response(json.dumps(body_of(problem)), problem.status, headers=headers, media_type=MEDIA_TYPE)
        await response(scope, receive, send)


def _network_of(host: str) -> str:
    """The address that a limit is for: of IPv6 the network of 64 bits, of which one client may have every address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 6 and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host

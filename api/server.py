"""The HTTP server: uvicorn with the app, which stops within seconds even while browsers follow jobs."""

import resource
import socket
from collections.abc import Callable

import structlog
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.connections import ConnectionLimits, limited_protocol
from store.settings import Settings

SHUTDOWN_TIMEOUT_SECONDS = 5  # for requests to end when the service stops
OTHER_FILES = 400  # descriptors besides those of connections: of the database, the broker, uploads and downloads

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Ends the event streams first: they would otherwise delay the shutdown until its timeout."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then shut down as uvicorn does."""
        self._end_streams()
        await super().shutdown(sockets)


def make_server(settings: Settings) -> uvicorn.Server:
    """Make a server; its `run()` serves until SIGINT or SIGTERM. Logging must be set up before.

    Args:
        settings: The service's settings; the server listens on their host and port.

    Returns:
        The server, which has not started yet.
    """
    app: FastAPI = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=limited_protocol(_connection_limits(settings)),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # clients can invent them: who is on this machine is decided by the connection
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        timeout_keep_alive=30,
    )
    return _Server(config, app.state.context.job_followers.close)


def _connection_limits(settings: Settings) -> ConnectionLimits:
    """The limits of the settings, or fewer connections where this process may not open as many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    connections = settings.max_connections
    if soft != resource.RLIM_INFINITY and soft < needed:
        connections = max(1, soft - OTHER_FILES)
        log.warning("server.fewer_connections", connections=connections, open_files=soft)
    return ConnectionLimits(
        connections=connections,
        per_address=settings.max_connections_per_address,
        header_seconds=settings.header_seconds,
    )

"""The app behind a port, by uvicorn. Stops within seconds, also while browsers listen for events."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from store.settings import Settings

GRACE = 5  # seconds that requests have to end when the service stops


class _Server(uvicorn.Server):
    """Lets listeners go first: an event stream would else hold the service up until the grace is over."""

    def __init__(self, config: uvicorn.Config, release: Callable[[], None]) -> None:
        super().__init__(config)
        self._release = release

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._release()
        await super().shutdown(sockets)


def make_server(settings: Settings) -> uvicorn.Server:
    """A server for these settings; `run()` serves until SIGINT or SIGTERM. Set up logs first."""
    app: FastAPI = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
    )
    return _Server(config, app.state.context.job_event_broker.close)

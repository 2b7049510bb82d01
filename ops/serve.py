"""Runs the API in this process."""

from contextlib import suppress

from store.logs import configure_logs
from store.settings import get_settings


def serve() -> None:
    """Serve requests until the process is told to stop."""
    from api.server import make_server

    settings = get_settings()
    configure_logs(settings)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop by Ctrl-C
        make_server(settings).run()

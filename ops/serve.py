"""Runs the API in this process."""

import sys
from contextlib import suppress

from store.logs import configure_logs
from store.settings import get_settings

SWITCH_SECONDS = 0.0005  # after which a thread lets the event loop go on; with 5 ms, the default, it falls behind


def serve() -> None:
    """Serve requests until the process is told to stop."""
    from api.server import make_server

    settings = get_settings()
    sys.setswitchinterval(SWITCH_SECONDS)
    configure_logs(settings)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop by Ctrl-C
        make_server(settings).run()

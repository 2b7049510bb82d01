"""`unteachable health`: whether a process of this machine works, for the health checks of containers."""

import http.client

from store.settings import Settings
from worker.health_file import worker_fault

PROCESSES = ("api", "worker")
ANSWER_SECONDS = 5


def process_fault(settings: Settings, process: str) -> str | None:
    """Return what is wrong with a process of this machine; None if it works.

    What the process needs is not asked: the database, the broker and the store may be away without a fault of it.

    Args:
        settings: where the API listens, and where the data folder is.
        process: one of `PROCESSES`; worker stands for all workers of the data folder.
    """
    return _api_fault(settings) if process == "api" else worker_fault(settings)


def _api_fault(settings: Settings) -> str | None:
    """Ask the API for its liveness, at the address at which this machine reaches it."""
    host = settings.service_address.local.removeprefix("http://").rsplit(":", 1)[0]
    connection = http.client.HTTPConnection(host.strip("[]"), settings.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"the API does not answer ({error})"
    finally:
        connection.close()
    return None if status == 200 else f"the API answers {status}"

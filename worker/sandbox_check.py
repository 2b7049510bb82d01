"""Say at start how far the processes that decode images are isolated, and refuse to start below a demanded level."""

import threading

import structlog

from core.imaging.isolation.level import LEVELS
from core.imaging.sandbox_process import measure_isolation
from store.settings import Settings
from worker.fetch_upload import upload_limits

log = structlog.get_logger()


def check_sandbox(settings: Settings) -> None:
    """Start one process of the sandbox, and log its level.

    Without a demanded level this does not wait: the level is logged a second later.

    Args:
        settings: The demanded level.

    Raises:
        SandboxTooWeak: This machine reaches a lower level. The message is for the operator.
    """
    if settings.sandbox_level == LEVELS[0]:
        threading.Thread(target=_log_level, args=(settings,), name="sandbox-check", daemon=True).start()
    else:
        _log_level(settings)


def _log_level(settings: Settings) -> None:
    try:
        isolation = measure_isolation(upload_limits(settings))
    except RuntimeError as error:  # each job that decodes images fails with it too
        log.error("sandbox.does_not_start", error=str(error))
        return
    write = log.info if isolation.syscalls else log.warning
    write("sandbox.level", reached=isolation.level, layers=str(isolation))

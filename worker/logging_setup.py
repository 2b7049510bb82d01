"""Configures the logs of a worker, in the parent and in the child."""

from typing import Any

from celery import signals

from store.logs import configure_logs
from store.settings import get_settings


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logs(**_: Any) -> None:
    """Replace Celery's own logging: a receiver of this signal disables it."""
    configure_logs(get_settings())

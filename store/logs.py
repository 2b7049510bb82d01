"""Structured logs on standard error: events with a name and fields, as JSON lines or as text on a terminal."""

import logging
import sys
from typing import Any, TextIO

import structlog
import structlog.tracebacks

from store.settings import Settings

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # local variables may hold keys
)


class _StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is when a record comes: the stream of the configuration may be closed by then."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure_logs(settings: Settings) -> None:
    """Send the events of structlog and the records of the libraries through one formatter to standard error.

    Args:
        settings: the level and the format.
    """
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if as_text
        else [_TRACEBACKS, structlog.processors.JSONRenderer(default=str)]
    )
    processors = structlog.get_config()["processors"]  # loggers that exist keep this very list
    processors[:] = [*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    structlog.configure(
        processors=processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _StandardErrorHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("alembic", "asyncio", "celery", "httpx", "kombu", "matplotlib", "multiprocessing", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

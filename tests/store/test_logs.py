"""Structured logs."""

import structlog
from structlog.testing import capture_logs

from store.logs import configure_logs
from store.settings import Settings


def test_a_logger_that_exists_follows_a_later_configuration(settings: Settings) -> None:
    configure_logs(settings)
    log = structlog.get_logger("early")
    log.info("first")
    configure_logs(settings)
    with capture_logs() as logs:
        log.info("second")
    assert [entry["event"] for entry in logs] == ["second"]

"""Structured logs."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from store.logs import configure_logs
from store.settings import Settings


@pytest.fixture(autouse=True)
def handlers_restored() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_logger_that_exists_follows_a_later_configuration(settings: Settings) -> None:
    configure_logs(settings)
    log = structlog.get_logger("early")
    log.info("first")
    configure_logs(settings)
    with capture_logs() as logs:
        log.info("second")
    assert [entry["event"] for entry in logs] == ["second"]


def test_logs_follow_standard_error_where_the_stream_of_the_configuration_is_closed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logs(settings)
    structlog.get_logger("early").info("first")
    assert '"event": "first"' in first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    structlog.get_logger("early").info("second")
    logging.getLogger("library").warning("third")
    assert [line.count('"event"') for line in second.getvalue().splitlines()] == [1, 1], second.getvalue()
    assert '"event": "second"' in second.getvalue()
    assert '"event": "third"' in second.getvalue()

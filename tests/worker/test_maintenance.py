"""The rounds of maintenance: a step that fails skips no other."""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from store.settings import Settings
from tests.support.waiting import wait_until
from worker import maintenance


def test_files_are_removed_although_no_row_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[object] = []

    def no_room(*_: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(maintenance, "recover", no_room)
    monkeypatch.setattr(maintenance, "remove_unused_files", cleaned.append)
    monkeypatch.setattr(maintenance, "new_watch", lambda _: None)
    context: Any = SimpleNamespace(settings=Settings(_env_file=None, recovery_seconds=0.01))
    thread = maintenance.MaintenanceThread(context)
    thread.start()
    wait_until(lambda: bool(cleaned))
    thread.stop()
    thread._thread.join(10)
    assert cleaned[0] is context

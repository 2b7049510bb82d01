"""Torch is imported while a worker has no job, and never while a job imports it too."""

import threading

import pytest

from tests.support.waiting import wait_until
from worker import preload


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the modules that were imported in the background."""
    names: list[str] = []
    monkeypatch.setattr(preload, "import_module", names.append)
    monkeypatch.setattr(preload, "_job_has_begun", threading.Event())
    return names


def test_an_idle_child_imports_what_jobs_need(imported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, "IDLE_SECONDS", 0.0)
    preload.start_preloading()
    wait_until(lambda: imported == list(preload.MODULES), seconds=30)


def test_nothing_is_imported_in_the_background_once_a_job_has_begun(
    imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preload, "IDLE_SECONDS", 30.0)
    preload.start_preloading()
    preload.end_preloading()
    wait_until(lambda: not any(thread.name == "preload" for thread in threading.enumerate()), seconds=30)
    assert imported == []


def test_a_job_waits_until_the_import_has_ended(imported: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, began = threading.Event(), threading.Event()

    def slow_import(name: str) -> None:
        began.set()
        assert go_on.wait(30)
        imported.append(name)

    monkeypatch.setattr(preload, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(preload, "import_module", slow_import)
    preload.start_preloading()
    assert began.wait(30)
    job = threading.Thread(target=preload.end_preloading)
    job.start()
    assert job.is_alive()
    go_on.set()
    job.join(30)
    assert imported == list(preload.MODULES)

"""A database that was cloned or restored removes nothing of its store."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from ops.adopt_store import StoreAdoption
from store import deployment, leases, quarantine, users
from store import models as m
from store.leases import JobResult
from store.object_keys import upload_key
from store.settings import Settings
from tests.support.deployments import aged, opened
from tests.support.rows import must_claim, new_job
from worker.context import WorkerContext, open_worker_context
from worker.garbage_collector import collect_garbage


@pytest.fixture
def context(each_settings: Settings) -> Iterator[WorkerContext]:
    """The worker context of a new deployment."""
    context = opened(each_settings)
    yield context
    context.database.dispose()


def reason(context: WorkerContext) -> str:
    return deployment.ownership(context.settings, context.database, context.files).reason or ""


def protected(context: WorkerContext) -> list[str]:
    """Let a job succeed; return the keys of its results, which are two days old."""
    id_ = new_job(context.database)
    held = must_claim(context.database, id_)
    keys = [
        aged(context, f"jobs/{id_}/results/1/{name}", days=2) for name in ("archive.zip", "report.html", "report.json")
    ]
    with context.database.write.begin() as session:
        result = JobResult(archive_key=keys[0], archive_bytes=4, page_key=keys[1], report_key=keys[2])
        assert leases.succeed(session, held, result)
    return keys


def test_a_new_deployment_owns_its_store(context: WorkerContext) -> None:
    assert reason(context) == ""
    garbage = aged(context, upload_key(m.new_id()), days=2)
    assert collect_garbage(context) == [garbage]
    assert reason(context) == "", "the mark was renewed"


@pytest.fixture
def clone(context: WorkerContext, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[WorkerContext]:
    """A copy of the database beside the original, on the same store, to which the original then adds."""
    if context.database.is_embedded:
        copy = tmp_path / "copy.db"
        context.database.dispose()
        shutil.copy(make_url(context.settings.database).database or "", copy)
        settings = context.settings.model_copy(update={"database_url": f"sqlite+pysqlite:///{copy}"})
        cloned = opened(settings.model_copy(update={"store_url": context.settings.store}), is_new=False)
        yield cloned
        cloned.database.dispose()
        return
    url = make_url(context.settings.database)
    context.database.dispose()
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {url.database}_clone TEMPLATE {url.database}"))
    cloned_url = url.set(database=f"{url.database}_clone").render_as_string(hide_password=False)
    cloned = opened(context.settings.model_copy(update={"database_url": cloned_url}), is_new=False)
    yield cloned
    cloned.database.dispose()
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {url.database}_clone WITH (FORCE)"))
    engine.dispose()


@pytest.mark.parametrize("each_settings", [pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_a_cloned_database_removes_no_newer_archive(context: WorkerContext, clone: WorkerContext) -> None:
    newer = protected(context)
    assert collect_garbage(clone) == []
    assert "copied, moved or failed over" in reason(clone)
    assert all(context.files.exists(key) for key in newer)
    assert collect_garbage(context) == []
    assert reason(context) == ""


def test_a_database_file_that_was_copied_removes_no_newer_archive(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    """The store is a folder elsewhere, such as one on a file server."""
    settings = make_settings(store_url=str(tmp_path / "shared"))
    context = opened(settings)
    copy = tmp_path / "copy.db"
    context.database.dispose()
    shutil.copy(settings.home / "unteachable.db", copy)
    newer = protected(context)
    clone = opened(settings.model_copy(update={"database_url": f"sqlite+pysqlite:///{copy}"}), is_new=False)
    assert collect_garbage(clone) == []
    assert "copied" in reason(clone)
    assert all(context.files.exists(key) for key in newer)
    assert reason(context) == ""
    context.database.dispose()
    clone.database.dispose()


def test_a_restored_database_removes_no_newer_archive(settings: Settings) -> None:
    context = opened(settings)
    collect_garbage(context)
    backup = settings.home / "backup"
    context.database.dispose()
    shutil.copy(settings.home / "unteachable.db", backup)
    newer = protected(context)
    collect_garbage(context)
    context.database.dispose()
    for leftover in ("unteachable.db-wal", "unteachable.db-shm"):
        (settings.home / leftover).unlink(missing_ok=True)
    shutil.copy(backup, settings.home / "unteachable.db")
    restored = opened(settings, is_new=False)
    assert collect_garbage(restored) == []
    assert "older than the object store" in reason(restored)
    assert all(restored.files.exists(key) for key in newer)
    adoption = StoreAdoption(settings)
    assert (adoption.look().unknown, adoption.look().known) == (1, 0)
    adoption.adopt()
    adoption.close()
    assert reason(restored) == ""
    assert collect_garbage(restored) == newer
    assert [quarantine.quarantined(key) for key in newer] == restored.files.list("quarantine")
    restored.database.dispose()


def test_whoever_adopts_takes_the_store_from_the_other(
    context: WorkerContext, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    context.files.write("jobs/a/x", b"-")
    other = opened(make_settings(data_dir=tmp_path / "other", store_url=context.settings.store))
    assert "not adopted" in reason(other), "a new database on a used store"
    deployment.adopt(other.settings, other.database, other.files)
    assert reason(other) == ""
    assert "another deployment" in reason(context)
    assert collect_garbage(context) == []
    other.database.dispose()


def test_another_store_is_noticed(context: WorkerContext, tmp_path: Path) -> None:
    elsewhere = context.settings.model_copy(update={"store_url": str(tmp_path / "elsewhere")})
    moved = open_worker_context(elsewhere)
    aged(moved, upload_key(m.new_id()), days=2)
    assert collect_garbage(moved) == []
    assert "no mark" in reason(moved) or "moved" in reason(moved)
    moved.database.dispose()


@pytest.mark.parametrize("writes", [0, 1])
def test_a_kill_between_the_two_halves_of_a_mark_keeps_the_store(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    class Killed(BaseException):
        pass

    write = type(context.files).write

    def killed(files: Any, key: str, data: bytes) -> None:
        if writes:
            write(files, key, data)
        raise Killed

    monkeypatch.setattr(type(context.files), "write", killed)
    with pytest.raises(Killed):
        deployment.renew_mark(context.database, context.files)
    monkeypatch.undo()
    assert reason(context) == ""
    deployment.renew_mark(context.database, context.files)
    assert reason(context) == ""


def test_an_earlier_version_of_one_machine_goes_on(settings: Settings) -> None:
    context = open_worker_context(settings)
    with context.database.write.begin() as session:
        admin = users.local_admin(session).id
    context.files.write("datasets/a/upload", b"-")
    context.files.write(deployment.LEGACY_OWNER_KEY, b"somebody else")
    assert not deployment.adopt_if_new(settings, context.database, context.files).is_confirmed
    context.files.write(deployment.LEGACY_OWNER_KEY, admin.encode())
    assert deployment.adopt_if_new(settings, context.database, context.files).is_confirmed
    context.database.dispose()

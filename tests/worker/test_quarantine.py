"""Garbage is set aside before it is deleted; one process cleans up at a time, and lists no more than it must."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.adopt_store import StoreAdoption
from store import models as m
from store import quarantine, users
from store.cleaning_lock import cleaning_lock
from store.object_keys import upload_key
from store.settings import Settings
from tests.support.deployments import DAY, aged, opened
from tests.support.rows import new_dataset
from worker.context import WorkerContext
from worker.garbage_collector import collect_garbage


@pytest.fixture
def context(each_settings: Settings) -> Iterator[WorkerContext]:
    """The worker context of a new deployment."""
    context = opened(each_settings)
    yield context
    context.database.dispose()


def test_one_process_cleans_up_at_a_time(context: WorkerContext) -> None:
    garbage = aged(context, upload_key(m.new_id()), days=2)
    with cleaning_lock(context.settings, context.database) as first:
        assert first
        with cleaning_lock(context.settings, context.database) as second:
            assert not second
        assert collect_garbage(context) == []
    assert collect_garbage(context) == [garbage]


def test_rounds_are_apart(context: WorkerContext) -> None:
    hourly = WorkerContext(
        settings=context.settings.model_copy(update={"cleanup_seconds": 3600.0}),
        database=context.database,
        files=context.files,
    )
    assert len(collect_garbage(hourly)) == 0
    aged(context, upload_key(m.new_id()), days=2)
    assert collect_garbage(hourly) == [], "the last round was just now, whichever worker did it"
    assert len(collect_garbage(context)) == 1


def test_what_was_set_aside_comes_back_or_goes(context: WorkerContext) -> None:
    dataset_id = m.new_id()
    lost = aged(context, upload_key(dataset_id), days=2)
    gone = aged(context, upload_key(m.new_id()), days=2)
    assert sorted(collect_garbage(context)) == sorted([lost, gone])
    assert collect_garbage(context) == []
    assert context.files.list("datasets") == []
    assert len(context.files.list("quarantine")) == 2, "they stay for some days from now, however old they were"
    with context.database.write.begin() as session:  # a restored database has the row again
        owner = users.local_admin(session)
        session.add(m.Dataset(id=dataset_id, owner_id=owner.id, name="x", state=m.READY, file_key=lost))
    adoption = StoreAdoption(context.settings)
    assert adoption.look().in_quarantine == 1
    assert adoption.adopt()[1] == [lost]
    adoption.close()
    assert context.files.load(lost) == b"data"
    for path in Path(context.settings.store, "quarantine").rglob("upload"):
        os.utime(path, (time.time() - 8 * DAY,) * 2)
    collect_garbage(context)
    assert context.files.list("quarantine") == []


def test_without_quarantine_garbage_goes_at_once(context: WorkerContext) -> None:
    at_once = WorkerContext(
        settings=context.settings.model_copy(update={"quarantine_days": 0}),
        database=context.database,
        files=context.files,
    )
    garbage = aged(context, upload_key(m.new_id()), days=2)
    assert collect_garbage(at_once) == [garbage]
    assert context.files.list("quarantine") == []


def test_the_bucket_is_not_listed_whole(make_settings: Callable[..., Settings], s3_relay: Any) -> None:
    server, faults = s3_relay
    context = opened(make_settings(**server.settings(prefix=m.new_id())))
    for _ in range(5):
        dataset_id = new_dataset(context.database)
        for number in range(4):
            context.files.write(f"datasets/{dataset_id}/{number}", b"-")
    faults.seen.clear()
    assert collect_garbage(context) == []
    listings = [line for line in faults.seen if "list-type=2" in line]
    assert all("delimiter=" in line or "quarantine" in line for line in listings), "folders only"
    assert len(listings) <= 5
    context.files.write("jobs/nobody/x", b"-")
    context.files.rename("jobs/nobody/x", quarantine.quarantined("jobs/nobody/x"))
    assert context.files.load("quarantine/jobs/nobody/x") == b"-"
    assert context.files.list("jobs") == []
    context.database.dispose()

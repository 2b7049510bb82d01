"""The task queue and the job events, with a real Valkey server: running, stopped, and restarted empty."""

import asyncio
import subprocess
import time

import pytest
from structlog.testing import capture_logs

from store import job_events, task_queue
from store.models import CHECK, PROTECT
from store.settings import Settings
from tests.support.broker import start_broker

Server = subprocess.Popen  # of bytes
EVENTS = 50


def test_a_message_goes_to_the_queue_of_its_kind(settings: Settings, broker: "Server[bytes]") -> None:
    assert task_queue.enqueue(settings, job_id="a", kind=PROTECT)
    assert task_queue.enqueue(settings, job_id="b", kind=PROTECT)
    assert task_queue.enqueue(settings, job_id="c", kind=CHECK)
    assert (task_queue.queue_length(settings, "cpu"), task_queue.queue_length(settings, "check")) == (2, 1)
    assert task_queue.broker_fault(settings) is None


def test_without_a_broker_enqueuing_returns_false_soon(settings: Settings) -> None:
    began = time.monotonic()
    with capture_logs() as logs:
        assert not task_queue.enqueue(settings, job_id="a", kind=PROTECT)
    assert time.monotonic() - began < 5
    assert [(e["event"], e["job"]) for e in logs] == [("task_queue.enqueue_failed", "a")]
    assert task_queue.queue_length(settings, "cpu") is None
    assert task_queue.broker_fault(settings) is not None
    job_events.publish(settings, "a")


def test_enqueuing_works_again_when_the_broker_is_back(settings: Settings, broker: "Server[bytes]") -> None:
    assert task_queue.enqueue(settings, job_id="a", kind=PROTECT)
    job_events.publish(settings, "a")
    broker.kill()
    broker.wait()
    assert not task_queue.enqueue(settings, job_id="b", kind=PROTECT)
    again = start_broker(settings)
    try:
        assert task_queue.enqueue(settings, job_id="c", kind=PROTECT)
        job_events.publish(settings, "c")
    finally:
        again.terminate()
        again.wait(10)


def test_a_subscription_receives_only_its_job(settings: Settings, broker: "Server[bytes]") -> None:
    async def follow() -> None:
        changes = job_events.JobChanges(settings)
        assert await changes.wait(0.3) == set()
        job_events.publish(settings, "mine")
        assert await changes.wait(5) == {"mine"}
        job_events.publish(settings, "mine")
        job_events.publish(settings, "other")
        heard = await changes.wait(5) | await changes.wait(0.3)
        assert heard == {"mine", "other"}
        assert await changes.wait(0.3) == set()
        await changes.close()

    asyncio.run(follow())


def test_events_that_come_together_count_as_one(settings: Settings, broker: "Server[bytes]") -> None:
    async def follow() -> int:
        changes = job_events.JobChanges(settings)
        await changes.wait(0.1)
        for _ in range(EVENTS):
            job_events.publish(settings, "mine")
        waits = 0
        while await changes.wait(1):
            waits += 1
        await changes.close()
        return waits

    waits = asyncio.run(follow())  # one wait, unless the broker delivers some later
    assert 1 <= waits < EVENTS / 2


@pytest.mark.parametrize("dies", ["before", "meanwhile"])
def test_without_a_broker_a_subscription_waits_for_its_timeout(
    settings: Settings, broker: "Server[bytes]", dies: str
) -> None:
    async def follow() -> None:
        if dies == "before":
            broker.kill()
            broker.wait()
        changes = job_events.JobChanges(settings)
        if dies == "meanwhile":
            assert not await changes.wait(0.1)
            broker.kill()
            broker.wait()
        began = time.monotonic()
        for _ in range(3):
            assert not await changes.wait(0.2)
        assert 0.1 < time.monotonic() - began < 5
        await changes.close()

    asyncio.run(follow())

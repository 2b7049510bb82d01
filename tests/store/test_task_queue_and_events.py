"""The doorbell and the news, with a real Valkey server: there, gone, and back again empty."""

import asyncio
import subprocess
import time

import pytest
from structlog.testing import capture_logs

from ops.broker import start_broker
from store import job_events, task_queue
from store.models import CHECK, PROTECT
from store.settings import Settings

Server = subprocess.Popen  # of bytes
HINTS = 50


def test_a_ring_lies_in_the_queue_of_its_kind(settings: Settings, broker: "Server[bytes]") -> None:
    assert task_queue.enqueue(settings, job_id="a", kind=PROTECT)
    assert task_queue.enqueue(settings, job_id="b", kind=PROTECT)
    assert task_queue.enqueue(settings, job_id="c", kind=CHECK)
    assert (task_queue.queue_length(settings, PROTECT), task_queue.queue_length(settings, CHECK)) == (2, 1)
    assert task_queue.is_broker_reachable(settings)


def test_without_a_broker_ringing_fails_soon_and_softly(settings: Settings) -> None:
    began = time.monotonic()
    with capture_logs() as logs:
        assert not task_queue.enqueue(settings, job_id="a", kind=PROTECT)
    assert time.monotonic() - began < 5
    assert [(e["event"], e["job"]) for e in logs] == [("task_queue.enqueue_failed", "a")]
    assert task_queue.queue_length(settings, PROTECT) is None
    assert not task_queue.is_broker_reachable(settings)
    job_events.publish(settings, "a")


def test_ringing_goes_on_when_the_broker_is_back(settings: Settings, broker: "Server[bytes]") -> None:
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


def test_a_watcher_hears_of_its_job_alone(settings: Settings, broker: "Server[bytes]") -> None:
    async def watch() -> None:
        async with job_events.subscribe(settings, "mine") as news:
            job_events.publish(settings, "other")
            assert not await news.wait(0.3)
            job_events.publish(settings, "mine")
            assert await news.wait(5)
            assert not await news.wait(0.3)

    asyncio.run(watch())


def test_hints_that_come_together_are_told_once(settings: Settings, broker: "Server[bytes]") -> None:
    async def watch() -> int:
        async with job_events.subscribe(settings, "mine") as news:
            for _ in range(HINTS):
                job_events.publish(settings, "mine")
            told = 0
            while await news.wait(1):
                told += 1
            return told

    told = asyncio.run(watch())  # once, but for those that the broker had not sent on yet
    assert 1 <= told < HINTS / 2


@pytest.mark.parametrize("dies", ["before", "meanwhile"])
def test_without_a_broker_a_watcher_looks_by_the_clock(settings: Settings, broker: "Server[bytes]", dies: str) -> None:
    async def watch() -> None:
        if dies == "before":
            broker.kill()
            broker.wait()
        async with job_events.subscribe(settings, "mine") as news:
            if dies == "meanwhile":
                assert not await news.wait(0.1)
                broker.kill()
                broker.wait()
            began = time.monotonic()
            for _ in range(3):
                await news.wait(0.2)
            assert 0.1 < time.monotonic() - began < 5

    asyncio.run(watch())

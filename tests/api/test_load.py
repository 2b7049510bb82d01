"""Many requests at once: each is answered, or refused at once, and the service stays alive."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from store.settings import Settings
from tests.api.conftest import Service, assert_problem, running
from tests.support.ports import free_port


async def statuses(service: Service, paths: list[str], *, method: str = "GET", token: str) -> list[httpx.Response]:
    """The responses to requests that are sent at the same time, each on a connection of its own."""
    options = {"headers": {"Authorization": f"Bearer {token}"}, "limits": httpx.Limits(max_connections=None)}
    async with httpx.AsyncClient(base_url=service.url, timeout=60, **options) as client:  # type: ignore[arg-type]
        return await asyncio.gather(*(client.request(method, path) for path in paths))


def test_more_requests_than_connections_of_the_database_are_answered(service: Service) -> None:
    token = service.token("admin")
    began = time.monotonic()
    answers = asyncio.run(statuses(service, ["/v1/jobs?limit=1", "/v1/datasets?limit=1"] * 60, token=token))
    assert Counter(answer.status_code for answer in answers) == {200: 120}
    assert time.monotonic() - began < 20


def test_reads_do_not_wait_for_writes_that_wait_for_the_lock(service: Service) -> None:
    token = service.token("admin")

    async def both() -> tuple[list[httpx.Response], float, list[httpx.Response]]:
        writes = asyncio.create_task(statuses(service, ["/v1/jobs/x/cancel"] * 40, method="POST", token=token))
        await asyncio.sleep(0.5)
        began = time.monotonic()
        reads = await statuses(service, ["/v1/jobs?limit=1", "/healthz"] * 20, token=token)
        seconds = time.monotonic() - began
        lock.rollback()
        return reads, seconds, await writes

    lock = sqlite3.connect(service.settings.home / "unteachable.db", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")  # as a worker does that writes
    try:
        reads, seconds, writes = asyncio.run(both())
    finally:
        lock.close()
    assert {answer.status_code for answer in reads} == {200}
    assert seconds < 5
    assert {answer.status_code for answer in writes} == {404}


def test_beyond_the_limit_a_request_is_refused_at_once(make_settings: Callable[..., Settings]) -> None:
    with running(make_settings(port=free_port(), max_requests=4)) as service:
        token = service.token("admin")
        answers = asyncio.run(statuses(service, ["/v1/jobs", "/healthz"] * 40, token=token))
        jobs, health = answers[::2], answers[1::2]
        assert {answer.status_code for answer in health} == {200}
        refused = [answer for answer in jobs if answer.status_code == 503]
        assert 0 < len(refused) <= 36
        assert_problem(refused[0], 503, "Try again")
        assert int(refused[0].headers["retry-after"]) >= 1
        assert service.client(token=token).get("/v1/jobs").status_code == 200


def test_event_streams_that_begin_together_are_not_refused(make_settings: Callable[..., Settings]) -> None:
    with running(make_settings(port=free_port(), max_requests=2)) as service:
        answers = asyncio.run(statuses(service, ["/v1/jobs/unknown/events"] * 40, token=service.token("admin")))
    assert Counter(answer.status_code for answer in answers) == {404: 40}


def test_refused_requests_are_logged_together(
    make_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(make_settings(port=free_port(), max_requests=1)) as service:
        answers = asyncio.run(statuses(service, ["/v1/jobs"] * 60, token=service.token("admin")))
        refused = sum(answer.status_code == 503 for answer in answers)
    assert refused > 10
    lines = "".join(capsys.readouterr()).splitlines()
    assert any("requests.refused" in line for line in lines)
    assert not any("request.done" in line and "503" in line and "debug" not in line for line in lines)

"""Server-sent events: what a listener hears, where it goes on, and that many of them cost little."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from store import job_events, leases
from store import models as m
from store.settings import Settings
from tests.api.conftest import Service, asked, free_port, running, sent
from tests.support.archives import zipped

Event = tuple[str, int, dict[str, Any]]


def listen(client: httpx.Client, job_id: str, *, last: int | None = None, timeout: float = 30) -> Iterator[Event]:
    """The events of a job until the server ends them: kind, id, data."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=timeout) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line and "data" in event:
                yield event["event"], int(event["id"]), json.loads(event["data"])
            if not line:
                event = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value


def progress(service: Service, claim: leases.Claim, stage: str, done: int) -> None:
    with service.db.write.begin() as session:
        progress = leases.JobProgress(stage=stage, done=done, total=10, eta_seconds=float(10 - done))
        leases.record_progress(session, claim, progress, lease_seconds=60)
    job_events.publish(service.settings, claim.job_id)


def fail(service: Service, claim: leases.Claim) -> None:
    with service.db.write.begin() as session:
        assert leases.fail(session, claim, "it went wrong")
    job_events.publish(service.settings, claim.job_id)


def test_a_job_from_beginning_to_end(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    heard = listen(api, job["id"])
    kind, first, data = next(heard)
    assert (kind, data) == ("state", job)
    claim = service.claim(job["id"])
    job_events.publish(service.settings, job["id"])
    kind, second, data = next(heard)
    assert (kind, data["state"], data["attempt"]) == ("state", "running", 1)
    progress(service, claim, "training", 4)
    kind, third, data = next(heard)
    assert kind == "progress"
    assert data["progress"] == {"stage": "training", "done": 4, "total": 10, "eta_seconds": 6.0}
    fail(service, claim)
    kind, fourth, data = next(heard)
    assert (kind, data["state"], data["error"]) == ("state", "failed", "it went wrong")
    assert first < second < third < fourth
    assert list(heard) == []  # the server ends it


def test_going_on_where_one_was(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    claim = service.claim(job["id"])
    heard = listen(api, job["id"])
    _, seen, _ = next(heard)
    heard.close()
    progress(service, claim, "noise", 1)
    progress(service, claim, "noise", 2)
    later = listen(api, job["id"], last=seen)
    _, at, data = next(later)
    assert data["progress"]["done"] == 2
    assert at > seen
    fail(service, claim)
    assert [data["state"] for _, _, data in later] == ["failed"]
    [(kind, last, data)] = listen(api, job["id"], last=at)  # the end was missed: it is told
    assert (kind, data["state"]) == ("state", "failed")
    assert api.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": str(last)}).status_code == 204


@pytest.mark.parametrize("last", ["x", "-1", "999999", "9" * 5_000, "\u0664"])
def test_a_last_id_from_nowhere_does_no_harm(api: httpx.Client, service: Service, last: str) -> None:
    dataset = sent(api)
    service.make_ready(dataset["id"])
    job = asked(api, dataset["id"])
    claim = service.claim(job["id"])
    ready = threading.Event()

    def hear() -> list[str]:
        headers = {"Last-Event-ID": last.encode()}
        with api.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers) as answer:
            ready.set()
            return [line for line in answer.iter_lines() if line.startswith("data")]

    with ThreadPoolExecutor(1) as pool:
        heard = pool.submit(hear)
        ready.wait(10)
        fail(service, claim)
        assert '"failed"' in heard.result(20)[-1]


def test_a_job_that_is_over_says_so_and_ends(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    service.succeed(job["id"], archive=zipped())
    [(kind, _, data)] = listen(api, job["id"])
    assert (kind, data["state"]) == ("state", "succeeded")


def test_a_job_that_is_deleted_ends_it(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    heard = listen(api, job["id"])
    next(heard)
    with service.db.write.begin() as session:
        session.delete(session.get_one(m.Job, job["id"]))
    assert list(heard) == []


def test_without_a_broker_the_row_is_looked_at(make_settings: Callable[..., Settings]) -> None:
    with running(make_settings(port=free_port())) as service:
        client = service.client(user="admin")
        dataset = sent(client)
        service.make_ready(dataset["id"])
        job = asked(client, dataset["id"])
        heard = listen(client, job["id"])
        next(heard)
        claim = service.claim(job["id"])
        _, _, data = next(heard)
        assert data["state"] == "running"
        fail(service, claim)
        assert [data["state"] for _, _, data in heard] == ["failed"]


def test_hundreds_of_listeners_leave_the_service_free(service: Service) -> None:
    client = service.client(user="admin", limits=httpx.Limits(max_connections=400))
    dataset = sent(client)
    service.make_ready(dataset["id"])
    jobs_ = [asked(client, dataset["id"]) for _ in range(3)]
    claims = [service.claim(job["id"]) for job in jobs_]
    pool_before = service.db.engine.pool.status()
    listeners = [listen(client, job["id"], timeout=60) for job in jobs_ for _ in range(80)]
    for heard in listeners:
        assert next(heard)[2]["state"] == "running"
    app_threads = threading.active_count()
    assert app_threads < 120  # this process is the server, too: 240 listeners hold no thread each
    assert client.get("/v1/jobs?limit=5", timeout=5).status_code == 200
    assert client.get("/readyz", timeout=5).status_code == 200
    for claim in claims:
        fail(service, claim)
    for heard in listeners:
        assert [data["state"] for _, _, data in heard] == ["failed"]
    assert service.db.engine.pool.status() == pool_before


def test_listeners_do_not_hold_up_the_end(make_settings: Callable[..., Settings]) -> None:
    import time

    with running(make_settings(port=free_port())) as service:
        client = service.client(user="admin")
        job = asked(client, sent(client)["id"])
        heard = listen(client, job["id"])
        next(heard)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    with pytest.raises((StopIteration, httpx.HTTPError)):
        next(heard)

"""Server-sent events: what a follower receives, where it resumes, and that many followers cost little."""

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
from tests.api.conftest import Service, request_job, running, upload_dataset, without_place
from tests.support.archives import zipped
from tests.support.ports import free_port

Event = tuple[str, int, dict[str, Any]]


def follow_events(
    client: httpx.Client, job_id: str, *, last: int | None = None, timeout: float = 30
) -> Iterator[Event]:
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


def test_a_job_is_followed_from_beginning_to_end(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    events = follow_events(api, job["id"])
    kind, first, data = next(events)
    assert (kind, without_place(data)) == ("state", without_place(job))
    claim = service.claim(job["id"])
    job_events.publish(service.settings, job["id"])
    kind, second, data = next(events)
    assert (kind, data["state"], data["attempt"]) == ("state", "running", 1)
    progress(service, claim, "training", 4)
    kind, third, data = next(events)
    assert kind == "progress"
    assert data["progress"] == {"stage": "training", "done": 4, "total": 10, "eta_seconds": 6.0}
    fail(service, claim)
    kind, fourth, data = next(events)
    assert (kind, data["state"], data["error"]) == ("state", "failed", "it went wrong")
    assert first < second < third < fourth
    assert list(events) == []  # the server ends the stream


def test_a_follower_learns_its_new_place_in_the_queue(api: httpx.Client, service: Service) -> None:
    dataset_id = upload_dataset(api)["id"]
    service.make_ready(dataset_id)
    before, waiting = (request_job(api, dataset_id) for _ in range(2))
    events = follow_events(api, waiting["id"])
    _, first, data = next(events)
    place = data["queue"]["position"]
    assert place >= 2  # jobs of other tests may wait too
    api.post(f"/v1/jobs/{before['id']}/cancel")
    kind, second, data = next(events)
    assert (kind, data["state"], data["queue"]["position"], second) == ("progress", "queued", place - 1, first)
    events.close()


def test_a_follower_resumes_after_its_last_event(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    claim = service.claim(job["id"])
    events = follow_events(api, job["id"])
    _, seen, _ = next(events)
    events.close()
    progress(service, claim, "noise", 1)
    progress(service, claim, "noise", 2)
    later = follow_events(api, job["id"], last=seen)
    _, at, data = next(later)
    assert data["progress"]["done"] == 2
    assert at > seen
    fail(service, claim)
    assert [data["state"] for _, _, data in later] == ["failed"]
    [(kind, last, data)] = follow_events(api, job["id"], last=at)  # the final event was missed, and is sent
    assert (kind, data["state"]) == ("state", "failed")
    assert api.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": str(last)}).status_code == 204


@pytest.mark.parametrize("last", ["x", "-1", "999999", "9" * 5_000, "\u0664"])
def test_an_invalid_last_event_id_is_harmless(api: httpx.Client, service: Service, last: str) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"])
    claim = service.claim(job["id"])
    ready = threading.Event()

    def follow() -> list[str]:
        headers = {"Last-Event-ID": last.encode()}
        with api.stream("GET", f"/v1/jobs/{job['id']}/events", headers=headers) as answer:
            ready.set()
            return [line for line in answer.iter_lines() if line.startswith("data")]

    with ThreadPoolExecutor(1) as pool:
        events = pool.submit(follow)
        ready.wait(10)
        fail(service, claim)
        assert '"failed"' in events.result(20)[-1]


def test_the_stream_of_a_finished_job_has_one_event(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    service.succeed(job["id"], archive=zipped())
    [(kind, _, data)] = follow_events(api, job["id"])
    assert (kind, data["state"]) == ("state", "succeeded")


def test_deleting_the_job_ends_the_stream(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    events = follow_events(api, job["id"])
    next(events)
    with service.db.write.begin() as session:
        session.delete(session.get_one(m.Job, job["id"]))
    assert list(events) == []


def test_without_a_broker_the_row_is_polled(make_settings: Callable[..., Settings]) -> None:
    with running(make_settings(port=free_port())) as service:
        client = service.client(user="admin")
        dataset = upload_dataset(client)
        service.make_ready(dataset["id"])
        job = request_job(client, dataset["id"])
        events = follow_events(client, job["id"])
        next(events)
        claim = service.claim(job["id"])
        _, _, data = next(events)
        assert data["state"] == "running"
        fail(service, claim)
        assert [data["state"] for _, _, data in events] == ["failed"]


def test_hundreds_of_followers_do_not_block_the_service(service: Service) -> None:
    client = service.client(user="admin", limits=httpx.Limits(max_connections=400))
    dataset = upload_dataset(client)
    service.make_ready(dataset["id"])
    jobs_ = [request_job(client, dataset["id"]) for _ in range(3)]
    claims = [service.claim(job["id"]) for job in jobs_]
    pool_before = service.db.engine.pool.status()
    followers = [follow_events(client, job["id"], timeout=60) for job in jobs_ for _ in range(80)]
    for events in followers:
        assert next(events)[2]["state"] == "running"
    threads = threading.active_count()
    assert threads < 120  # this process is the server too: the 240 followers hold no threads
    assert client.get("/v1/jobs?limit=5", timeout=5).status_code == 200
    assert client.get("/readyz", timeout=5).status_code == 200
    for claim in claims:
        fail(service, claim)
    for events in followers:
        assert [data["state"] for _, _, data in events] == ["failed"]
    assert service.db.engine.pool.status() == pool_before


def test_followers_do_not_delay_the_shutdown(make_settings: Callable[..., Settings]) -> None:
    import time

    with running(make_settings(port=free_port())) as service:
        client = service.client(user="admin")
        job = request_job(client, upload_dataset(client)["id"])
        events = follow_events(client, job["id"])
        next(events)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    with pytest.raises((StopIteration, httpx.HTTPError)):
        next(events)

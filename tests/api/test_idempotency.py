"""A request that is sent twice with one Idempotency-Key does its work once."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api import idempotency
from api.problems import Problem
from store import models as m
from store import users
from store.clock import utc_now
from tests.api.conftest import Service, assert_problem
from tests.support.archives import png, tarred, zipped
from tests.support.waiting import wait_until


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def test_a_repeated_upload_makes_one_dataset(api: httpx.Client) -> None:
    header, form = key(), {"file": ("a.zip", zipped())}
    first = api.post("/v1/datasets", files=form, headers=header)
    again = api.post("/v1/datasets", files=form, headers=header)
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


@pytest.mark.parametrize(
    "form",
    [
        {"file": ("a.zip", tarred())},
        {"file": ("b.zip", zipped())},
        {"file": ("a.zip", zipped()), "name": (None, "other")},
        {"files": ("a.zip", zipped())},
    ],
)
def test_a_different_upload_with_the_same_key_is_refused(
    api: httpx.Client, service: Service, form: dict[str, Any]
) -> None:
    header = key()
    assert api.post("/v1/datasets", files={"file": ("a.zip", zipped())}, headers=header).status_code == 201
    assert_problem(api.post("/v1/datasets", files=form, headers=header), 422, "different request")
    assert service.unfinished_uploads() == []


def test_a_repeated_request_makes_one_job(api: httpx.Client, other: httpx.Client, dataset: dict[str, Any]) -> None:
    header, body = key(), {"kind": "protect", "dataset_id": dataset["id"]}
    first = api.post("/v1/jobs", json=body, headers=header)
    again = api.post("/v1/jobs", json=body | {"spec": {}}, headers=header)
    assert again.json() == first.json()
    assert again.status_code == 202
    assert_problem(api.post("/v1/jobs", json=body | {"spec": {"seed": 1}}, headers=header), 422, "different request")
    assert_problem(
        api.post("/v1/datasets", files={"file": ("a.zip", zipped())}, headers=header), 422, "different request"
    )
    assert_problem(other.post("/v1/jobs", json=body, headers=header), 404)  # a key belongs to its user


def test_a_key_is_free_again_after_an_error(api: httpx.Client) -> None:
    header = key()
    assert_problem(api.post("/v1/datasets", files={"file": ("a.zip", b"nonsense")}, headers=header), 415)
    assert api.post("/v1/datasets", files={"file": ("a.zip", zipped())}, headers=header).status_code == 201
    header = key()
    assert_problem(api.post("/v1/jobs", json={"kind": "protect", "dataset_id": "x"}, headers=header), 404)
    assert_problem(api.post("/v1/jobs", json={"kind": "protect", "dataset_id": "y"}, headers=header), 404)


def test_a_key_in_use_answers_409(api: httpx.Client, service: Service) -> None:
    header, resume, under_way = key(), threading.Event(), threading.Event()
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
        + zipped()
        + b"\r\n--xyz--\r\n"
    )

    def slowly() -> Any:
        yield body[:400]
        under_way.set()
        resume.wait(20)
        yield body[400:]

    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: api.post("/v1/datasets", content=slowly(), headers=header | kind))
        under_way.wait(20)
        wait_until(lambda: service.unfinished_uploads(), what="the first to arrive")
        with service.client(user="admin") as second:
            answer = second.post("/v1/datasets", content=body, headers=header | kind)
            assert_problem(answer, 409, "still in progress")
            assert answer.headers["retry-after"]
            resume.set()
            made = first.result(20)
            assert made.status_code == 201
            again = second.post("/v1/datasets", content=body, headers=header | kind)
    assert again.json() == made.json()


def test_concurrent_requests_with_one_key_make_one_job(service: Service, dataset: dict[str, Any]) -> None:
    header, body = key(), {"kind": "protect", "dataset_id": dataset["id"]}
    token = service.token("admin")
    start = threading.Barrier(8)

    def ask(_: int) -> httpx.Response:
        with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {token}"}) as client:
            start.wait()
            return client.post("/v1/jobs", json=body, headers=header)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {a.status_code for a in answers} <= {202, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1


@pytest.mark.parametrize("wrong", ["", "x" * 201, "a b", "ä"])
def test_invalid_keys_are_refused(api: httpx.Client, wrong: str) -> None:
    headers = {"Idempotency-Key": wrong.encode()}
    found = assert_problem(api.post("/v1/jobs", json={"kind": "protect", "dataset_id": "x"}, headers=headers), 422)
    assert found["errors"][0]["field"] == "Idempotency-Key"


def test_an_abandoned_reservation_lapses(each_database: Any) -> None:
    with each_database.write.begin() as session:
        owner = users.local_admin(session).id
        assert idempotency.reserve(session, owner_id=owner, key="k") is None
    with each_database.write.begin() as session, pytest.raises(Problem) as caught:
        idempotency.reserve(session, owner_id=owner, key="k")
    assert caught.value.status == 409
    with each_database.write.begin() as session:
        long_ago = utc_now() - idempotency.RESERVATION_TIMEOUT - timedelta(seconds=1)
        session.execute(update(m.IdempotencyKey).values(created_at=long_ago))
    with each_database.write.begin() as session:
        assert idempotency.reserve(session, owner_id=owner, key="k") is None
    with each_database.write.begin() as session, pytest.raises(Problem):
        idempotency.reserve(session, owner_id=owner, key="k")


def test_expired_responses_are_deleted(each_database: Any) -> None:
    with each_database.write.begin() as session:
        owner = users.local_admin(session).id
        session.add(m.IdempotencyKey(owner_id=owner, key="old", request="", created_at=utc_now() - timedelta(days=2)))
        session.add(m.IdempotencyKey(owner_id=owner, key="new", request=png().hex()[:64]))
    with each_database.write.begin() as session:
        idempotency.delete_expired(session)
    with each_database.read() as session:
        assert [row.key for row in session.query(m.IdempotencyKey)] == ["new"]

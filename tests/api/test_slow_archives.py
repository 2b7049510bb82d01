"""Archives that are slow to read do not hold up the uploads of others, nor those of their sender for long."""

import threading
import time

import httpx
import pytest

from api import inspections
from tests.api.conftest import Service, assert_problem, upload_dataset

SLOW = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 5_000_000  # a gzip with a name of 5 MB, which is read byte by byte


def test_two_slow_archives_do_not_stop_the_uploads_of_anybody(
    service: Service, other: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "QUICK_SECONDS", 0.8)
    answers: list[httpx.Response] = []

    def send() -> None:
        with service.client(user="sender of slow archives") as client:
            client.timeout = httpx.Timeout(60)
            answers.append(client.post("/v1/datasets", files={"file": ("slow.tar.gz", SLOW)}))

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    time.sleep(0.5)  # the files have arrived
    upload_dataset(other)
    assert answers == []  # both are still being read
    with service.client(user="sender of slow archives") as client:
        upload_dataset(client)
    for sender in senders:
        sender.join(60)
    for answer in answers:
        assert_problem(answer, 422, "truncated")


def test_an_archive_that_takes_too_long_is_refused(
    service: Service, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections.Inspections, "_run", _never_in_time)
    answer = api.post("/v1/datasets", files={"file": ("slow.tar.gz", b"x")})
    assert_problem(answer, 413, "takes more than 600 seconds")
    assert service.unfinished_uploads() == []


async def _never_in_time(*_: object) -> None:
    raise inspections.InspectionTimeout

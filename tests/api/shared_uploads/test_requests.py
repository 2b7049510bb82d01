"""Every API continues every upload, and a request that is refused leaves its bytes and its offset as they were."""

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.inspections import Inspections
from api.problems import Problem
from api.uploads import removal
from store import models as m
from store import upload_parts
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, running
from tests.api.shared_uploads.conftest import DATA, open_deletions, row, stored
from tests.support.ports import free_port
from tests.support.tus_client import TUS_HEADERS, begin, finish, offset, patch


def test_requests_of_any_size_go_to_either_api(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url, at, turn = begin(clients[0], len(DATA)), 0, 0
    for size in (1, 250_000, 99_999, 100_000, 7, 0, 300_001):
        answer = patch(clients[turn % 2], url, DATA[at : at + size], at)
        assert answer.status_code == 204, answer.text
        at, turn = at + size, turn + 1
        assert int(answer.headers["upload-offset"]) == at == offset(clients[turn % 2], url)
    assert sum(part.size for part in parts(pair[0], url)) == at
    dataset = finish(clients[turn % 2], url, DATA, at)
    assert pair[0].files.load(f"{dataset.removeprefix('/v1/')}/upload") == DATA
    for client in clients:
        answer = client.head(url, headers=TUS_HEADERS)
        assert (answer.headers["upload-offset"], answer.headers["upload-dataset"]) == (str(len(DATA)), dataset)
    assert stored(pair[0]) == [], "the parts are gone"
    assert open_deletions(pair[0]) == []
    for service in pair:
        removal.remove_expired(service.context())
        assert service.unfinished_uploads() == []


def parts(service: Service, url: str) -> list[upload_parts.Part]:
    with service.db.read() as session:
        return upload_parts.parts_of(session, url.rsplit("/", 1)[1])


def test_a_wrong_offset_is_refused_and_gives_the_lock_back(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    patch(clients[0], url, DATA[:1000], 0)
    for wrong in (0, 999, 1001):
        answer = patch(clients[1], url, DATA[:10], wrong)
        assert_problem(answer, 409, "offset 1000")
        assert answer.headers["upload-offset"] == "1000"
    assert row(pair[0], url).sender is None
    finish(clients[1], url, DATA, 1000)


def test_a_wrong_checksum_counts_for_nothing(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    checksum = base64.b64encode(hashlib.sha256(DATA[:350_000]).digest()).decode()
    answer = patch(clients[0], url, DATA[1:350_001], 0, **{"Upload-Checksum": f"sha256 {checksum}"})
    assert answer.status_code == 460
    assert offset(clients[1], url) == 0
    assert stored(pair[0]) == []
    answer = patch(clients[1], url, DATA[:350_000], 0, **{"Upload-Checksum": f"sha256 {checksum}"})
    assert answer.status_code == 204
    finish(clients[0], url, DATA, 350_000)


def test_the_last_bytes_count_with_the_dataset(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that loses the answer to its last request sends the rest again, and gets the dataset."""

    async def interrupted(*_: Any, **__: Any) -> None:
        raise Problem(503, "The inspection of this upload was interrupted; try again.")

    url = begin(clients[0], len(DATA))
    with monkeypatch.context() as patched:
        patched.setattr(Inspections, "inspect", interrupted)
        assert patch(clients[0], url, DATA, 0).status_code == 503
    at = offset(clients[1], url)
    assert 0 < len(DATA) - at <= 100_000
    dataset = finish(clients[1], url, DATA, at)
    assert pair[0].files.load(f"{dataset.removeprefix('/v1/')}/upload") == DATA


def test_an_unusable_upload_is_refused_and_removed(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    data = os.urandom(250_000)
    url = begin(clients[0], len(data))
    patch(clients[0], url, data[:150_000], 0)
    assert_problem(patch(clients[1], url, data[150_000:], 150_000), 415)
    assert stored(pair[0]) == []
    assert clients[0].head(url, headers=TUS_HEADERS).status_code == 404


@pytest.mark.slow
def test_an_outage_of_the_store_loses_nothing_that_counts(
    make_settings: Callable[..., Settings], s3_relay: Any, broker_at: Callable[[Settings], None]
) -> None:
    server, faults = s3_relay
    settings = make_settings(port=free_port(), **server.settings(prefix=m.new_id()))
    broker_at(settings)
    with running(settings) as service, service.client(user="admin") as client:
        url = begin(client, len(DATA))
        assert patch(client, url, DATA[:150_000], 0).status_code == 204
        faults.everything(500)
        answer = patch(client, url, DATA[150_000:], 150_000)
        assert_problem(answer, 503)
        assert "retry-after" in answer.headers
        faults.nothing()
        finish(client, url, DATA, offset(client, url))

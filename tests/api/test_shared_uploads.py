"""Behind a balancer every API continues every upload: the parts lie in S3, the offset and the lock in the database."""

import base64
import hashlib
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.inspections import Inspections
from api.problems import Problem
from api.uploads import disk_room, removal, shared_upload
from store import models as m
from store import upload_parts
from store.clock import utc_now
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, free_port, running
from tests.support.archives import image_files, zipped
from tests.support.tus_client import TUS_HEADERS, begin, finish, offset, patch, raw_patch
from tests.support.waiting import wait_until

DATA = zipped(image_files() | {"cats/large.bin": random.Random(0).randbytes(900_000)})
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_upload, "PART_BYTES", 100_000)


@pytest.fixture
def pair(
    make_settings: Callable[..., Settings], s3: Any, tmp_path: Path, broker_at: Callable[[Settings], None]
) -> Iterator[tuple[Service, Service]]:
    """Two APIs with folders of their own, over one database and one bucket."""
    first = make_settings(port=free_port(), **s3.settings(prefix=m.new_id()))
    broker_at(first)
    shared = {"database_url": first.database, "broker_url": first.broker, "store_url": first.store_url}
    second = first.model_copy(update=shared | {"data_dir": tmp_path / "second", "port": free_port()})
    second.home.mkdir()
    with ExitStack() as stack:
        yield stack.enter_context(running(first)), stack.enter_context(running(second))


@pytest.fixture
def clients(pair: tuple[Service, Service]) -> tuple[httpx.Client, httpx.Client]:
    """The local admin's client of each."""
    token = pair[0].token("admin")
    return pair[0].client(token=token), pair[1].client(token=token)


def row(service: Service, url: str) -> m.Upload:
    with service.db.read() as session:
        return session.get_one(m.Upload, url.rsplit("/", 1)[1])


def change(service: Service, url: str, **values: Any) -> None:
    with service.db.write.begin() as session:
        session.execute(update(m.Upload).where(m.Upload.id == url.rsplit("/", 1)[1]).values(**values))


def stored(service: Service) -> list[str]:
    return service.files.list("uploads")


def open_deletions(service: Service) -> list[m.Deletion]:
    with service.db.read() as session:
        return list(session.query(m.Deletion).filter(m.Deletion.proven_at.is_(None)))


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


def test_a_connection_that_breaks_loses_nothing(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    connection = raw_patch(pair[0].url, pair[0].token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:345_678])
    wait_until(lambda: offset(clients[1], url) == 300_000, what="whole parts to count while more is sent")
    connection.close()
    wait_until(lambda: offset(clients[1], url) == 345_678, what="the rest to count")
    wait_until(lambda: row(pair[1], url).sender is None, what="the lock to end")
    finish(clients[1], url, DATA, 345_678)


def test_one_request_at_a_time(pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]) -> None:
    url = begin(clients[0], len(DATA))
    connection = raw_patch(pair[0].url, pair[0].token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:150_000])
    wait_until(lambda: offset(clients[1], url) == 100_000)
    for client in clients:
        assert_problem(patch(client, url, DATA[100_000:], 100_000), 423, "Another request")
    assert offset(clients[1], url) == 100_000
    connection.close()
    wait_until(lambda: row(pair[1], url).sender is None)
    finish(clients[1], url, DATA, 150_000)


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


def test_the_lock_of_a_dead_api_ends(pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]) -> None:
    url = begin(clients[0], len(DATA))
    change(pair[0], url, sender="dead", sender_until=utc_now() + HOUR)
    assert_problem(patch(clients[1], url, DATA, 0), 423)
    change(pair[0], url, sender_until=utc_now() - timedelta(seconds=1))
    finish(clients[1], url, DATA)


def test_a_request_without_its_lock_changes_nothing(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    connection = raw_patch(pair[0].url, pair[0].token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:150_000])
    wait_until(lambda: offset(clients[1], url) == 100_000)
    change(pair[0], url, sender="another")
    connection.sendall(DATA[150_000:])
    assert b" 423 " in connection.recv(100)
    connection.close()
    found = row(pair[1], url)
    assert (found.received, found.sender, found.dataset_id) == (100_000, "another", None)
    wait_until(lambda: len(stored(pair[0])) == 1, what="the part that does not count to be deleted")
    change(pair[0], url, sender=None)
    finish(clients[1], url, DATA, 100_000)


def test_an_upload_that_is_deleted_while_it_is_sent_leaves_nothing(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    connection = raw_patch(pair[0].url, pair[0].token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:150_000])
    wait_until(lambda: offset(clients[1], url) == 100_000)
    assert clients[1].delete(url, headers=TUS_HEADERS).status_code == 204
    connection.sendall(DATA[150_000:])
    assert b" 404 " in connection.recv(100)
    connection.close()
    wait_until(lambda: stored(pair[0]) == [])
    assert clients[0].head(url, headers=TUS_HEADERS).status_code == 404
    assert open_deletions(pair[0]) == []


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


def test_expired_uploads_go_with_their_parts(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    idle, active, locked = (begin(clients[0], len(DATA)) for _ in range(3))
    for url in (idle, active, locked):
        patch(clients[0], url, DATA[:150_000], 0)
        change(pair[0], url, expires_at=utc_now() - HOUR)
    for url in (idle, locked):
        change(pair[0], url, received_at=utc_now() - 2 * HOUR)
    change(pair[0], locked, sender="somebody", sender_until=utc_now() + HOUR)
    assert removal.remove_expired(pair[1].context()) == 1
    assert {key.split("/")[1] for key in stored(pair[0])} == {url.rsplit("/", 1)[1] for url in (active, locked)}
    assert clients[0].head(idle, headers=TUS_HEADERS).status_code == 404
    removal.remove_expired(pair[0].context())
    assert len(pair[0].unfinished_uploads()) == 2, "the file of the expired one is gone"
    with pair[0].db.read() as session:
        notes = session.query(m.Deletion).filter_by(reason="expired").all()
    assert [note.proven_at is not None for note in notes] == [True]


def test_files_that_nobody_writes_to_are_no_loss(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]
) -> None:
    url = begin(clients[0], len(DATA))
    patch(clients[0], url, DATA[:150_000], 0)
    (path,) = pair[0].unfinished_uploads()
    os.utime(path, (0, 0))
    removal.remove_expired(pair[0].context())
    assert pair[0].unfinished_uploads() == []
    finish(clients[0], url, DATA, 150_000)


def test_open_uploads_are_promised_room_on_every_api(
    pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last request may come to any of them, which then fetches the whole upload."""
    monkeypatch.setattr(disk_room, "free_bytes", lambda _: 15 * 2**20)
    monkeypatch.setattr(disk_room, "floor_bytes", lambda *_: 0)
    large = 10 * 2**20
    url = begin(clients[0], large)
    headers = TUS_HEADERS | {"Upload-Length": str(large)}
    for client in clients:
        assert_problem(client.post("/v1/uploads", headers=headers), 507, "no room")
    change(pair[0], url, created_at=utc_now() - 2 * HOUR)
    assert clients[1].post("/v1/uploads", headers=headers).status_code == 201


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

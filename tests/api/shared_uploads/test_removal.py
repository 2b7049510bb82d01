"""Uploads that expire go with their parts, and open ones are promised room on the disk of every API."""

import os

import httpx
import pytest

from api.uploads import disk_room, removal
from store import models as m
from store.clock import utc_now
from tests.api.conftest import Service, assert_problem
from tests.api.shared_uploads.conftest import DATA, HOUR, change, stored
from tests.support.tus_client import TUS_HEADERS, begin, finish, patch


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

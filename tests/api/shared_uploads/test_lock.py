"""One request at a time writes to an upload, whichever API it came to; its lock ends by itself."""

import socket
from datetime import timedelta

import httpx

from store.clock import utc_now
from tests.api.conftest import Service, assert_problem
from tests.api.shared_uploads.conftest import DATA, HOUR, change, open_deletions, row, stored
from tests.support.tus_client import TUS_HEADERS, begin, finish, offset, patch, raw_patch
from tests.support.waiting import wait_until


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


def half_sent(pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client], url: str) -> socket.socket:
    """A request to the first API that goes on: 150,000 bytes are sent, of which one whole part counts."""
    connection = raw_patch(pair[0].url, pair[0].token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:150_000])
    wait_until(lambda: offset(clients[1], url) == 100_000)
    return connection


def test_one_request_at_a_time(pair: tuple[Service, Service], clients: tuple[httpx.Client, httpx.Client]) -> None:
    url = begin(clients[0], len(DATA))
    connection = half_sent(pair, clients, url)
    for client in clients:
        assert_problem(patch(client, url, DATA[100_000:], 100_000), 423, "Another request")
    assert offset(clients[1], url) == 100_000
    connection.close()
    wait_until(lambda: row(pair[1], url).sender is None)
    finish(clients[1], url, DATA, 150_000)


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
    connection = half_sent(pair, clients, url)
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
    connection = half_sent(pair, clients, url)
    assert clients[1].delete(url, headers=TUS_HEADERS).status_code == 204
    connection.sendall(DATA[150_000:])
    assert b" 404 " in connection.recv(100)
    connection.close()
    wait_until(lambda: stored(pair[0]) == [])
    assert clients[0].head(url, headers=TUS_HEADERS).status_code == 404
    assert open_deletions(pair[0]) == []

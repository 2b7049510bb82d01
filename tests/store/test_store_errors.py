"""What an S3 server answers is told apart: what may pass, what an operator must mend, and what is missing."""

import time
from typing import Any

import pytest

from store.object_store import ObjectStore, open_object_store
from store.s3 import S3Patience
from store.settings import Settings
from store.store_errors import StoreError, StoreRefused, StoreUnavailable

PATIENCE = S3Patience(connect_seconds=1, silent_seconds=1, request_seconds=2, retry_seconds=0.4, retries=1)
KEY = "jobs/a/archive.zip"


def opened(server: Any, **changes: Any) -> ObjectStore:
    return open_object_store(Settings(_env_file=None, **server.settings(prefix="errors", **changes)), PATIENCE)


def calls(files: ObjectStore) -> dict[str, Any]:
    return {
        "load": lambda: files.load(KEY),
        "read": lambda: b"".join(files.read(KEY)),
        "size": lambda: files.size(KEY),
        "exists": lambda: files.exists(KEY),
        "write": lambda: files.write(KEY, b"data"),
        "list": lambda: files.list("jobs"),
        "delete": lambda: files.delete(KEY),
    }


def errors_of(files: ObjectStore) -> dict[str, StoreError]:
    found = {}
    for name, call in calls(files).items():
        with pytest.raises(StoreError) as raised:
            call()
        assert "127.0.0.1" not in raised.value.in_words
        assert "\n" not in str(raised.value)
        found[name] = raised.value
    return found


def test_what_is_stored_in_s3_comes_back(s3: Any) -> None:
    files = opened(s3)
    files.probe()
    files.write(KEY, b"0123456789" * 300_000)
    assert b"".join(files.read(KEY, 1_500_000, 2_600_000)) == (b"0123456789" * 300_000)[1_500_000:2_600_000]
    assert files.list("jobs") == [KEY]
    with pytest.raises(FileNotFoundError):
        files.load("jobs/b")
    assert not files.exists("jobs/b")
    files.delete(KEY)
    assert not files.exists(KEY)


@pytest.mark.parametrize("status", [500, 503, 429, 0])
def test_what_may_pass_is_unavailable(s3_relay: Any, status: int) -> None:
    server, faults = s3_relay
    files = opened(server)
    faults.everything(status)
    assert {type(error) for error in errors_of(files).values()} == {StoreUnavailable}
    assert faults.refused > len(calls(files)), "each request was repeated"


def test_a_short_fault_is_not_noticed(s3_relay: Any) -> None:
    server, faults = s3_relay
    files = open_object_store(Settings(_env_file=None, **server.settings(prefix="errors")))
    faults.everything(500)
    faults.seen.clear()
    real = type(faults.verbs)(faults.verbs)

    class TwoTimes(frozenset[str]):
        left = 2

        def __contains__(self, verb: object) -> bool:
            TwoTimes.left -= 1
            return TwoTimes.left >= 0

    faults.verbs = TwoTimes(real)
    files.write(KEY, b"data")
    faults.nothing()
    assert files.load(KEY) == b"data"


def test_a_frozen_store_is_unavailable_soon(s3_relay: Any) -> None:
    server, faults = s3_relay
    files = opened(server)
    faults.frozen = True
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        files.load(KEY)
    assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"s3_secret_access_key": "wrong"}, "refuses access"),
        ({"s3_access_key_id": "nobody"}, "refuses access"),
    ],
)
def test_wrong_keys_are_refused(s3: Any, changes: dict[str, str], words: str) -> None:
    for error in errors_of(opened(s3, **changes)).values():
        assert isinstance(error, StoreRefused)
        assert words in error.in_words
        assert "UNTEACHABLE_S3_ACCESS_KEY_ID" in str(error)


def test_a_missing_bucket_is_no_missing_file(s3_relay: Any) -> None:
    """SeaweedFS makes the bucket of an admin who writes, so the answer of other servers to a write is played."""
    server, faults = s3_relay
    files = opened(server, store_url="s3://no-such-bucket/errors")
    faults.status, faults.verbs = 404, frozenset({"PUT"})
    for name, error in errors_of(files).items():
        assert isinstance(error, StoreRefused), name
        assert "bucket" in error.in_words


def test_a_server_that_is_away_is_unavailable(s3: Any) -> None:
    errors = errors_of(opened(s3, s3_endpoint="http://127.0.0.1:1"))
    assert {type(error) for error in errors.values()} == {StoreUnavailable}

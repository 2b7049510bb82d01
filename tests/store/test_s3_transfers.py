"""Transfers of an S3 store: many requests at a time, many deletions in one, and addresses for browsers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import obstore
import pytest
from obstore.exceptions import GenericError

from store import models as m
from store import object_reads, parallel_reads, quarantine
from store.object_store import ObjectStore, open_object_store
from store.s3 import gives_direct_downloads
from store.settings import Settings
from store.store_errors import StoreUnavailable
from store.stored_objects import Download
from tests.support.s3 import Faults

DISPOSITION = "attachment; filename=\"a.zip\"; filename*=UTF-8''B%C3%A4ume.zip"
DOWNLOAD = Download(disposition=DISPOSITION, media_type="application/zip")
INTERNAL, PUBLIC = {"s3_endpoint": "https://s3.internal"}, {"s3_public_endpoint": "https://s3.example.org"}


@pytest.fixture
def relayed(s3_relay: Any) -> tuple[ObjectStore, Faults]:
    """A store of its own behind the relay, which notes the requests."""
    server, faults = s3_relay
    return open_object_store(Settings(_env_file=None, **server.settings(prefix=m.new_id()))), faults


@pytest.fixture
def large(relayed: tuple[ObjectStore, Faults], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The content of the object `large`, which is read in parts of 1 MiB."""
    for module in (parallel_reads, object_reads):
        monkeypatch.setattr(module, "PART_BYTES", 1 << 20)
    monkeypatch.setattr(parallel_reads, "FILE_PART_BYTES", 1 << 20)
    (tmp_path / "large").write_bytes(data := os.urandom(12_345_678))
    relayed[0].save("large", tmp_path / "large", download=DOWNLOAD)
    return data


def test_a_large_file_is_put_and_read_in_parts(
    relayed: tuple[ObjectStore, Faults], large: bytes, tmp_path: Path
) -> None:
    files, faults = relayed
    assert sum("partNumber=" in line for line in faults.seen) == 3, "parts of 5 MiB"
    faults.seen.clear()
    files.fetch("large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == large
    assert [line.split()[0] for line in faults.seen].count("GET") == 12
    assert b"".join(files.read("large")) == large
    assert b"".join(files.read("large", 1_000_000, 4_000_001)) == large[1_000_000:4_000_001]
    assert max(len(chunk) for chunk in files.read("large")) <= object_reads.CHUNK_BYTES
    faults.seen.clear()
    assert b"".join(files.read("large", 5, 1000)) == large[5:1000]
    assert len(faults.seen) == 1, "a small range is one request"


def test_an_object_that_changes_while_it_is_read_is_no_mixture(
    relayed: tuple[ObjectStore, Faults], large: bytes
) -> None:
    files, _ = relayed
    stream = files.read("large")
    next(stream)
    files.write("large", os.urandom(len(large)))
    with pytest.raises(StoreUnavailable, match="changed"):
        b"".join(stream)


def test_two_hundred_objects_are_deleted_by_one_request(relayed: tuple[ObjectStore, Faults]) -> None:
    files, faults = relayed
    for n in range(200):
        files.write(f"jobs/a/{n}", b"-")
    files.write("jobs/ab/x", b"-")
    faults.seen.clear()
    files.delete_prefix("jobs/a")
    assert [line.split()[0] for line in faults.seen] == ["GET", "POST"], "one list, one deletion"
    assert files.list("jobs") == ["jobs/ab/x"]
    files.delete_all(["jobs/nothing", "jobs/ab/x"])
    files.delete_all([])
    assert files.list("jobs") == []


def test_one_object_that_cannot_be_deleted_holds_up_no_other(
    relayed: tuple[ObjectStore, Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, _ = relayed
    for n in range(3):
        files.write(f"quarantine/jobs/a/{n}", b"-")
    real = obstore.delete

    def delete(store: Any, names: str | list[str]) -> None:
        if any(name.endswith("1") for name in ([names] if isinstance(names, str) else names)):
            raise GenericError("503 Slow Down")
        real(store, names)

    monkeypatch.setattr(obstore, "delete", delete)
    assert sorted(quarantine.delete_expired(files, days=-1)) == ["jobs/a/0", "jobs/a/2"]
    assert files.list("quarantine") == ["quarantine/jobs/a/1"]


def test_a_browser_gets_an_object_from_the_server_itself(s3: Any, s3_relay: Any, tmp_path: Path) -> None:
    """The service reaches the server at one address, and browsers at another."""
    public, _ = s3_relay
    files = open_object_store(
        Settings(_env_file=None, **s3.settings(prefix=m.new_id(), s3_public_endpoint=public.endpoint))
    )
    (tmp_path / "file").write_bytes(data := os.urandom(6_000_000))
    files.move("jobs/a/archive.zip", tmp_path / "file", download=DOWNLOAD)
    assert files.stat("jobs/a/archive.zip").is_download
    url = files.direct_url("jobs/a/archive.zip")
    assert url is not None
    assert f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" == public.endpoint
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-disposition"] == DOWNLOAD.disposition
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["etag"] == files.stat("jobs/a/archive.zip").etag
    part = httpx.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert httpx.get(url.replace("archive", "other")).status_code == 403, "the address is for one object"
    assert httpx.put(url, content=b"x").status_code == 403
    files.write("jobs/a/other", b"-")
    assert not files.stat("jobs/a/other").is_download


@pytest.mark.parametrize(
    ("changes", "environment", "expected"),
    [
        ({}, {}, True),
        ({"s3_direct_downloads": False}, {}, False),
        (INTERNAL, {}, False),
        (INTERNAL | PUBLIC, {}, True),
        (INTERNAL | PUBLIC | {"s3_direct_downloads": False}, {}, False),
        ({}, {"AWS_ENDPOINT_URL": "https://s3.internal"}, False),
        ({"store_url": ""} | PUBLIC, {}, False),
    ],
)
def test_downloads_lead_to_the_server_where_browsers_reach_it(
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    environment: dict[str, str],
    expected: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    base = {"store_url": "s3://bucket/prefix", "secret_keys": "0123456789abcdef"}
    assert gives_direct_downloads(make_settings(**base | changes)) is expected

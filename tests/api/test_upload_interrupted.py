"""Interrupted, abandoned and concurrent uploads: no byte is lost, and no file stays behind."""

import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import delete, update

from api.uploads import removal
from store import models as m
from store.clock import utc_now
from tests.api.conftest import Service, assert_problem
from tests.support.archives import zipped
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS, begin, finish, offset, patch, raw_patch
from tests.support.waiting import wait_until

DATA = zipped()


def _expire(service: Service, *urls: str) -> None:
    ids = [url.split("/")[-1] for url in urls]
    with service.db.write.begin() as session:
        late = utc_now() - timedelta(seconds=1)
        session.execute(update(m.Upload).where(m.Upload.id.in_(ids)).values(expires_at=late))


def test_an_expired_upload_answers_410_and_is_removed(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    _expire(service, url)
    assert api.head(url, headers=TUS_HEADERS).status_code == 410
    assert_problem(patch(api, url, DATA, 0), 410)
    os.utime(removal.path_of(service.context(), url.split("/")[-1]), (0, 0))
    assert removal.remove_expired(service.context()) == 1
    assert api.head(url, headers=TUS_HEADERS).status_code == 404
    assert service.unfinished_uploads() == []


def test_an_upload_is_ingested_again_after_a_crash_between_file_and_row(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    upload_id = url.split("/")[-1]
    patch(api, url, DATA[:-1], 0)
    part = removal.path_of(service.context(), upload_id)
    with part.open("ab") as file:
        file.write(DATA[-1:])
    service.files.link(f"datasets/{upload_id}/upload", part)  # the crash happened after this
    assert offset(api, url) == len(DATA)
    address = finish(api, url, DATA, at=len(DATA))
    assert api.get(address).json()["bytes"] == len(DATA)
    assert service.unfinished_uploads() == []


def test_only_inactive_expired_uploads_are_removed(api: httpx.Client, service: Service) -> None:
    """Inactive uploads and their stored files are removed; active uploads and finished datasets stay."""
    inactive, active, finished = (begin(api, len(DATA)) for _ in range(3))
    for url in (inactive, active):
        patch(api, url, DATA[:50], 0)
    finish(api, finished, DATA)
    service.files.link(
        f"datasets/{inactive.split('/')[-1]}/upload", removal.path_of(service.context(), inactive.split("/")[-1])
    )
    form = service.context().upload_dir / "form-abc"
    form.write_bytes(b"x")
    service.files.link("datasets/abc/upload", form)
    for path in (form, removal.path_of(service.context(), inactive.split("/")[-1])):
        os.utime(path, (0, 0))
    _expire(service, inactive, active, finished)
    removal.remove_expired(service.context())
    assert [path.name for path in service.unfinished_uploads()] == [f"{active.split('/')[-1]}.part"]
    assert service.files.list(f"datasets/{inactive.split('/')[-1]}") == service.files.list("datasets/abc") == []
    assert service.files.load(f"datasets/{finished.split('/')[-1]}/upload") == DATA
    os.utime(removal.path_of(service.context(), active.split("/")[-1]), (0, 0))
    assert removal.remove_expired(service.context()) == 1
    assert service.unfinished_uploads() == []


def test_bytes_that_arrived_before_a_disconnect_stay(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:777])
    wait_until(lambda: offset(api, url) == 777)
    connection.close()
    wait_until(lambda: patch(api, url, b"", 777).status_code == 204, what="the lock to be released")
    finish(api, url, DATA, at=777)


def test_a_partial_body_with_a_checksum_is_rolled_back(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    part = removal.path_of(service.context(), url.split("/")[-1])
    token = service.token("admin")
    where = urlsplit(service.url).netloc
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.putrequest("PATCH", url)
    headers = PATCH_HEADERS | {
        "Authorization": f"Bearer {token}",
        "Upload-Offset": "0",
        "Content-Length": str(len(DATA)),
    }
    for name, value in (headers | {"Upload-Checksum": "sha1 AAAA"}).items():
        connection.putheader(name, value)
    connection.endheaders(DATA[:300])
    wait_until(lambda: part.stat().st_size == 300)
    connection.close()
    wait_until(lambda: part.stat().st_size == 0)
    assert api.delete(url, headers=TUS_HEADERS).status_code == 204


@pytest.mark.parametrize("file_is_deleted", [True, False])  # the row is deleted before the file
def test_an_upload_deleted_during_its_last_request_makes_no_dataset(
    api: httpx.Client, service: Service, file_is_deleted: bool
) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:777])
    wait_until(lambda: offset(api, url) == 777)
    if file_is_deleted:
        assert api.delete(url, headers=TUS_HEADERS).status_code == 204
    else:
        with service.db.write.begin() as session:
            session.execute(delete(m.Upload).where(m.Upload.id == url.split("/")[-1]))
    connection.sendall(DATA[777:])
    assert b" 404 " in connection.recv(100)
    connection.close()
    assert_problem(api.get(f"/v1/datasets/{url.split('/')[-1]}"), 404)
    assert service.unfinished_uploads() == []


def test_a_second_sender_answers_423(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=500)
    connection.sendall(DATA[:100])
    wait_until(lambda: offset(api, url) == 100)
    assert_problem(patch(api, url, DATA[100:200], 100), 423)
    connection.sendall(DATA[100:500])
    assert b" 204 " in connection.recv(100)
    connection.close()
    finish(api, url, DATA, at=500)


def test_thirty_concurrent_uploads(service: Service) -> None:
    token = service.token("many")
    archives = [
        zipped({f"{kind}/{n}.png": bytes([n, k]) * 40_000 for n in range(3) for k, kind in enumerate("ab")})
    ] * 30
    start = threading.Barrier(30)

    def upload(number: int) -> str:
        with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            start.wait()
            if number % 3 == 0:
                answer = client.post("/v1/datasets", files={"file": (f"{number}.zip", archives[number])})
                assert answer.status_code == 201, answer.text
                return answer.json()["id"]
            data, url = archives[number], begin(client, len(archives[number]), filename=f"{number}.zip")
            for at in range(0, len(data), 100_000):
                answer = patch(client, url, data[at : at + 100_000], at)
                assert answer.status_code == 204, answer.text
            return answer.headers["upload-dataset"].split("/")[-1]

    with ThreadPoolExecutor(30) as pool:
        made = list(pool.map(upload, range(30)))
    assert len(set(made)) == 30
    client = service.client(token=token)
    listed = {d["id"]: d for d in client.get("/v1/datasets?limit=200").json()["items"]}
    assert set(listed) == set(made)
    assert {d["bytes"] for d in listed.values()} == {len(archives[0])}
    for dataset_id in made:
        assert service.files.load(f"datasets/{dataset_id}/upload") == archives[0]

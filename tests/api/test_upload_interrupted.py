"""Uploads that are interrupted, forgotten, or many at once: nothing is lost, nothing is left lying."""

import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import delete, update

from api.uploads import resumable
from store import models as m
from store.clock import utc_now
from tests.api.conftest import Service, problem
from tests.support.archives import zipped
from tests.support.tus_client import PIECE, TUS, begin, finish, offset, patch, raw_patch
from tests.support.waiting import wait_until

DATA = zipped()


def _make_late(service: Service, *urls: str) -> None:
    ids = [url.split("/")[-1] for url in urls]
    with service.db.write.begin() as session:
        late = utc_now() - timedelta(seconds=1)
        session.execute(update(m.Upload).where(m.Upload.id.in_(ids)).values(expires_at=late))


def test_an_upload_whose_time_is_over(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    _make_late(service, url)
    assert api.head(url, headers=TUS).status_code == 410
    problem(patch(api, url, DATA, 0), 410)
    os.utime(resumable.path_of(service.context(), url.split("/")[-1]), (0, 0))
    assert resumable.remove_expired(service.context()) == 1
    assert api.head(url, headers=TUS).status_code == 404
    assert service.leftovers() == []


def test_a_service_that_dies_between_file_and_row_takes_the_upload_in_again(
    api: httpx.Client, service: Service
) -> None:
    url = begin(api, len(DATA))
    upload_id = url.split("/")[-1]
    patch(api, url, DATA[:-1], 0)
    part = resumable.path_of(service.context(), upload_id)
    with part.open("ab") as file:
        file.write(DATA[-1:])
    service.files.link(f"datasets/{upload_id}/upload", part)  # as far as it came
    assert offset(api, url) == len(DATA)
    address = finish(api, url, DATA, at=len(DATA))
    assert api.get(address).json()["bytes"] == len(DATA)
    assert service.leftovers() == []


def test_what_nobody_comes_back_for_is_removed(api: httpx.Client, service: Service) -> None:
    """Parts that rest, and what was stored of them; not one that grew a moment ago, nor one that became a dataset."""
    stray, growing, kept = (begin(api, len(DATA)) for _ in range(3))
    for url in (stray, growing):
        patch(api, url, DATA[:50], 0)
    finish(api, kept, DATA)
    service.files.link(
        f"datasets/{stray.split('/')[-1]}/upload", resumable.path_of(service.context(), stray.split("/")[-1])
    )
    form = service.context().upload_dir / "form-abc"
    form.write_bytes(b"x")
    service.files.link("datasets/abc/upload", form)
    for path in (form, resumable.path_of(service.context(), stray.split("/")[-1])):
        os.utime(path, (0, 0))
    _make_late(service, stray, growing, kept)
    resumable.remove_expired(service.context())
    assert [path.name for path in service.leftovers()] == [f"{growing.split('/')[-1]}.part"]
    assert service.files.list(f"datasets/{stray.split('/')[-1]}") == service.files.list("datasets/abc") == []
    assert service.files.load(f"datasets/{kept.split('/')[-1]}/upload") == DATA
    os.utime(resumable.path_of(service.context(), growing.split("/")[-1]), (0, 0))
    assert resumable.remove_expired(service.context()) == 1
    assert service.leftovers() == []


def test_what_arrived_before_the_client_went_away_is_kept(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:777])
    wait_until(lambda: offset(api, url) == 777)
    connection.close()
    wait_until(lambda: patch(api, url, b"", 777).status_code == 204, what="the lock to be let go")
    finish(api, url, DATA, at=777)


def test_with_a_checksum_half_a_piece_is_not_kept(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    part = resumable.path_of(service.context(), url.split("/")[-1])
    token = service.token("admin")
    where = urlsplit(service.url).netloc
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.putrequest("PATCH", url)
    headers = PIECE | {"Authorization": f"Bearer {token}", "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    for name, value in (headers | {"Upload-Checksum": "sha1 AAAA"}).items():
        connection.putheader(name, value)
    connection.endheaders(DATA[:300])
    wait_until(lambda: part.stat().st_size == 300)
    connection.close()
    wait_until(lambda: part.stat().st_size == 0)
    assert api.delete(url, headers=TUS).status_code == 204


@pytest.mark.parametrize("file_too", [True, False])  # the row goes first, and the file a moment later
def test_an_upload_that_is_given_up_while_its_last_piece_arrives_becomes_nothing(
    api: httpx.Client, service: Service, file_too: bool
) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=len(DATA))
    connection.sendall(DATA[:777])
    wait_until(lambda: offset(api, url) == 777)
    if file_too:
        assert api.delete(url, headers=TUS).status_code == 204
    else:
        with service.db.write.begin() as session:
            session.execute(delete(m.Upload).where(m.Upload.id == url.split("/")[-1]))
    connection.sendall(DATA[777:])
    assert b" 404 " in connection.recv(100)
    connection.close()
    problem(api.get(f"/v1/datasets/{url.split('/')[-1]}"), 404)
    assert service.leftovers() == []


def test_one_at_a_time(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    connection = raw_patch(service.url, service.token("admin"), url, length=500)
    connection.sendall(DATA[:100])
    wait_until(lambda: offset(api, url) == 100)
    problem(patch(api, url, DATA[100:200], 100), 423)
    connection.sendall(DATA[100:500])
    assert b" 204 " in connection.recv(100)
    connection.close()
    finish(api, url, DATA, at=500)


def test_thirty_at_once(service: Service) -> None:
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

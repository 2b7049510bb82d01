"""Uploading, reading and deleting datasets."""

import base64
import io
import zipfile

import httpx
import pytest
from sqlalchemy import select

from store import models as m
from store.object_keys import upload_key
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.archives import image_files, png, tarred, zipped
from tests.support.commits import broken_commit
from tests.support.store_failure import FailingStore
from tests.support.tus_client import begin, finish


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("pets.zip", zipped()),
        ("pets.tar", tarred()),
        ("pets.tar.gz", tarred(mode="w:gz")),
        ("pets.tar.xz", tarred(mode="w:xz")),
    ],
)
def test_an_archive_becomes_a_dataset(api: httpx.Client, service: Service, filename: str, data: bytes) -> None:
    answer = api.post("/v1/datasets", files={"file": (filename, data)})
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/datasets/{body['id']}"
    assert (body["name"], body["state"], body["bytes"]) == ("pets", "checking", len(data))
    assert service.files.load(f"datasets/{body['id']}/upload") == data
    assert api.get(answer.headers["location"]).json() == body
    assert service.unfinished_uploads() == []


def test_the_check_job_exists_but_is_not_listed(api: httpx.Client, service: Service) -> None:
    from store import models as m

    dataset = upload_dataset(api)
    with service.db.read() as session:
        check = session.query(m.Job).filter_by(dataset_id=dataset["id"]).one()
    assert check.kind == "check"
    assert check.enqueued_at is not None
    assert check.id not in {j["id"] for j in api.get("/v1/jobs?limit=200").json()["items"]}
    assert_problem(api.get(f"/v1/jobs/{check.id}"), 404)


def test_several_files_are_packed_under_their_relative_names(api: httpx.Client, service: Service) -> None:
    files = image_files() | {"dogs/größe “1”.png": png(tint=3)}
    answer = api.post(
        "/v1/datasets", files=[("files", (path, data)) for path, data in files.items()], data={"name": "My pets"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "My pets"
    with zipfile.ZipFile(io.BytesIO(service.files.load(f"datasets/{answer.json()['id']}/upload"))) as packed:
        assert {info.filename: packed.read(info) for info in packed.infolist()} == files
        assert {info.compress_type for info in packed.infolist()} == {zipfile.ZIP_STORED}


def test_more_files_than_the_default_limit_of_the_form_parser(api: httpx.Client) -> None:
    files = [("files", (f"{kind}/{n}.png", png(tint=n))) for kind in ("a", "b") for n in range(1500)]
    answer = api.post("/v1/datasets", files=files, timeout=60)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({}, 422, "no file"),
        ({"name": (None, "x")}, 422, "no file"),
        ({"file": ("", b"")}, 422, "no file"),
        ({"file": ("a.zip", zipped()), "nmae": (None, "x")}, 422, "nmae: is not a field of this form"),
        ({"file": ("a.zip", zipped()), "name": (None, "x" * 201)}, 422, "name: is longer"),
        ({"file": ("a.zip", zipped()), "name": (None, "a\0b")}, 422, "name: has a control character"),
        ({"file": ("a.zip", zipped()), "name": (None, b"\xff\xfe")}, 422, "name: is not UTF-8"),
    ],
)
def test_an_invalid_form_is_refused(api: httpx.Client, service: Service, fields: dict, status: int, word: str) -> None:  # type: ignore[type-arg]
    answer = api.post("/v1/datasets", files=fields or {"": ("", b"")})
    assert_problem(answer, status, word) if fields else assert_problem(answer, 422)
    assert service.unfinished_uploads() == []


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([("file", ("a.zip", zipped())), ("file", ("b.zip", zipped()))], "more than once"),
        ([("file", ("a.zip", zipped())), ("files", ("a/b.png", png()))], "one or the other"),
        ([("files", ("a/b.png", png())), ("files", ("a/b.png", png()))], "two files with the name"),
        ([("files", ("a/b\n.png", png()))], "control character"),
        ([("files", ("../b.png", png())), ("files", ("a/b.png", png()))], ".."),
    ],
)
def test_conflicting_files_are_refused(api: httpx.Client, service: Service, parts: list, word: str) -> None:  # type: ignore[type-arg]
    assert_problem(api.post("/v1/datasets", files=parts), 422, word)
    assert service.unfinished_uploads() == []


def test_bodies_that_are_not_a_valid_form_are_refused(api: httpx.Client) -> None:
    assert_problem(api.post("/v1/datasets"), 415, "multipart/form-data")
    assert_problem(api.post("/v1/datasets", json={}), 415)
    form = {"Content-Type": "multipart/form-data"}
    assert_problem(api.post("/v1/datasets", content=b"x", headers=form), 400, "boundary")
    form = {"Content-Type": "multipart/form-data; boundary=xyz"}
    assert_problem(api.post("/v1/datasets", content=b"nothing like it", headers=form), 400, "not valid")
    assert_problem(api.post("/v1/datasets", content=b"--xyz\r\nContent-Dispo", headers=form), 400, "middle")
    assert_problem(api.post("/v1/datasets", content=b"", headers=form), 400, "middle")
    whole = {"Content-Type": f"multipart/form-data; boundary={'x' * 300}"}
    assert_problem(api.post("/v1/datasets", content=b"x", headers=whole), 400)


def test_an_upload_over_the_size_limit_is_refused(api: httpx.Client, service: Service) -> None:
    large = b"PK\x03\x04" + b"\0" * service.settings.max_upload_bytes
    assert_problem(api.post("/v1/datasets", files={"file": ("big.zip", large)}), 413, "exceeds this service")

    def endless():  # type: ignore[no-untyped-def]
        yield b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
        for _ in range(30):
            yield b"\0" * 2**20

    chunked = {"Content-Type": "multipart/form-data; boundary=xyz"}
    assert_problem(api.post("/v1/datasets", content=endless(), headers=chunked), 413, "exceeds this service")
    assert service.unfinished_uploads() == []


def test_lists_are_paginated_newest_first(service: Service) -> None:
    client = service.client(user="lister")
    made = [upload_dataset(client)["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = client.get("/v1/datasets", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 2
        seen += [d["id"] for d in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]


HALF = (
    base64.urlsafe_b64encode(b'["2024-01-01T00:00:00+00:00", "\\ud800"]').decode().rstrip("=")
)  # half a surrogate pair


@pytest.mark.parametrize(
    "cursor", ["x", "WzFd", "bnVsbA", "W10", "é", "WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTIzOjU5IiwiYSJd", HALF]
)
def test_an_invalid_cursor_is_refused(api: httpx.Client, cursor: str) -> None:
    assert assert_problem(api.get("/v1/datasets", params={"cursor": cursor}), 422)["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1"])
def test_an_invalid_limit_is_refused(api: httpx.Client, limit: str) -> None:
    assert assert_problem(api.get("/v1/jobs", params={"limit": limit}), 422)["errors"][0]["field"] == "limit"


@pytest.mark.parametrize("takes_effect", [True, False])
def test_the_stored_upload_exists_if_and_only_if_its_row_exists(
    api: httpx.Client, service: Service, *, takes_effect: bool
) -> None:
    before = set(service.files.list("datasets"))
    with broken_commit(m.Dataset, takes_effect=takes_effect):
        assert_problem(api.post("/v1/datasets", files={"file": ("lost.zip", zipped())}), 503)
    with service.db.read() as session:
        ids = session.scalars(select(m.Dataset.id).where(m.Dataset.name == "lost")).all()
    assert len(ids) == takes_effect
    assert set(service.files.list("datasets")) - before == {f"datasets/{id_}/upload" for id_ in ids}
    for id_ in ids:
        assert api.delete(f"/v1/datasets/{id_}").status_code == 204


def test_deleting_a_dataset_deletes_its_files(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    key = f"datasets/{dataset['id']}/upload"
    assert service.files.exists(key)
    assert api.delete(f"/v1/datasets/{dataset['id']}").status_code == 204
    assert not service.files.exists(key)
    assert_problem(api.get(f"/v1/datasets/{dataset['id']}"), 404)
    assert_problem(api.delete(f"/v1/datasets/{dataset['id']}"), 404)


def test_a_dataset_with_an_open_job_cannot_be_deleted(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"])
    assert_problem(api.delete(f"/v1/datasets/{dataset['id']}"), 409, "cancel it first")
    service.claim(job["id"])
    assert_problem(api.delete(f"/v1/datasets/{dataset['id']}"), 409)
    assert service.files.exists(f"datasets/{dataset['id']}/upload")


def test_the_findings_of_the_check_are_returned(api: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    thumb = f"datasets/{dataset['id']}/thumbs/0"
    service.files.write(thumb, png())
    found = {
        "classes": [{"name": "cats", "images": 3}, {"name": "dogs", "images": 3}],
        "skipped": [{"path": "dogs/x.jpg", "reason": "it is a text file"}],
        "thumbs": [{"key": thumb, "path": "cats/0.png"}],
    }
    service.make_ready(dataset["id"], **found)
    body = api.get(f"/v1/datasets/{dataset['id']}").json()
    assert (body["state"], body["images"]) == ("ready", 6)
    assert body["classes"] == found["classes"]
    assert body["skipped"] == found["skipped"]
    [small] = body["thumbnails"]
    answer = api.get(small["url"])
    assert answer.content == png()
    assert answer.headers["content-type"] == "image/png"
    assert "private" in answer.headers["cache-control"]
    assert_problem(api.get(f"/v1/datasets/{dataset['id']}/thumbnails/1"), 404)
    assert_problem(api.get(f"/v1/datasets/{dataset['id']}/thumbnails/-1"), 422)


def test_deleting_succeeds_while_the_object_store_is_unreachable(
    api: httpx.Client, service: Service, failing_store: FailingStore
) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"])
    service.succeed(job["id"], archive=zipped())
    with failing_store(dataset["id"]) as refused, failing_store(job["id"]) as refused_too:
        for path in (f"/v1/datasets/{dataset['id']}", f"/v1/jobs/{job['id']}"):
            assert api.delete(path).status_code == 204, "garbage collection finds the files"
            assert_problem(api.get(path), 404)
    assert refused
    assert refused_too


@pytest.mark.parametrize("name", ["IMG_1.JPG", "🌊 Strand.png", "scan"])
def test_one_image_in_place_of_an_archive_is_packed(api: httpx.Client, service: Service, name: str) -> None:
    answer = api.post("/v1/datasets", files={"file": (name, png())})
    assert answer.status_code == 201, answer.text
    for address in (answer.headers["Location"], finish(api, begin(api, len(png()), filename=name), png())):
        stored = service.files.load(upload_key(api.get(address).json()["id"]))
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            assert {entry: archive.read(entry) for entry in archive.namelist()} == {name: png()}
    assert service.unfinished_uploads() == []

"""tus 1.0: an upload resumes after an interruption, and becomes a dataset when it is complete."""

import base64
import hashlib

import httpx
import pytest

from api.uploads import tus
from tests.api.conftest import Service, assert_problem
from tests.support.archives import zipped
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS, begin, finish, metadata, offset, patch, raw_patch

DATA = zipped()


def test_the_capabilities_need_no_token(service: Service) -> None:
    answer = service.client().options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == tus.VERSION
    assert answer.headers["tus-max-size"] == str(service.settings.max_upload_bytes)
    assert set(answer.headers["tus-extension"].split(",")) == {
        *("creation", "creation-with-upload", "termination", "checksum", "expiration")
    }


def test_an_upload_in_several_requests(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA), filename="Größe.tar.gz", name="mine")
    assert offset(api, url) == 0
    for at in range(0, len(DATA) - 300, 300):
        answer = patch(api, url, DATA[at : at + 300], at)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at + 300))
        assert "upload-dataset" not in answer.headers
        assert offset(api, url) == at + 300
    address = finish(api, url, DATA, at=offset(api, url))
    body = api.get(address).json()
    assert (body["name"], body["bytes"], body["state"]) == ("mine", len(DATA), "checking")
    assert service.files.load(f"datasets/{body['id']}/upload") == DATA
    assert service.unfinished_uploads() == []


def test_a_complete_upload_names_its_dataset(api: httpx.Client) -> None:
    url = begin(api, len(DATA))
    address = finish(api, url, DATA)
    answer = api.head(url, headers=TUS_HEADERS)
    assert answer.headers["upload-offset"] == str(len(DATA))
    assert answer.headers["upload-dataset"] == address
    again = patch(api, url, b"", len(DATA))  # as after the response to the last bytes was lost
    assert (again.status_code, again.headers["upload-dataset"]) == (204, address)
    assert_problem(patch(api, url, b"x", 0), 409)
    assert api.delete(address).status_code == 204
    assert api.head(url, headers=TUS_HEADERS).status_code == 404


def test_creation_with_upload(api: httpx.Client) -> None:
    headers = PATCH_HEADERS | {"Upload-Length": str(len(DATA))} | metadata(filename="pets.zip")
    part = api.post("/v1/uploads", headers=headers, content=DATA[:100])
    assert (part.status_code, part.headers["upload-offset"]) == (201, "100")
    address = finish(api, part.headers["location"], DATA, at=100)
    assert api.get(address).json()["name"] == "pets"
    whole = api.post("/v1/uploads", headers=headers, content=DATA)
    assert (whole.status_code, whole.headers["upload-offset"]) == (201, str(len(DATA)))
    assert api.get(whole.headers["upload-dataset"]).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 412),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412),
        (TUS_HEADERS, 400),
        (TUS_HEADERS | {"Upload-Length": "-1"}, 400),
        (TUS_HEADERS | {"Upload-Length": "1e3"}, 400),
        (TUS_HEADERS | {"Upload-Length": "9" * 30}, 400),
        (TUS_HEADERS | {"Upload-Length": "9" * 15}, 413),
        (TUS_HEADERS | {"Upload-Length": "0"}, 422),
        (TUS_HEADERS | {"Upload-Defer-Length": "1"}, 400),
        (TUS_HEADERS | {"Upload-Length": "5", "Upload-Defer-Length": "1"}, 400),
        (TUS_HEADERS | {"Upload-Length": "5", "Upload-Concat": "partial"}, 400),
        (TUS_HEADERS | {"Upload-Concat": "final;/v1/uploads/a /v1/uploads/b"}, 400),
        (TUS_HEADERS | {"Upload-Length": "5", "Upload-Checksum": "sha1 AAAA"}, 400),
        (TUS_HEADERS | {"Upload-Length": "5", "Upload-Metadata": "filename YQ==,filename Yg=="}, 400),
        (PATCH_HEADERS | {"Upload-Length": "5", "Trailer": "Upload-Checksum"}, 400),
        (PATCH_HEADERS | {"Upload-Length": "5", "Content-Encoding": "gzip"}, 415),
        (TUS_HEADERS | {"Upload-Length": "5"} | metadata(filename="pets.rar"), 415),
        (TUS_HEADERS | {"Upload-Length": "5", "Upload-Metadata": "filename !!!"}, 400),
        (
            TUS_HEADERS | {"Upload-Length": "5", "Upload-Metadata": "filename " + base64.b64encode(b"\xff").decode()},
            400,
        ),
        (TUS_HEADERS | {"Upload-Length": "5"} | metadata(name="x" * 201), 422),
    ],
)
def test_an_invalid_creation_is_refused(
    api: httpx.Client, service: Service, headers: dict[str, str], status: int
) -> None:
    before = service.unfinished_uploads()
    answer = api.post("/v1/uploads", headers=headers)
    assert_problem(answer, status)
    assert answer.headers["tus-resumable"] == tus.VERSION
    assert service.unfinished_uploads() == before


def test_a_creation_with_a_body_of_another_type_is_refused(api: httpx.Client, service: Service) -> None:
    before = service.unfinished_uploads()
    headers = TUS_HEADERS | {"Upload-Length": str(len(DATA))}
    assert_problem(api.post("/v1/uploads", headers=headers, content=DATA), 415, tus.BODY_TYPE)
    assert_problem(api.post("/v1/uploads", headers=headers, content=iter([DATA])), 415, tus.BODY_TYPE)
    assert service.unfinished_uploads() == before


@pytest.mark.parametrize("sent_as", ["POST", "GET", "PUT"])
def test_the_header_for_the_method_is_obeyed(api: httpx.Client, service: Service, sent_as: str) -> None:
    def send(method: str, url: str, **more: object) -> httpx.Response:
        headers = PATCH_HEADERS | {"X-HTTP-Method-Override": method}
        headers |= more.pop("headers", {})  # type: ignore[call-overload]
        return api.request(sent_as, url, headers=headers, **more)  # type: ignore[arg-type]

    made = send("POST", "/v1/uploads", headers={"Upload-Length": str(len(DATA))} | metadata(filename="pets.zip"))
    assert made.status_code == 201, made.text
    url = made.headers["location"]
    assert send("patch", url, content=DATA[:100], headers={"Upload-Offset": "0"}).headers["upload-offset"] == "100"
    assert send("HEAD", url).headers["upload-offset"] == "100"
    rest = send("PATCH", url, content=DATA[100:], headers={"Upload-Offset": "100"})
    assert api.get(rest.headers["upload-dataset"]).status_code == 200
    other = begin(api, len(DATA))
    assert send("DELETE", other).status_code == 204
    assert api.head(other, headers=TUS_HEADERS).status_code == 404
    assert_problem(send("BREW", url), 405)
    assert_problem(send("PATCH /v1/jobs", url), 400)
    assert service.unfinished_uploads() == []


def test_the_header_for_the_method_changes_no_other_address_and_no_right(api: httpx.Client, service: Service) -> None:
    override = {"X-HTTP-Method-Override": "DELETE"}
    made = api.post("/v1/datasets", files={"file": ("pets.zip", DATA)}, headers=override)
    assert made.status_code == 201
    assert api.get(f"/v1/datasets/{made.json()['id']}", headers=override).status_code == 200
    url = begin(api, len(DATA))
    with service.client(user="other") as other:
        assert_problem(other.post(url, headers=TUS_HEADERS | override), 404)
    assert_problem(service.client().post(url, headers=TUS_HEADERS | override), 401)
    assert offset(api, url) == 0
    assert api.post(url, headers=TUS_HEADERS | override).status_code == 204
    assert service.unfinished_uploads() == []


def test_an_invalid_patch_is_refused(api: httpx.Client) -> None:
    url = begin(api, len(DATA))
    assert_problem(patch(api, url, DATA[:10], 5), 409, "at offset 0, not at 5")
    assert_problem(patch(api, url, DATA[:10], 10 * len(DATA)), 409, "at offset 0, not at")
    assert patch(api, url, DATA[:10], 0).status_code == 204
    answer = patch(api, url, DATA[:10], 0)
    assert_problem(answer, 409)
    assert answer.headers["upload-offset"] == "10"
    assert_problem(api.patch(url, content=b"x", headers=TUS_HEADERS | {"Upload-Offset": "10"}), 415)
    assert_problem(api.patch(url, content=b"x", headers=PATCH_HEADERS), 400)
    assert_problem(api.patch(url, content=b"x", headers={"Upload-Offset": "10"}), 412)
    assert_problem(patch(api, url, DATA, 10), 413, "room for")

    def endless():  # type: ignore[no-untyped-def]
        for _ in range(5):
            yield DATA

    assert_problem(patch(api, url, endless(), 10), 413, "announced")
    assert offset(api, url) == 10
    finish(api, url, DATA, at=10)


@pytest.mark.parametrize("algorithm", tus.ALGORITHMS)
def test_checksums(api: httpx.Client, algorithm: str) -> None:
    url = begin(api, len(DATA))
    right = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, DATA[:500]).digest()).decode()}"
    assert_problem(patch(api, url, b"x" * 500, 0, **{"Upload-Checksum": right}), 460)
    assert offset(api, url) == 0
    assert patch(api, url, DATA[:500], 0, **{"Upload-Checksum": right}).status_code == 204
    assert_problem(patch(api, url, b"x", 500, **{"Upload-Checksum": "crc9 AAAA"}), 400)
    assert_problem(patch(api, url, b"x", 500, **{"Upload-Checksum": f"{algorithm} ???"}), 400)
    finish(api, url, DATA, at=500)


def test_deleting_an_upload_removes_its_file(api: httpx.Client, service: Service) -> None:
    url = begin(api, len(DATA))
    patch(api, url, DATA[:50], 0)
    assert api.delete(url, headers=TUS_HEADERS).status_code == 204
    assert api.head(url, headers=TUS_HEADERS).status_code == 404
    assert service.unfinished_uploads() == []


def test_authentication_precedes_reading_the_body(service: Service) -> None:
    connection = raw_patch(service.url, "wrong", "/v1/uploads/whatever", length=10**9)
    assert b" 401 " in connection.recv(200)  # no byte of the body was sent
    connection.close()
    answers = [
        service.client().post("/v1/datasets", content=b"x" * 10**6, headers={"Content-Type": "multipart/form-data"}),
        service.client(token="wrong").patch("/v1/uploads/x", content=b"x" * 10**6, headers=PATCH_HEADERS),
    ]
    for answer in answers:
        assert_problem(answer, 401)

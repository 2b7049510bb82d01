"""An upload that is unusable as a whole answers a 4xx with the reason, by form and by tus."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.conftest import Service, assert_problem, running, upload_dataset
from tests.support.archives import BAD_UPLOADS, png, zipped
from tests.support.ports import free_port
from tests.support.tus_client import TUS_HEADERS, begin, patch


@pytest.mark.parametrize("name", BAD_UPLOADS)
def test_a_bad_archive_is_refused_with_the_reason(api: httpx.Client, service: Service, name: str) -> None:
    make, status, word = BAD_UPLOADS[name]
    before = api.get("/v1/datasets?limit=1").json()
    assert_problem(api.post("/v1/datasets", files={"file": ("bad.zip", make())}), status, word)
    assert api.get("/v1/datasets?limit=1").json() == before
    assert service.unfinished_uploads() == []


@pytest.mark.parametrize("name", [name for name in BAD_UPLOADS if name != "no bytes"])  # refused when it is created
def test_a_bad_resumable_upload_is_refused_and_removed(api: httpx.Client, service: Service, name: str) -> None:
    make, status, word = BAD_UPLOADS[name]
    data = make()
    url = begin(api, len(data))
    assert_problem(patch(api, url, data, 0), status, word)
    assert_problem(api.get(url), 405)
    assert api.head(url, headers=TUS_HEADERS).status_code == 404
    assert service.unfinished_uploads() == []


def test_the_limits_come_from_the_settings(
    make_settings: Callable[..., object], broker_at: Callable[..., None]
) -> None:
    settings = make_settings(port=free_port(), max_files=10, max_unpacked_bytes=5000, max_file_bytes=3000)
    broker_at(settings)
    with running(settings) as service:  # type: ignore[arg-type]
        client = service.client(user="admin")
        upload_dataset(client)
        many = {f"{kind}/{n}.png": png() for kind in "ab" for n in range(6)}
        assert_problem(client.post("/v1/datasets", files={"file": ("a.zip", zipped(many))}), 413, "more than 10 files")
        parts = [("files", (path, data)) for path, data in many.items()]
        assert_problem(client.post("/v1/datasets", files=parts), 413, "10 files")
        large = {"a/0.png": png() + b"\1" * 3000, "b/0.png": png()}
        assert_problem(
            client.post("/v1/datasets", files={"file": ("a.zip", zipped(large))}), 413, "the maximum for one file"
        )
        much = {f"a/{n}.png": png() + b"\1" * 2000 for n in range(3)} | {"b/0.png": png()}
        assert_problem(
            client.post("/v1/datasets", files={"file": ("a.zip", zipped(much))}), 413, "unpacks to more than"
        )
        upload_dataset(client)


def test_single_bad_files_do_not_refuse_the_upload(api: httpx.Client) -> None:
    mixed = {
        "cats/0.png": png(),
        "dogs/0.png": png(),
        "cats/huge.png": png(65_000, 65_000),
        "cats/text.jpg": b"no picture",
        "dogs/drawing.svg": b"<svg/>",
        "dogs/größe.png": png(),
        "dogs/sub\\windows name.png": png(),
    }
    assert upload_dataset(api, zipped(mixed))["state"] == "checking"

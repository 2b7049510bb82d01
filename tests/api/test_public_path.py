"""A public URL with a path: every address in an answer begins with it, whether a proxy passes it on or removes it."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.auth import COOKIE
from store import users
from store.settings import Settings
from tests.api.conftest import Service, running, upload_dataset
from tests.support.archives import zipped
from tests.support.broker import start_broker
from tests.support.ports import free_port
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS

PATH = "/pics/unteachable"
OWN_ADDRESS = re.compile(r'="(/[^"]*)"')


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[Service]:
    """A service below a path."""
    home = tmp_path_factory.mktemp("below")
    (home / "unteachable.db").write_bytes(sqlite_template.read_bytes())
    port = free_port()
    settings = Settings(
        _env_file=None, data_dir=home, port=port, public_url=f"http://127.0.0.1:{port}{PATH}", threads=1
    )
    broker = start_broker(settings)
    with running(settings) as service:
        yield service
    broker.terminate()
    broker.wait(10)


@pytest.fixture
def browser(below: Service) -> httpx.Client:
    """A browser that is signed in, and follows no redirect."""
    with below.db.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=60)
    client = below.client()
    client.headers.update({"Origin": below.url, "Accept": "text/html"})
    answer = client.get(f"{PATH}/sign-in", params={"key": key})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}/")
    assert f"Path={PATH};" in answer.headers["set-cookie"] + ";"
    return client


def test_every_address_of_a_page_begins_with_the_path(below: Service, browser: httpx.Client) -> None:
    with below.client(user="admin") as api:
        dataset = upload_dataset(api)
    below.make_ready(dataset["id"], thumbs=[{"key": "x", "path": "y.png", "number": 0}])
    pages = ["/", "/tokens", "/sessions", "/generators", "/docs", f"/datasets/{dataset['id']}", "/nothing", "/sign-in"]
    for page in pages:
        html = browser.get(PATH + page).text
        addresses = OWN_ADDRESS.findall(html)
        assert len(addresses) > 5, page
        for address in addresses:
            assert address.startswith(f"{PATH}/"), (page, address)
            assert not address.startswith(PATH * 2), (page, address)
    for address in OWN_ADDRESS.findall(browser.get(f"{PATH}/").text):
        if "static" in address:
            assert browser.get(address).status_code == 200, address


def test_the_path_itself_and_what_only_looks_like_it(browser: httpx.Client, below: Service) -> None:
    assert "Your datasets" in browser.get(PATH).text
    assert "Your datasets" in browser.get(f"{PATH}/").text
    assert browser.get(f"{PATH}x/sign-in").status_code == 404
    assert below.client().get(PATH, headers={"Accept": "text/html"}).headers["location"] == f"{PATH}/sign-in"


def test_a_proxy_may_remove_the_path(browser: httpx.Client, below: Service) -> None:
    headers = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}", "Accept": "text/html"}
    page = below.client().get("/tokens", headers=headers)
    assert f'href="{PATH}/sessions"' in page.text


def test_addresses_in_headers_and_json_begin_with_the_path(below: Service) -> None:
    with below.client(user="admin") as api:
        dataset = upload_dataset(api)
        below.make_ready(dataset["id"], thumbs=[{"key": "x", "path": "y.png", "number": 0}])
        [thumbnail] = api.get(f"{PATH}/v1/datasets/{dataset['id']}").json()["thumbnails"]
        assert thumbnail["url"].startswith(f"{PATH}/v1/datasets/")
        job = api.post(f"{PATH}/v1/jobs", json={"kind": "protect", "dataset_id": dataset["id"]})
        assert job.headers["location"] == f"{PATH}/v1/jobs/{job.json()['id']}"
        assert api.get(job.headers["location"]).status_code == 200
        below.succeed(job.json()["id"], archive=b"zip")
        link = api.post(f"{job.headers['location']}/links").json()["url"]
        assert link.startswith(f"{below.url}{PATH}/v1/links/")
        assert httpx.get(link).content == b"zip"
        data = zipped()
        begun = api.post(f"{PATH}/v1/uploads", headers=TUS_HEADERS | {"Upload-Length": str(len(data))})
        assert begun.headers["location"].startswith(f"{PATH}/v1/uploads/")
        done = api.patch(begun.headers["location"], content=data, headers=PATCH_HEADERS | {"Upload-Offset": "0"})
        assert done.headers["upload-dataset"].startswith(f"{PATH}/v1/datasets/")
        assert api.get(done.headers["upload-dataset"]).status_code == 200
        assert api.get(f"{PATH}/v1/openapi.json").json()["servers"] == [{"url": PATH}]


def test_without_a_path_nothing_is_added(service: Service) -> None:
    assert "servers" not in service.client().get("/v1/openapi.json").json()
    assert f"{PATH}" not in service.client().get("/sign-in").text

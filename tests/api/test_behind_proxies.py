"""The service below a path, behind nginx and HAProxy of the distribution, as docs/proxy.md configures them."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from store import users
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, running
from tests.support.archives import zipped
from tests.support.broker import start_broker
from tests.support.ports import free_port
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PROXIES = ("nginx", "haproxy")
GUIDE = Path(__file__).parents[2] / "docs" / "proxy.md"
PATH = "/unteachable"


def documented(language: str) -> str:
    """The block of the guide in this language."""
    found = re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def start_proxy(name: str, folder: Path, port: int, backend: int) -> "subprocess.Popen[bytes]":
    """Start a proxy with the documented configuration on a port."""
    block = documented(name).replace("127.0.0.1:8000", f"127.0.0.1:{backend}")
    if name == "nginx":
        temporary = "\n".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = (
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary}\nserver {{ listen 127.0.0.1:{port};\n{block} }} }}\n"
        )
        command = ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/proxy.conf"]
    else:
        config = block.replace("bind :443 ssl crt /etc/haproxy/example.org.pem", f"bind 127.0.0.1:{port}")
        command = ["haproxy", "-db", "-f", f"{folder}/proxy.conf"]
    (folder / "proxy.conf").write_text(config)
    with (folder / "stderr").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=PROXIES)
def proxied(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Any) -> Iterator[Service]:
    """A service whose `url` is the public one, at the proxy."""
    name = request.param
    if shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is None:
        pytest.skip(f"{name} is not installed; `apt-get install {name}` does it on Debian")
    backend, port = free_port(), free_port()
    shutil.copy(sqlite_template, tmp_path / "unteachable.db")
    settings = Settings(
        _env_file=None, data_dir=tmp_path, port=backend, public_url=f"http://127.0.0.1:{port}{PATH}", threads=1
    )
    broker = start_broker(settings)
    proxy_dir = tmp_path / "proxy"
    proxy_dir.mkdir()
    proxy = start_proxy(name, proxy_dir, port, backend)
    try:
        with running(settings) as service:
            wait_until(lambda: is_listening(port), seconds=20)
            service.url = f"http://127.0.0.1:{port}"
            yield service
    finally:
        for process in (proxy, broker):
            process.terminate()
            process.wait(10)


def test_everything_works_through_the_proxy(proxied: Service) -> None:
    with proxied.db.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=60)
    browser = proxied.client(follow_redirects=True)
    browser.headers.update({"Origin": proxied.url, "Accept": "text/html"})
    start = browser.get(f"{PATH}/sign-in", params={"key": key})
    assert start.status_code == 200
    assert "Your datasets" in start.text
    for address in re.findall(r'="(/[^"]*)"', start.text):
        if "static" in address:
            assert browser.get(address).status_code == 200, address
    assert browser.get(f"{PATH}/sessions").text.count("This browser") == 1
    assert browser.post(f"{PATH}/v1/tokens", json={"name": "x"}, headers={"Origin": "http://evil.example"}).is_error

    with proxied.client(token=browser.post(f"{PATH}/v1/tokens", json={"name": "x"}).json()["token"]) as api:
        data = zipped()
        begun = api.post(f"{PATH}/v1/uploads", headers=TUS_HEADERS | {"Upload-Length": str(len(data))})
        done = api.patch(begun.headers["location"], content=data, headers=PATCH_HEADERS | {"Upload-Offset": "0"})
        dataset = api.get(done.headers["upload-dataset"]).json()
        proxied.make_ready(dataset["id"])
        job = api.post(f"{PATH}/v1/jobs", json={"kind": "protect", "dataset_id": dataset["id"]})
        began, events = time.monotonic(), []
        with api.stream("GET", f"{job.headers['location']}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("event"):
                    events.append(line)
                    if len(events) == 1:
                        assert time.monotonic() - began < 5, "the proxy holds events back"
                        proxied.succeed(job.json()["id"], archive=b"zip")
        assert len(events) >= 2
        link = api.post(f"{job.headers['location']}/links").json()["url"]
        assert link.startswith(f"{proxied.url}{PATH}/v1/links/")
        assert httpx.get(link).content == b"zip"
        assert api.get(f"{PATH}/metrics").status_code == 200
    assert browser.post(f"{PATH}/sign-out").url.path == f"{PATH}/sign-in"


@pytest.mark.parametrize("forged", [{}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}])
def test_a_client_of_the_proxy_is_not_this_machine(proxied: Service, forged: dict[str, str]) -> None:
    client = proxied.client()
    assert_problem(client.get(f"{PATH}/metrics", headers=forged), 401)
    assert client.get(f"{PATH}/readyz", headers=forged).json() == {"status": "ready"}
    assert client.get(f"{PATH}/healthz", headers={"Host": "evil.example"}).status_code in (400, 404)

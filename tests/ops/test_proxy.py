"""Behind a proxy that knows nothing of this machine, its own service is still reached."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ops.demo import client
from ops.instance_lock import is_ready
from store.addresses import ServiceAddress
from store.settings import Settings


class Answers(BaseHTTPRequestHandler):
    """Everything is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a service listens, while the environment names a proxy that nobody runs."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server.server_port
        server.shutdown()


def test_it_is_seen_to_be_ready(port: int) -> None:
    assert is_ready(ServiceAddress(host="127.0.0.1", port=port))


def test_the_demo_speaks_to_it(port: int, make_settings: Callable[..., Settings]) -> None:
    with client(make_settings(port=port), token="any") as api:
        assert api.get("/datasets").status_code == 200

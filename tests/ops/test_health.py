"""`unteachable health api`: asks the API for its liveness, and nothing that it needs."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ops.health import process_fault
from store.settings import Settings


class Answers(BaseHTTPRequestHandler):
    """Answers with the status of the server."""

    requests: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.requests.append((self.path, self.headers["Host"]))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Any]:
    Answers.requests = []
    with HTTPServer(("127.0.0.1", 0), Answers) as http:
        http.status = 200  # type: ignore[attr-defined]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_the_api_is_asked_at_this_machine(server: Any, make_settings: Callable[..., Settings], host: str) -> None:
    settings = make_settings(host=host, port=server.server_port, public_url="https://example.org/unteachable")
    assert process_fault(settings, "api") is None
    assert Answers.requests == [("/healthz", f"127.0.0.1:{server.server_port}")]
    server.status = 503
    assert process_fault(settings, "api") == "the API answers 503"


def test_an_api_that_is_not_there_is_no_traceback(server: Any, make_settings: Callable[..., Settings]) -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as closed:
        port = closed.server_port
    fault = process_fault(make_settings(port=port), "api")
    assert fault is not None
    assert fault.startswith("the API does not answer (")

"""Slow clients are dropped, and there are limits of connections; whoever waits for the health gets it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from api import connections
from store.settings import Settings
from tests.api.conftest import Service, running
from tests.support.archives import zipped
from tests.support.ports import free_port

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEADER_SECONDS, BODY_SECONDS = 0.4, 0.8


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, sqlite_template: object) -> Iterator[Service]:
    """A service with short time-outs and few connections."""
    home = tmp_path_factory.mktemp("limited")
    (home / "unteachable.db").write_bytes(sqlite_template.read_bytes())  # type: ignore[attr-defined]
    settings = Settings(
        _env_file=None,
        data_dir=home,
        port=free_port(),
        header_seconds=HEADER_SECONDS,
        body_seconds=BODY_SECONDS,
        max_connections=20,
        max_connections_per_address=12,
    )
    with running(settings) as service:
        yield service


def connect(service: Service, sent: bytes = b"", *, source: str = "127.0.0.1") -> socket.socket:
    """A connection over which some bytes were sent."""
    connection = socket.create_connection(("127.0.0.1", service.settings.port), 20, source_address=(source, 0))
    connection.sendall(sent)
    return connection


def received(connection: socket.socket) -> bytes:
    """Everything that arrives until the service closes the connection."""
    data = b""
    try:
        while chunk := connection.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        pass
    finally:
        connection.close()
    return data


def is_closed_within(connection: socket.socket, seconds: float) -> bytes:
    began = time.monotonic()
    data = received(connection)
    assert time.monotonic() - began < seconds
    return data


@pytest.mark.parametrize(
    "sent", [b"", b"\r\n", b"GET", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"POST /v1/jobs HTTP/1.1\r\nContent-Len"]
)
def test_a_header_that_does_not_end_is_not_waited_for(limited: Service, sent: bytes) -> None:
    data = is_closed_within(connect(limited, sent), HEADER_SECONDS + 3)
    assert data.startswith(b"HTTP/1.1 408 ") or (data == b"" and len(sent) < 3)


def test_a_header_that_arrives_byte_by_byte_is_not_waited_for(limited: Service) -> None:
    connection = connect(limited)
    closed = threading.Event()

    def drip() -> None:
        for byte in HEALTH[:-2] * 10:
            if closed.wait(0.05):
                return
            try:
                connection.send(bytes([byte]))
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        is_closed_within(connection, HEADER_SECONDS + 3)
    finally:
        closed.set()
        thread.join()


def test_the_second_request_of_a_connection_has_the_same_time(limited: Service) -> None:
    connection = connect(limited, HEALTH)
    assert b"200 OK" in connection.recv(1 << 16)
    connection.sendall(HEALTH[:-2])
    assert is_closed_within(connection, HEADER_SECONDS + 3).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("line", ["POST /v1/jobs", "POST /v1/datasets", "POST /v1/uploads", "GET /"])
def test_a_body_that_does_not_arrive_is_not_waited_for(
    limited: Service, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", BODY_SECONDS)
    token = limited.token("admin")
    boundary = "multipart/form-data; boundary=x" if "datasets" in line else "application/json"
    kind = "application/offset+octet-stream" if "uploads" in line else boundary
    head = (
        f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{limited.settings.port}\r\nAuthorization: Bearer {token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Length: 500\r\nContent-Type: {kind}\r\nContent-Length: 500\r\n\r\n"
    )
    data = is_closed_within(connect(limited, head.encode() + b"--x"), BODY_SECONDS + 5)
    assert data.startswith(b"HTTP/1.1 ")
    if line in ("POST /v1/jobs", "POST /v1/datasets", "POST /v1/uploads"):
        assert data.startswith(b"HTTP/1.1 408 ")


def test_an_upload_that_is_slow_but_steady_is_accepted(limited: Service) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    upload = part + zipped() + b"\r\n--x--\r\n"
    head = (
        f"POST /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1:{limited.settings.port}\r\nConnection: close\r\n"
        f"Authorization: Bearer {limited.token('admin')}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(upload)}\r\n\r\n"
    )
    connection = connect(limited, head.encode())
    parts = 6
    for n in range(parts):
        connection.sendall(upload[n * len(upload) // parts : (n + 1) * len(upload) // parts])
        time.sleep(0.15)
    assert received(connection).startswith(b"HTTP/1.1 201 ")


def test_a_client_that_does_not_read_is_dropped(limited: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.5)
    request = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection = connect(limited)
    connection.settimeout(10)
    began = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - began < 20:
            connection.sendall(request)
            time.sleep(0.02)
    connection.close()
    assert time.monotonic() - began < 15


def test_one_address_cannot_take_every_connection(limited: Service) -> None:
    limit = limited.settings.max_connections_per_address
    with ExitStack() as stack:
        for _ in range(limit):
            connection = stack.enter_context(connect(limited, HEALTH, source="127.0.0.7"))
            assert b"200 OK" in connection.recv(1 << 16)
        request = b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n"
        refused = received(connect(limited, request, source="127.0.0.7"))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in refused.lower()
        assert b"application/problem+json" in refused
        assert received(connect(limited, HEALTH, source="127.0.0.7")).startswith(b"HTTP/1.1 200 ")
        for_others = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert received(connect(limited, for_others, source="127.0.0.8")).startswith(b"HTTP/1.1 401 ")


def test_the_health_is_answered_beyond_the_limit_of_connections(limited: Service) -> None:
    with ExitStack() as stack:
        for n in range(limited.settings.max_connections + 2 * connections.MAX_REFUSED):
            stack.enter_context(connect(limited, source=f"127.0.1.{n % 250 + 1}"))
        assert received(connect(limited, HEALTH, source="127.0.0.9")).startswith(b"HTTP/1.1 200 ")


def test_hundreds_of_unfinished_requests_are_dropped(limited: Service) -> None:
    sockets = [connect(limited, b"GET / HTTP/1.1\r\n", source=f"127.0.2.{n % 250 + 1}") for n in range(300)]
    began = time.monotonic()
    for connection in sockets:
        received(connection)
    assert time.monotonic() - began < 10
    assert limited.client().get("/healthz").status_code == 200


def test_fewer_files_mean_fewer_connections(
    make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    from api import server

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    limits = server._connection_limits(make_settings(max_connections=5000))
    assert set_to == [(1024, 1024)]
    assert limits.connections == 1024 - server.OTHER_FILES

"""Readiness and status of an API whose database, broker and object store are on other machines."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.readiness import CHECK_SECONDS
from store import migrate
from store import models as m
from store.database import connect
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, running
from tests.support.ports import free_port

KEYS = "0123456789abcdef0123456789abcdef"


def test_a_shared_broker_or_store_that_is_away_takes_no_api_out(
    make_settings: Callable[..., Settings], s3_relay: Any
) -> None:
    server, faults = s3_relay
    settings = make_settings(**server.settings(prefix=m.new_id()), broker_url="redis://127.0.0.1:1/0", port=free_port())
    with running(settings) as service:
        client = service.client()
        assert client.get("/readyz").json() == {
            "status": "ready",
            "database": "ok",
            "broker": "does not answer",
            "store": "ok",
        }
        faults.everything(503)
        time.sleep(CHECK_SECONDS)
        client.get("/readyz")  # a new check begins, and this answer does not wait for it
        status = client.get("/status").json()
        assert client.get("/readyz").json()["store"] == "cannot be written or read"
        assert status["status"] == "ready"
        assert status["parts"]["database"] == {"ok": True, "needed": True, "detail": None}
        assert not status["parts"]["store"]["ok"]
        assert not status["parts"]["store"]["needed"]
        assert "503" in status["parts"]["store"]["detail"]
        assert "127.0.0.1:1" in status["parts"]["broker"]["detail"]
        admin = service.client(user="admin")
        answer = admin.get("/v1/jobs")
        assert answer.status_code == 200, "it answers what needs no file"


def test_a_schema_that_is_behind_is_not_ready(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        client = service.client()
        head = migrate.head_revision()
        assert client.get("/status").json()["database_schema"] == {"current": head, "expected": head}
        with service.db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")
        time.sleep(CHECK_SECONDS)
        found = assert_problem(client.get("/readyz"), 503, "has not the schema of this version")
        assert "database" in {error["field"] for error in found["errors"]}
        status = client.get("/status").json()
        assert (status["status"], status["database_schema"]["current"]) == ("not ready", "0009")
        assert "unteachable migrate" in status["parts"]["database"]["detail"]
        with service.db.engine.begin() as connection:  # as a later release leaves it, whose schema has more
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        time.sleep(CHECK_SECONDS)
        assert client.get("/status").json()["parts"]["database"]["ok"]


@pytest.fixture
def on_postgres(make_settings: Callable[..., Settings]) -> Iterator[tuple[Service, Any]]:
    """A service on a PostgreSQL server of its own, which a test may stop."""
    from tests.support.postgres import PostgresServer

    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder))
        server.start()
        try:
            database = connect(server.url)
            migrate.upgrade(database)
            database.dispose()
            with running(make_settings(database_url=server.url, secret_keys=KEYS, port=free_port())) as service:
                yield service, server
        finally:
            server.stop()


def every_request(service: Service) -> list[tuple[str, str]]:
    """The method and a path of every operation of the OpenAPI document, and of the pages."""
    document = service.client().get("/v1/openapi.json").json()
    listed = [
        (method.upper(), "/".join("x" * 22 if part.startswith("{") else part for part in path.split("/")))
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "patch", "delete", "put", "head")
    ]
    pages = ["/", "/generators", "/tokens", "/sessions", "/sign-in", "/sign-in?key=x"]
    pages += [f"/datasets/{'x' * 22}", f"/jobs/{'x' * 22}"]
    return [*listed, *(("GET", page) for page in pages)]


@pytest.mark.slow
def test_without_the_database_every_request_is_503_and_says_when_to_try_again(
    on_postgres: tuple[Service, Any],
) -> None:
    service, server = on_postgres
    admin, anonymous, browser = service.client(user="admin"), service.client(), service.client(follow_redirects=False)
    browser.headers["Accept"] = "text/html"
    browser.headers["Origin"] = service.url
    browser.post("/sign-in", data={"token": service.token("admin")})
    assert browser.get("/generators").status_code == 200
    requests = every_request(service)
    server.stop(2)  # SIGINT: it disconnects its clients
    needing = 0
    for method, path in requests:
        for client in (admin, browser, anonymous):
            body: dict[str, Any] = {} if method in ("GET", "DELETE", "HEAD") else {"json": {"kind": "protect"}}
            try:
                answer = client.request(method, path, **body)
            except httpx.ReadTimeout:
                pytest.fail(f"{method} {path}: no answer")
            assert answer.status_code < 500 or answer.status_code == 503, (method, path, answer.text[:300])
            if answer.status_code == 503:
                needing += 1
                assert int(answer.headers["Retry-After"]) >= 1, (method, path)
                assert "pg-" not in answer.text, "no address"
    assert needing > 60
    assert anonymous.get("/healthz").status_code == 200
    status = anonymous.get("/status").json()
    assert (status["status"], status["database_schema"]["current"]) == ("not ready", None)
    server.start()
    deadline = time.monotonic() + 20
    while anonymous.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert admin.get("/v1/jobs").status_code == 200

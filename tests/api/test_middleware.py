"""What every response has in common, errors above all; health, readiness and metrics."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from api.readiness import CHECK_SECONDS
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, request_job, running, upload_dataset
from tests.support.ports import free_port


def test_errors_of_every_kind_are_problems(api: httpx.Client) -> None:
    assert_problem(api.get("/v1/nothing"), 404)
    assert_problem(api.get("/nothing", headers={"Accept": "application/json"}), 404)
    assert_problem(api.get("/v1/jobs/"), 404)
    assert_problem(api.post("/v1/jobs", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"}), 413)

    def endless():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b" " * 100_000

    assert_problem(api.post("/v1/jobs", content=endless(), headers={"Content-Type": "application/json"}), 413)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/jobs", "GET, POST"),
        ("/v1/jobs/x", "GET, DELETE"),
        ("/v1/jobs/x/archive", "GET, HEAD"),
        ("/v1/uploads", "POST, OPTIONS"),
        ("/v1/uploads/x", "HEAD, PATCH, DELETE"),
        ("/v1/openapi.json", "GET, HEAD"),
        ("/sign-in", "GET, POST"),
        ("/static/base.css", "GET, HEAD"),
    ],
)
def test_a_405_lists_every_method_of_the_address(service: Service, path: str, methods: str) -> None:
    answer = service.client().put(path)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == methods


def test_the_listed_methods_are_those_that_are_answered(service: Service) -> None:
    listed = service.client().put("/v1/jobs/x/archive").headers["allow"].split(", ")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status = service.client().request(method, "/v1/jobs/x/archive").status_code
        assert (status == 405) is (method not in listed), method


def test_browsers_get_an_error_page_and_programs_a_problem(service: Service) -> None:
    anonymous = service.client()
    page = anonymous.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert_problem(anonymous.get("/v1/nothing", headers={"Accept": "text/html"}), 404)


def test_an_internal_error_shows_no_stack_trace(
    make_settings: Callable[..., Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        client = service.client(user="admin")
        with service.db.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE jobs")
        answer = client.get("/v1/jobs", headers={"X-Request-Id": "look-for-me"})
    body = assert_problem(answer, 500, "look-for-me")
    assert answer.headers["x-request-id"] == body["request_id"] == "look-for-me"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for word in ("Traceback", "sqlalchemy", "sqlite", "jobs."):
        assert word not in answer.text
    logged = capfd.readouterr()
    assert "request.failed" in logged.out + logged.err
    assert "look-for-me" in logged.out + logged.err


@pytest.mark.parametrize(
    ("proposed", "adopted"),
    [("abc-1_2.3", True), ("x" * 100, True), ("x" * 101, False), ("a b", False), ("<b>", False)],
)
def test_a_valid_request_id_is_adopted(api: httpx.Client, proposed: str, *, adopted: bool) -> None:
    answer = api.get("/v1/nothing", headers={"X-Request-Id": proposed})
    assert (answer.headers["x-request-id"] == proposed) is adopted
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_job_stores_its_request_id(api: httpx.Client, service: Service) -> None:
    from store import models as m

    dataset = upload_dataset(api)
    body = {"kind": "protect", "dataset_id": dataset["id"]}
    job = api.post("/v1/jobs", json=body, headers={"X-Request-Id": "from-here"}).json()
    with service.db.read() as session:
        assert session.get_one(m.Job, job["id"]).request_id == "from-here"


def test_security_headers(api: httpx.Client) -> None:
    for path in ("/v1/jobs", "/v1/nothing", "/", "/nothing", "/healthz", "/static/base.css"):
        headers = api.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] in ("DENY", "SAMEORIGIN")
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert "server" not in headers
    assert api.get("/v1/jobs").headers["cache-control"] == "no-store"


def test_a_working_service_is_healthy_and_ready(service: Service) -> None:
    anonymous = service.client()
    assert anonymous.get("/healthz").json() == {"status": "ok"}
    assert anonymous.get("/readyz").json() == {"status": "ready", "database": "ok", "broker": "ok", "store": "ok"}


def test_readiness_names_what_cannot_be_reached(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        anonymous = service.client()
        found = assert_problem(anonymous.get("/readyz"), 503, "the broker")
        assert [e["field"] for e in found["errors"]] == ["broker"]
        time.sleep(CHECK_SECONDS)
        with service.db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE users RENAME TO hidden_users")
        files = Path(settings.store)
        files.rename(settings.home / "away")
        files.write_text("in the way")
        found = assert_problem(anonymous.get("/readyz"), 503)
        assert {e["field"] for e in found["errors"]} == {"database", "broker", "store"}
        assert anonymous.get("/healthz").status_code == 200
        files.unlink()


def test_metrics(service: Service, api: httpx.Client) -> None:
    dataset = upload_dataset(api)
    request_job(api, dataset["id"])
    api.get(f"/v1/datasets/{dataset['id']}")
    api.get("/v1/nothing")
    text = service.client().get("/metrics").text
    route = 'method="GET",route="/v1/datasets/{dataset_id}"'
    assert f'unteachable_requests_total{{{route},status="200"}}' in text
    assert f"unteachable_request_seconds_count{{{route}}}" in text
    assert 'route="(none)",status="404"' in text
    assert dataset["id"] not in text
    counted = [line for line in text.splitlines() if line.startswith('unteachable_jobs{kind="protect",state="queued"}')]
    assert float(counted[0].split()[-1]) >= 1
    for name in ("waiting_jobs", "running_jobs", "oldest_seconds", "workers"):
        assert f'unteachable_queue_{name}{{queue="cpu"}} ' in text


def test_the_form_of_a_page_has_a_size_limit(service: Service) -> None:
    answer = service.client().post("/sign-in", data={"token": "x" * 3_000_000})
    assert answer.status_code == 413


def test_the_api_does_not_import_torch() -> None:
    heavy = ("torch", "torchvision", "numpy", "PIL", "matplotlib", "torchmetrics")
    code = f"import sys, api.app, api.server; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""What every answer has, errors most of all; and what machines that watch this one are told."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from store.settings import Settings
from tests.api.conftest import Service, asked, free_port, problem, running, sent


def test_errors_of_every_kind_are_problems(api: httpx.Client) -> None:
    problem(api.get("/v1/nothing"), 404)
    problem(api.get("/nothing", headers={"Accept": "application/json"}), 404)
    problem(api.get("/v1/jobs/"), 404)
    problem(api.post("/v1/jobs", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"}), 413)

    def endless():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b" " * 100_000

    problem(api.post("/v1/jobs", content=endless(), headers={"Content-Type": "application/json"}), 413)


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
    problem(answer, 405)
    assert answer.headers["allow"] == methods


def test_the_listed_methods_are_those_that_are_answered(service: Service) -> None:
    listed = service.client().put("/v1/jobs/x/archive").headers["allow"].split(", ")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        status = service.client().request(method, "/v1/jobs/x/archive").status_code
        assert (status == 405) is (method not in listed), method


def test_people_get_a_page_programs_a_problem(service: Service) -> None:
    nobody = service.client()
    page = nobody.get("/nothing", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    problem(nobody.get("/v1/nothing", headers={"Accept": "text/html"}), 404)


def test_a_broken_service_says_so_without_a_trace(
    make_settings: Callable[..., Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        client = service.client(user="admin")
        with service.db.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE jobs")
        answer = client.get("/v1/jobs", headers={"X-Request-Id": "look-for-me"})
    body = problem(answer, 500, "look-for-me")
    assert answer.headers["x-request-id"] == body["request_id"] == "look-for-me"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for word in ("Traceback", "sqlalchemy", "sqlite", "jobs."):
        assert word not in answer.text
    logged = capfd.readouterr()
    assert "request.failed" in logged.out + logged.err
    assert "look-for-me" in logged.out + logged.err


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1_2.3", True), ("x" * 100, True), ("x" * 101, False), ("a b", False), ("<b>", False)]
)
def test_request_ids(api: httpx.Client, given: str, *, kept: bool) -> None:
    answer = api.get("/v1/nothing", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_request_id_goes_with_the_job(api: httpx.Client, service: Service) -> None:
    from store import models as m

    dataset = sent(api)
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


def test_up_and_ready(service: Service) -> None:
    nobody = service.client()
    assert nobody.get("/healthz").json() == {"status": "ok"}
    assert nobody.get("/readyz").json() == {"status": "ready", "database": "ok", "broker": "ok", "store": "ok"}


def test_not_ready_names_what_is_missing(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        nobody = service.client()
        found = problem(nobody.get("/readyz"), 503, "the broker")
        assert [e["field"] for e in found["errors"]] == ["broker"]
        with service.db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE users RENAME TO nobody")
        files = Path(settings.store)
        files.rename(settings.home / "away")
        files.write_text("in the way")
        found = problem(nobody.get("/readyz"), 503)
        assert {e["field"] for e in found["errors"]} == {"database", "broker", "store"}
        assert nobody.get("/healthz").status_code == 200
        files.unlink()


def test_metrics(service: Service, api: httpx.Client) -> None:
    dataset = sent(api)
    asked(api, dataset["id"])
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


def test_a_form_on_a_page_has_a_limit_too(service: Service) -> None:
    answer = service.client().post("/sign-in", data={"token": "x" * 3_000_000})
    assert answer.status_code == 413


def test_the_api_sees_no_torch() -> None:
    heavy = ("torch", "torchvision", "numpy", "PIL", "matplotlib", "torchmetrics")
    code = f"import sys, api.app, api.server; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Hosts and origins: unknown hosts are refused, links are built on known ones, and monitoring is for this machine."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api import readiness
from api.app import create_app
from api.auth import COOKIE
from store import users
from store.addresses import OWN_PATHS
from store.object_store import ObjectStore
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, request_job, running, upload_dataset
from tests.support.ports import free_port

PUBLIC = "https://pics.example"


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[Service]:
    """A service whose users reach it at a public URL, through a proxy that ends HTTPS."""
    home = tmp_path_factory.mktemp("behind-proxy")
    (home / "unteachable.db").write_bytes(sqlite_template.read_bytes())
    settings = Settings(
        _env_file=None, data_dir=home, port=free_port(), public_url=PUBLIC, allowed_hosts="also.example", threads=1
    )
    with running(settings) as service:
        yield service


@pytest.mark.parametrize("path", ["/", "/sign-in", "/v1/jobs", "/healthz", "/static/base.css", "/nothing"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:PORT", "127.0.0.1.evil.example", "0.0.0.0:PORT", "", "a b"]
)
def test_an_unknown_host_is_refused(service: Service, host: str, path: str) -> None:
    answer = service.client().get(path, headers={"Host": host.replace("PORT", str(service.settings.port))})
    assert answer.status_code == 400
    if host.startswith("evil"):
        assert_problem(answer, 400, "evil.example", "UNTEACHABLE_PUBLIC_URL", "UNTEACHABLE_ALLOWED_HOSTS")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:PORT", "localhost."])
def test_this_machine_is_known_at_any_port(service: Service, host: str) -> None:
    host = host.replace("PORT", str(service.settings.port))
    assert service.client().get("/healthz", headers={"Host": host}).status_code == 200


def test_the_hosts_of_the_settings_are_known(behind_proxy: Service) -> None:
    for host in ("pics.example", "pics.example:443", "also.example:8000", "127.0.0.1"):
        assert behind_proxy.client().get("/healthz", headers={"Host": host}).status_code == 200
    assert behind_proxy.client().get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_a_forwarded_host_changes_nothing(service: Service, api: httpx.Client) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"])
    service.succeed(job["id"], archive=b"zip")
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    made = api.post(f"/v1/jobs/{job['id']}/links", headers=forged).json()["url"]
    assert made.startswith(f"{service.url}/v1/links/")
    other_name = f"localhost:{service.settings.port}"
    made = api.post(f"/v1/jobs/{job['id']}/links", headers={"Host": other_name}).json()["url"]
    assert made.startswith(f"http://{other_name}/v1/links/")
    assert_problem(api.post(f"/v1/jobs/{job['id']}/links", headers={"Host": "evil.example"}), 400)


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("pics.example", PUBLIC, 201),
        ("127.0.0.1:PORT", PUBLIC, 201),  # a proxy that passes on no host
        ("127.0.0.1:PORT", "http://127.0.0.1:PORT", 201),  # without the proxy
        ("also.example:8000", "http://also.example:8000", 201),
        ("pics.example", "http://pics.example", 403),
        ("pics.example:PORT", "http://pics.example:PORT", 403),
        ("pics.example", "https://pics.example:8443", 403),
        ("also.example:8000", "https://also.example:8000", 403),
        ("also.example", "http://pics.example", 403),
    ],
)
def test_behind_a_proxy_the_origin_is_the_public_one(
    behind_proxy: Service, host: str, origin: str, status: int
) -> None:
    with behind_proxy.db.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=60)
    browser = behind_proxy.client()
    assert browser.get("/sign-in", params={"key": key}).status_code == 303
    port = str(behind_proxy.settings.port)
    headers = {"Host": host.replace("PORT", port), "Origin": origin.replace("PORT", port)}
    headers["Cookie"] = f"{COOKIE}={browser.cookies[COOKIE]}"
    assert behind_proxy.client().post("/v1/tokens", json={"name": "x"}, headers=headers).status_code == status


MONITORING = ["/metrics", "/readyz", "/status"]


def sees_detail(answer: httpx.Response) -> bool:
    return "broker" in answer.text or "unteachable_requests" in answer.text


@pytest.mark.parametrize("path", MONITORING)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"X-Real-IP": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Forwarded-Proto": "https"},
    ],
)
def test_through_a_proxy_monitoring_needs_a_token(
    service: Service, other: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    anonymous = service.client()
    assert sees_detail(anonymous.get(path))
    assert not sees_detail(anonymous.get(path, headers=headers))
    assert not sees_detail(other.get(path, headers=headers)), "a user who is no admin"
    with service.client(user="admin") as admin:
        assert sees_detail(admin.get(path, headers=headers))
    status = anonymous.get(path, headers=headers).status_code
    assert status == (200 if path == "/readyz" else 401)


@pytest.mark.parametrize("path", MONITORING)
def test_behind_a_public_url_monitoring_always_needs_a_token(behind_proxy: Service, path: str) -> None:
    """A proxy on this machine may leave no header, and call the service 127.0.0.1."""
    assert not sees_detail(behind_proxy.client().get(path))
    assert not sees_detail(behind_proxy.client(token="wrong").get(path))
    with behind_proxy.client(user="admin") as admin:
        assert sees_detail(admin.get(path))


def test_not_ready_names_no_part_to_others(behind_proxy: Service) -> None:
    """No broker runs."""
    problem = assert_problem(behind_proxy.client().get("/readyz"), 503)
    assert problem["detail"] == "Not ready."
    assert "errors" not in problem
    with behind_proxy.client(user="admin") as admin:
        assert_problem(admin.get("/readyz"), 503, "the broker does not answer")


def test_asking_for_readiness_does_not_write_each_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = ObjectStore.write
    monkeypatch.setattr(ObjectStore, "write", lambda *given: (written.append(given[1]), write(*given))[1])
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.0)
    client = service.client()
    assert {client.get("/readyz").status_code for _ in range(30)} == {200}
    assert len(written) <= 1


def test_a_store_that_can_be_read_only_is_noticed(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(port=free_port())
    with running(settings) as service:
        (service.settings.home / "files" / "probe").write_text("in the way of every write")
        problem = assert_problem(service.client().get("/readyz"), 503)
    assert "store" in {error["field"] for error in problem["errors"]}


@pytest.fixture
def slow_check() -> tuple[readiness._CachedCheck, threading.Event, threading.Event]:
    """A check whose second result waits for the first event, and then has set the second."""
    go_on, checking = threading.Event(), threading.Event()
    answers = iter(["first", "second", "third"])

    def check() -> str:
        answer = next(answers)
        if answer == "second":
            checking.set()
            go_on.wait(10)
        return answer

    return readiness._CachedCheck(check, seconds=0.0), go_on, checking


def test_while_a_check_hangs_others_get_the_result_before(slow_check: Any) -> None:
    cached, go_on, checking = slow_check
    assert cached.latest() == "first"
    hanging = threading.Thread(target=cached.latest)
    hanging.start()
    assert checking.wait(10)
    assert cached.latest() == "first"
    go_on.set()
    hanging.join(10)
    assert cached.fault == "second"


def test_a_status_waits_for_the_check_that_another_request_began(slow_check: Any) -> None:
    cached, go_on, checking = slow_check
    assert cached.latest_at_once() == "first"
    assert cached.latest_at_once() == "first"  # it begins a new check
    assert checking.wait(10)
    threading.Timer(0.2, go_on.set).start()
    assert cached.current() == "third"


def test_a_public_url_cannot_begin_with_a_path_of_the_service(service: Service) -> None:
    parts: set[str] = set()
    for outer in create_app(service.settings).routes:
        inner = getattr(getattr(outer, "original_router", None), "routes", [outer])
        parts |= {route.path.split("/")[1] for route in inner}
    assert parts - {""} == OWN_PATHS

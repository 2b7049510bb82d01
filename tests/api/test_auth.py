"""Authentication by token, cookie and sign-in link; and resources of another user answer 404."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.auth import COOKIE
from store import models as m
from store import users
from store.clock import utc_now
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.archives import zipped
from tests.support.tus_client import PATCH_HEADERS, TUS_HEADERS, begin

PROTECTED = [
    ("GET", "/v1/datasets"),
    ("POST", "/v1/datasets"),
    ("GET", "/v1/datasets/x"),
    ("DELETE", "/v1/datasets/x"),
    ("GET", "/v1/datasets/x/thumbnails/0"),
    ("GET", "/v1/datasets/x/images"),
    ("GET", "/v1/datasets/x/images/0"),
    ("GET", "/v1/datasets/x/images/0/thumbnail"),
    ("GET", "/v1/jobs/x/images/0"),
    ("POST", "/v1/datasets/x/trial"),
    ("GET", "/v1/datasets/x/trial"),
    ("GET", "/v1/datasets/x/trial/0/x"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/x"),
    ("DELETE", "/v1/jobs/x"),
    ("POST", "/v1/jobs/x/cancel"),
    ("GET", "/v1/jobs/x/events"),
    ("GET", "/v1/jobs/x/report"),
    ("GET", "/v1/jobs/x/rows"),
    ("GET", "/v1/jobs/x/archive"),
    ("POST", "/v1/jobs/x/links"),
    ("GET", "/v1/spec"),
    ("GET", "/v1/generators"),
    ("GET", "/v1/generators/x"),
    ("GET", "/v1/tokens"),
    ("DELETE", "/v1/tokens/x"),
    ("POST", "/v1/uploads"),
    ("PATCH", "/v1/uploads/x"),
    ("DELETE", "/v1/uploads/x"),
    ("GET", "/v1/admin/workers"),
    ("GET", "/v1/admin/queues"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic YTpi", "Bearer unt_\xe9"])
def test_requests_without_a_valid_token_are_refused(
    service: Service, method: str, path: str, header: str | None
) -> None:
    headers: dict[str, Any] = (
        TUS_HEADERS if header is None else TUS_HEADERS | {"Authorization": header.encode("latin-1")}
    )
    body = {"json": {"kind": "protect", "dataset_id": "x"}} if path == "/v1/jobs" and method == "POST" else {}
    answer = service.client().request(method, path, headers=headers, **body)  # type: ignore[arg-type]
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_protected_operation_is_tested(service: Service) -> None:
    paths = service.client().get("/v1/openapi.json").json()["paths"]
    # test_hosts.py has the rules of /metrics and /status
    open_to_all = {"/healthz", "/readyz", "/metrics", "/status", "/v1/links/{signed}"}
    known = {(method, path.replace("/x", "/{}").replace("/0", "/{}")) for method, path in PROTECTED}
    for path, item in paths.items():
        plain = "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
        for method in set(item) & {"get", "post", "patch", "delete", "put"} if path not in open_to_all else set():
            assert (method.upper(), plain) in known or (method, path) == ("post", "/v1/tokens"), (method, path)


def test_resources_of_another_user_answer_404(api: httpx.Client, other: httpx.Client, service: Service) -> None:
    dataset = upload_dataset(api)
    service.make_ready(dataset["id"], thumbs=[{"key": "x", "path": "y"}])
    job = request_job(api, dataset["id"])
    service.succeed(job["id"], archive=b"zip")
    upload = begin(api, 100)
    token = api.post("/v1/tokens", json={"name": "mine"}).json()
    d, j, t = f"/v1/datasets/{dataset['id']}", f"/v1/jobs/{job['id']}", f"/v1/tokens/{token['id']}"
    asks = [("GET", d), ("DELETE", d), ("GET", f"{d}/thumbnails/0"), ("GET", j), ("DELETE", j), ("POST", f"{j}/cancel")]
    asks += [("GET", f"{j}/{what}") for what in ("events", "rows", "report", "archive")] + [("POST", f"{j}/links")]
    asks += [("DELETE", t), ("DELETE", upload)]
    for method, path in asks:
        assert_problem(other.request(method, path, headers=TUS_HEADERS), 404)
        assert_problem(api.request(method, path.replace(path.split("/")[3], m.new_id()), headers=TUS_HEADERS), 404)
    assert other.head(upload, headers=TUS_HEADERS).status_code == 404
    assert_problem(other.patch(upload, content=b"x", headers=PATCH_HEADERS | {"Upload-Offset": "0"}), 404)
    assert_problem(other.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset["id"]}), 404)
    assert dataset["id"] not in other.get("/v1/datasets").text
    assert job["id"] not in other.get("/v1/jobs").text
    assert token["id"] not in other.get("/v1/tokens").text
    assert api.get(j).status_code == api.get(d).status_code == 200
    assert api.delete(upload, headers=TUS_HEADERS).status_code == 204


@pytest.mark.parametrize("strange", ["x", "%00", "..%2f..", "é", "a" * 500, "1' OR '1'='1", "%F0%9F%98%80", "a%0Ab"])
def test_invalid_ids_answer_404(api: httpx.Client, strange: str) -> None:
    addresses = ("datasets/{}", "jobs/{}", "jobs/{}/archive", "datasets/{}/thumbnails/0", "generators/{}")
    for path in (f"/v1/{address}" for address in addresses):
        assert_problem(api.get(path.format(strange)), 404)
    assert_problem(api.delete(f"/v1/tokens/{strange}"), 404)
    assert api.head(f"/v1/uploads/{strange}", headers=TUS_HEADERS).status_code == 404


def test_a_token_is_shown_once_and_stored_as_a_hash(api: httpx.Client, service: Service) -> None:
    made = api.post("/v1/tokens", json={"name": "laptop"})
    assert made.status_code == 201
    token = made.json()
    assert service.client(token=token["token"]).get("/v1/jobs").status_code == 200
    listed = {t["id"]: t for t in api.get("/v1/tokens?limit=200").json()["items"]}[token["id"]]
    assert listed | {"last_used_at": None} == {k: v for k, v in token.items() if k != "token"}
    with service.db.read() as session:
        row = session.get(m.Token, token["id"])
        assert row is not None
        assert token["token"] not in str(vars(row))
    assert api.delete(f"/v1/tokens/{token['id']}").status_code == 204
    assert_problem(service.client(token=token["token"]).get("/v1/jobs"), 401)


def test_the_last_use_of_a_token_is_recorded_at_most_once_a_minute(api: httpx.Client, service: Service) -> None:
    token = api.post("/v1/tokens", json={"name": "camera"}).json()

    def last_used() -> str | None:
        listed = api.get("/v1/tokens?limit=200").json()["items"]
        return next(t["last_used_at"] for t in listed if t["id"] == token["id"])

    assert token["last_used_at"] is last_used() is None
    client = service.client(token=token["token"])
    client.get("/v1/jobs")
    first = last_used()
    assert first is not None
    client.get("/v1/jobs")
    assert last_used() == first
    with service.db.write.begin() as session:
        session.get_one(m.Token, token["id"]).last_used_at = utc_now() - timedelta(hours=1)
    client.get("/v1/jobs")
    assert last_used() is not None
    assert str(last_used()) >= first


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "  "}, {"name": "x" * 201}, {"name": "a\nb"}, {"name": 1}, []]
)
def test_a_token_needs_a_name(api: httpx.Client, body: object) -> None:
    assert assert_problem(api.post("/v1/tokens", json=body), 422)["errors"]


def signed_in(service: Service) -> httpx.Client:
    """A browser that used the sign-in link."""
    with service.db.write.begin() as session:
        admin = users.local_admin(session)
        key = users.create_sign_in_key(session, user_id=admin.id, seconds=60)
    browser = service.client()
    assert browser.get("/sign-in", params={"key": key}).status_code == 303
    again = service.client().get("/sign-in", params={"key": key})
    assert again.status_code == 403
    assert COOKIE not in again.cookies
    return browser


def test_the_sign_in_link_works_once_and_sets_a_session_cookie(service: Service) -> None:
    browser = signed_in(service)
    assert browser.get("/v1/datasets").status_code == 200
    [cookie] = [c for c in browser.cookies.jar if c.name == COOKIE]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    for wrong in ("x", f"{cookie.value}x", cookie.value[:-3] if cookie.value else ""):
        assert_problem(httpx.get(f"{service.url}/v1/jobs", cookies={COOKIE: wrong}), 401)


def test_revoking_a_token_ends_the_sessions_it_began(service: Service) -> None:
    own, browser = service.client(user="admin"), service.client()
    leaked = own.post("/v1/tokens", json={"name": "leaked"}).json()
    browser.headers["Origin"] = service.url
    assert browser.post("/sign-in", data={"token": leaked["token"]}).status_code == 303
    assert browser.get("/v1/jobs").status_code == 200
    other = signed_in(service)
    assert own.delete(f"/v1/tokens/{leaked['id']}").status_code == 204
    assert_problem(browser.get("/v1/jobs"), 401)
    assert_problem(browser.post("/v1/tokens", json={"name": "another"}), 401)
    assert other.get("/v1/jobs").status_code == 200, "a session that a link began is another's"


@pytest.mark.parametrize("strange", ["x", "%00", "%F0%9F%98%80"])
def test_the_page_answers_404_when_it_revokes_an_unknown_token(service: Service, strange: str) -> None:
    browser = signed_in(service)
    browser.headers["Origin"] = service.url
    assert browser.post(f"/tokens/{strange}/revoke").status_code == 404


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://["}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, False),
        ({"Origin": "https://SELF"}, False),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": "http://127.0.0.1:1"}, False),
        ({"Origin": "http://localhost:PORT"}, False),
        ({"Origin": "http://SELF.evil.example"}, False),
        ({"Origin": "http://evil@SELF"}, False),
        ({"Origin": "ftp://SELF"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://SELF"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://SELF"}, True),
    ],
)
def test_a_cross_origin_request_with_the_cookie_is_refused(
    service: Service, headers: dict[str, str], *, allowed: bool
) -> None:
    browser = signed_in(service)
    own, port = service.url.removeprefix("http://"), str(service.settings.port)
    headers = {name: value.replace("SELF", own).replace("PORT", port) for name, value in headers.items()}
    answers = [
        browser.post("/v1/datasets", files={"file": ("a.zip", zipped())}, headers=headers),
        browser.post("/v1/tokens", json={"name": "x"}, headers=headers),
        browser.post("/v1/uploads", headers=TUS_HEADERS | headers | {"Upload-Length": "5"}),
    ]
    for answer in answers:
        assert answer.status_code == 201 if allowed else assert_problem(answer, 403)
    if allowed:
        assert browser.delete(answers[-1].headers["location"], headers=TUS_HEADERS | headers).status_code == 204


def test_an_invalid_token_is_refused_despite_a_valid_cookie(service: Service) -> None:
    browser = signed_in(service)
    assert_problem(browser.get("/v1/jobs", headers={"Authorization": "Bearer wrong"}), 401)

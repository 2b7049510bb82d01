"""Sessions are rows: they are listed, they end when they are ended, and a cookie without a row signs nobody in."""

from datetime import timedelta

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from api.app import _remove_expired
from api.auth import COOKIE
from api.pages.browser_names import browser_name
from store import models as m
from store import sessions, users
from store.clock import utc_now
from tests.api.conftest import Service, assert_problem

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(service: Service, *, user: str = "admin", browser: str = FIREFOX) -> httpx.Client:
    """A browser that used a sign-in link."""
    with service.db.write.begin() as session:
        user_id = service.user(session, user).id
        key = users.create_sign_in_key(session, user_id=user_id, seconds=60)
    client = service.client()
    client.headers.update({"User-Agent": browser, "Origin": service.url})
    assert client.get("/sign-in", params={"key": key}).status_code == 303
    assert client.get("/v1/jobs").status_code == 200
    return client


def copy_of(client: httpx.Client, service: Service) -> httpx.Client:
    """Another client with the same cookie, as whoever copied the cookie has it."""
    copied = service.client()
    copied.cookies.update(client.cookies)
    copied.headers["Origin"] = service.url
    assert copied.get("/v1/jobs").status_code == 200
    return copied


def rows_of(service: Service, user: str = "admin") -> list[m.BrowserSession]:
    with service.db.read() as session:
        return [entry.row for entry in sessions.of_user(session, service.user(session, user).id)]


def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(service: Service) -> None:
    browser = signed_in(service)
    stolen = copy_of(browser, service)
    other = signed_in(service)
    answer = browser.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert COOKIE not in browser.cookies
    assert_problem(stolen.get("/v1/jobs"), 401)
    assert_problem(stolen.post("/v1/tokens", json={"name": "x"}), 401)
    assert stolen.get("/", headers={"Accept": "text/html"}).headers["location"] == "/sign-in"
    assert other.get("/v1/jobs").status_code == 200


def test_the_page_says_when_from_where_and_with_which_browser(service: Service) -> None:
    browser = signed_in(service)
    page = browser.get("/sessions").text
    assert "Firefox on Linux" in page
    assert "127.0.0.1" in page
    assert "by a sign-in link" in page
    assert page.count("This browser") == 1
    token = browser.post("/v1/tokens", json={"name": "a <b>laptop</b>"}).json()["token"]
    by_token = service.client()
    by_token.headers.update({"User-Agent": "<script>alert(1)</script>", "Origin": service.url})
    assert by_token.post("/sign-in", data={"token": token}).status_code == 303
    page = browser.get("/sessions").text
    assert "the token “a &lt;b&gt;laptop&lt;/b&gt;”" in page
    assert "<script>alert" not in page
    assert {row.address for row in rows_of(service) if row.token_id is not None} == {"127.0.0.1"}


def test_one_session_is_ended(service: Service) -> None:
    browser, lost = signed_in(service, user="anna"), signed_in(service, user="anna", browser="curl/8.5.0")
    [row] = [row for row in rows_of(service, "anna") if row.browser == "curl/8.5.0"]
    assert browser.post(f"/sessions/{row.id}/end").headers["location"] == "/sessions"
    assert_problem(lost.get("/v1/jobs"), 401)
    assert browser.get("/v1/jobs").status_code == 200
    [own] = rows_of(service, "anna")
    assert browser.post(f"/sessions/{own.id}/end").headers["location"] == "/sign-in"
    assert_problem(browser.get("/v1/jobs"), 401)


def test_all_others_or_all_sessions_are_ended(service: Service) -> None:
    browsers = [signed_in(service, user="bert") for _ in range(3)]
    other = signed_in(service, user="carl")
    assert browsers[0].post("/sessions/end", data={"others": "true"}).headers["location"] == "/sessions"
    assert [b.get("/v1/jobs").status_code for b in browsers] == [200, 401, 401]
    again = signed_in(service, user="bert")
    assert browsers[0].post("/sessions/end").headers["location"] == "/sign-in"
    assert [b.get("/v1/jobs").status_code for b in (browsers[0], again)] == [401, 401]
    assert rows_of(service, "bert") == []
    assert other.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize("strange", ["x", "%00", "%F0%9F%98%80", "A" * 22])
def test_another_users_or_no_session_cannot_be_ended(service: Service, strange: str) -> None:
    victim, attacker = signed_in(service, user="victim"), signed_in(service, user="attacker")
    row = next(iter(rows_of(service, "victim")))
    assert attacker.post(f"/sessions/{strange}/end").status_code == 404
    assert attacker.post(f"/sessions/{row.id}/end").status_code == 404
    assert victim.get("/v1/jobs").status_code == 200
    attacker.headers["Origin"] = "http://evil.example"
    for path in ("/sessions/end", f"/sessions/{rows_of(service, 'attacker')[0].id}/end", "/sign-out"):
        assert attacker.post(path).status_code == 403
    assert attacker.get("/v1/jobs").status_code == 200


def test_a_session_ends_with_its_token_and_its_row(service: Service) -> None:
    browser = signed_in(service, user="dora")
    token = browser.post("/v1/tokens", json={"name": "shared"}).json()
    by_token = service.client()
    by_token.headers["Origin"] = service.url
    assert by_token.post("/sign-in", data={"token": token["token"]}).status_code == 303
    assert len(rows_of(service, "dora")) == 2
    assert browser.post(f"/tokens/{token['id']}/revoke").status_code == 303
    assert_problem(by_token.get("/v1/jobs"), 401)
    assert len(rows_of(service, "dora")) == 1


def test_signing_in_again_replaces_the_session_of_the_browser(service: Service) -> None:
    browser = signed_in(service, user="emil")
    stolen = copy_of(browser, service)
    token = browser.post("/v1/tokens", json={"name": "again"}).json()["token"]
    assert browser.post("/sign-in", data={"token": token}).status_code == 303
    assert len(rows_of(service, "emil")) == 1
    assert_problem(stolen.get("/v1/jobs"), 401)


@pytest.mark.parametrize("content", ["USER", {"token": "TOKEN"}, {"session": 1}, {"session": None}, [], {}])
def test_a_signed_cookie_without_a_session_signs_nobody_in(service: Service, content: object) -> None:
    """Cookies of earlier versions named the user or the token alone."""
    with service.db.write.begin() as session:
        admin = users.local_admin(session).id
        token, _ = users.create_token(session, user_id=admin, name="old")
    content = {"USER": admin}.get(content, content) if isinstance(content, str) else content
    content = {"token": token.id} if content == {"token": "TOKEN"} else content
    cookie = URLSafeTimedSerializer(list(service.context().keys), salt="session").dumps(content)
    assert_problem(httpx.get(f"{service.url}/v1/jobs", cookies={COOKIE: cookie}), 401)


def test_an_expired_session_is_refused_and_its_row_is_deleted(service: Service) -> None:
    browser = signed_in(service, user="fritz")
    with service.db.write.begin() as session:
        user_id = service.user(session, "fritz").id
        session.query(m.BrowserSession).filter_by(user_id=user_id).update({"expires_at": utc_now()})
        users.create_sign_in_key(session, user_id=user_id, seconds=0)
    assert_problem(browser.get("/v1/jobs"), 401)
    assert rows_of(service, "fritz") == []
    context = service.context()
    _remove_expired(context)
    context.db.dispose()
    with service.db.read() as session:
        assert session.query(m.BrowserSession).filter_by(user_id=user_id).count() == 0
        assert session.query(m.SignInLink).filter_by(user_id=user_id).count() == 1, "the one that is still valid"
    assert signed_in(service, user="fritz")


def test_the_last_use_is_recorded_at_most_once_a_minute(service: Service) -> None:
    browser = signed_in(service, user="gerd")
    first = rows_of(service, "gerd")[0].last_seen_at
    browser.get("/v1/jobs", headers={"User-Agent": "updated"})
    assert rows_of(service, "gerd")[0].last_seen_at == first
    with service.db.write.begin() as session:
        session.get_one(m.BrowserSession, rows_of(service, "gerd")[0].id).last_seen_at = first - timedelta(hours=1)
    browser.get("/v1/jobs", headers={"User-Agent": "updated"})
    [row] = rows_of(service, "gerd")
    assert row.last_seen_at >= first
    assert row.browser == "updated"


def test_the_number_of_sessions_of_a_user_is_bounded(service: Service) -> None:
    oldest = signed_in(service, user="heidi")
    with service.db.write.begin() as session:
        user_id = service.user(session, "heidi").id
        session.query(m.BrowserSession).update({"last_seen_at": utc_now() - timedelta(days=1)})
        for _ in range(sessions.MAX_SESSIONS):
            visitor = sessions.Visitor(address="x" * 500, browser="y" * 5000)
            sessions.begin(session, user_id=user_id, visitor=visitor, lifetime=timedelta(days=1))
    assert len(rows_of(service, "heidi")) == sessions.MAX_SESSIONS
    assert_problem(oldest.get("/v1/jobs"), 401)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 "
            "Safari/537.36 Edg/139.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on an iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile "
            "Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28.1", "A Python program"),
        ("", "An unknown browser"),
    ],
)
def test_a_browser_has_a_name(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name

"""The archive, the report and the download links of a job that succeeded."""

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from api import signed_links
from api.app import create_app
from api.problems import Problem
from core.reports.templating import SCRIPT_SOURCE
from store import models as m
from tests.api.conftest import Service, assert_problem, request_job, upload_dataset
from tests.support.archives import zipped

ARCHIVE = zipped() * 50
REPORT = b'{"job_id": "x"}'
PAGE = "<!doctype html><title>Größe</title>".encode()


@pytest.fixture
def done(api: httpx.Client, service: Service) -> dict[str, Any]:
    """A job that succeeded."""
    dataset = upload_dataset(api, filename="Bäume & “Büsche” 🌳.zip")
    service.make_ready(dataset["id"])
    job = request_job(api, dataset["id"])
    service.succeed(job["id"], archive=ARCHIVE, report=REPORT, page=PAGE)
    return job


def test_a_job_that_has_not_succeeded_has_no_result(api: httpx.Client, service: Service, job: dict[str, Any]) -> None:
    for _ in range(2):
        for path in ("archive", "report"):
            assert_problem(api.get(f"/v1/jobs/{job['id']}/{path}"), 409, "no result")
        assert_problem(api.post(f"/v1/jobs/{job['id']}/links"), 409, "no result")
        if api.get(f"/v1/jobs/{job['id']}").json()["state"] == "queued":
            service.claim(job["id"])


def test_the_whole_archive_is_downloaded(api: httpx.Client, done: dict[str, Any]) -> None:
    url = f"/v1/jobs/{done['id']}/archive"
    answer = api.get(url)
    assert (answer.status_code, answer.content) == (200, ARCHIVE)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-length"] == str(len(ARCHIVE))
    assert answer.headers["accept-ranges"] == "bytes"
    assert parsedate_to_datetime(answer.headers["last-modified"])
    name = answer.headers["content-disposition"]
    assert "filename*=UTF-8''B%C3%A4ume%20%26%20%E2%80%9CB%C3%BCsche%E2%80%9D%20%F0%9F%8C%B3-protected.zip" in name
    assert 'filename="' in name
    assert name.isascii()
    head = api.head(url)
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in ("date", "x-request-id")} == {
        k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id")
    }
    assert api.get(f"/v1/jobs/{done['id']}").json()["archive_bytes"] == len(ARCHIVE)


@pytest.mark.parametrize(
    ("range_header", "start", "end"),
    [("0-9", 0, 10), ("10-", 10, None), ("-7", -7, None), (f"5-{10**12}", 5, None), (f"-{10**12}", 0, None)],
)
def test_a_range_is_downloaded(
    api: httpx.Client, done: dict[str, Any], range_header: str, start: int, end: int | None
) -> None:
    answer = api.get(f"/v1/jobs/{done['id']}/archive", headers={"Range": f"bytes={range_header}"})
    part = ARCHIVE[start:end]
    begin = start if start >= 0 else len(ARCHIVE) + start
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(part) - 1}/{len(ARCHIVE)}"
    assert answer.headers["content-length"] == str(len(part))


@pytest.mark.parametrize(
    "range_header", ["bytes=0-1,5-9", "lines=1-2", "bytes=", "bytes=-", "bytes=9-2", "bytes=x-y", "nonsense"]
)
def test_unsupported_ranges_are_ignored(api: httpx.Client, done: dict[str, Any], range_header: str) -> None:
    answer = api.get(f"/v1/jobs/{done['id']}/archive", headers={"Range": range_header})
    assert (answer.status_code, len(answer.content)) == (200, len(ARCHIVE))


@pytest.mark.parametrize("range_header", ["bytes=-0", f"bytes={len(ARCHIVE)}-", f"bytes={10**15}-{10**16}"])
def test_ranges_after_the_end_answer_416(api: httpx.Client, done: dict[str, Any], range_header: str) -> None:
    answer = api.get(f"/v1/jobs/{done['id']}/archive", headers={"Range": range_header})
    assert_problem(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(ARCHIVE)}"


FAR = "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"  # the time zone moves the date out of the range of datetime


def test_conditional_requests(api: httpx.Client, done: dict[str, Any]) -> None:
    url, part = f"/v1/jobs/{done['id']}/archive", {"Range": "bytes=0-4"}
    seen = api.head(url).headers
    for condition in (seen["etag"], seen["last-modified"]):
        assert api.get(url, headers=part | {"If-Range": condition}).status_code == 206
    for condition in ('"other"', f"W/{seen['etag']}", "Mon, 01 Jan 2024 00:00:00 GMT", "x", FAR):
        assert api.get(url, headers=part | {"If-Range": condition}).status_code == 200
    for headers in (
        {"If-None-Match": seen["etag"]},
        {"If-None-Match": f'"a", W/{seen["etag"]}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": seen["last-modified"]},
    ):
        answer = api.get(url, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == seen["etag"]
    assert api.get(url, headers={"If-Modified-Since": FAR}).status_code == 200
    assert api.get(url, headers={"If-None-Match": '"x"', "If-Modified-Since": seen["last-modified"]}).status_code == 200


def test_an_interrupted_download_resumes(api: httpx.Client, done: dict[str, Any]) -> None:
    url, got = f"/v1/jobs/{done['id']}/archive", b""
    etag = api.head(url).headers["etag"]
    while len(got) < len(ARCHIVE):
        got += api.get(url, headers={"Range": f"bytes={len(got)}-{len(got) + 9999}", "If-Range": etag}).content
    assert got == ARCHIVE


def test_a_link_needs_no_token(api: httpx.Client, service: Service, done: dict[str, Any]) -> None:
    answer = api.post(f"/v1/jobs/{done['id']}/links")
    assert answer.status_code == 201
    url = answer.json()["url"]
    assert url.startswith(service.url)
    anonymous = service.client()
    assert anonymous.get(url).content == ARCHIVE
    assert anonymous.get(url, headers={"Range": "bytes=0-3"}).status_code == 206
    assert anonymous.head(url).headers["content-length"] == str(len(ARCHIVE))
    for wrong in (url[:-1], url + "x", url.replace("/links/", "/links/x"), f"{service.url}/v1/links/%00"):
        assert_problem(anonymous.get(wrong), 404)
    assert api.delete(f"/v1/jobs/{done['id']}").status_code == 204
    assert_problem(anonymous.get(url), 404)


@pytest.mark.parametrize("body", [{"seconds": 1}, {"seconds": 10**9}, {"seconds": "60"}, {"minutes": 5}, []])
def test_a_link_with_an_invalid_lifetime_is_refused(api: httpx.Client, done: dict[str, Any], body: object) -> None:
    assert_problem(api.post(f"/v1/jobs/{done['id']}/links", json=body), 422)


def test_links_expire_and_survive_key_rotation(service: Service, done: dict[str, Any]) -> None:
    old, new = "a-key-that-is-long-enough", "another-key-that-is-long-enough"

    def context(keys: str) -> Any:
        return create_app(service.settings.model_copy(update={"secret_keys": keys})).state.context

    made = signed_links.create(context(old), done["id"], seconds=60)
    assert signed_links.read(context(f"{new},{old}"), made.signed) == done["id"]
    newer = signed_links.create(context(f"{new},{old}"), done["id"], seconds=60)
    assert signed_links.read(context(new), newer.signed) == done["id"]
    for keys, link in ((new, made), (old, newer)):
        with pytest.raises(Problem) as caught:
            signed_links.read(context(keys), link.signed)
        assert caught.value.status == 404
    over = signed_links.create(context(old), done["id"], seconds=-1)
    assert over.expires_at.timestamp() <= time.time()
    with pytest.raises(Problem) as caught:
        signed_links.read(context(old), over.signed)
    assert caught.value.status == 410


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
    ],
)
def test_the_report_is_json_or_html_by_the_accept_header(
    api: httpx.Client, done: dict[str, Any], accept: str | None, *, page: bool
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    answer = api.get(f"/v1/jobs/{done['id']}/report", headers=headers)
    assert answer.status_code == 200
    assert "Accept" in answer.headers["vary"]
    if page:
        assert answer.content == PAGE
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert f"script-src {SCRIPT_SOURCE};" in policy, "the script of the sliders, and no other"
        assert "form-action 'none'" in policy
        assert "frame-ancestors 'self'" in policy
    else:
        assert answer.json() == json.loads(REPORT)


def test_a_deleted_file_answers_410(api: httpx.Client, service: Service, done: dict[str, Any]) -> None:
    service.files.delete_prefix(f"jobs/{done['id']}")
    assert_problem(api.get(f"/v1/jobs/{done['id']}/archive"), 410)
    assert_problem(api.get(f"/v1/jobs/{done['id']}/report"), 410)


def test_deleting_the_dataset_leaves_the_result(api: httpx.Client, service: Service, done: dict[str, Any]) -> None:
    assert api.delete(f"/v1/datasets/{done['dataset_id']}").status_code == 204
    assert api.get(f"/v1/jobs/{done['id']}").json()["dataset_id"] is None
    answer = api.get(f"/v1/jobs/{done['id']}/archive")
    assert answer.content == ARCHIVE
    assert "dataset-protected.zip" in answer.headers["content-disposition"]
    with service.db.read() as session:
        assert session.get(m.Job, done["id"]) is not None

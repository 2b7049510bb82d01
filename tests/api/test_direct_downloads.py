"""Downloads lead to the S3 server where browsers reach it: no byte comes through the API, and no token goes there."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from core.portable_names import content_disposition
from store import leases
from store import models as m
from store.settings import Settings
from store.stored_objects import Download
from tests.api.conftest import Service, assert_problem, request_job, running, upload_dataset
from tests.support.ports import free_port
from tests.support.s3 import Faults

ARCHIVE = random.Random(0).randbytes(300_000)
NAME = content_disposition("Bäume-protected.zip")


@pytest.fixture
def far(
    make_settings: Callable[..., Settings], s3: Any, s3_relay: Any, broker_at: Callable[[Settings], None]
) -> Iterator[tuple[Service, Faults]]:
    """A service whose S3 server browsers reach through the relay, and the requests that come there."""
    public, faults = s3_relay
    changes = s3.settings(prefix=m.new_id(), s3_public_endpoint=public.endpoint)
    settings = make_settings(port=free_port(), **changes)
    broker_at(settings)
    with running(settings) as service:
        yield service, faults


@pytest.fixture
def client(far: tuple[Service, Faults]) -> httpx.Client:
    return far[0].client(user="admin")


@pytest.fixture
def url(far: tuple[Service, Faults], client: httpx.Client, tmp_path: Path) -> str:
    """The address of an archive that a worker has stored."""
    return finished(far[0], client, tmp_path, Download(disposition=NAME, media_type="application/zip"))


def finished(service: Service, client: httpx.Client, folder: Path, download: Download | None) -> str:
    dataset = upload_dataset(client, filename="Bäume.zip")
    service.make_ready(dataset["id"])
    job = request_job(client, dataset["id"])
    claim = service.claim(job["id"])
    (folder / "archive").write_bytes(ARCHIVE)
    keys = {name: f"jobs/{job['id']}/results/1/{name}" for name in ("archive.zip", "report.json", "report.html")}
    service.files.move(keys["archive.zip"], folder / "archive", download=download)
    service.files.write(keys["report.json"], b"{}")
    result = leases.JobResult(
        archive_key=keys["archive.zip"],
        archive_bytes=len(ARCHIVE),
        report_key=keys["report.json"],
        page_key=keys["report.html"],
    )
    with service.db.write.begin() as session:
        assert leases.succeed(session, claim, result)
    return f"/v1/jobs/{job['id']}/archive"


def test_a_download_leads_to_the_server(far: tuple[Service, Faults], client: httpx.Client, url: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["cache-control"] == "no-store"
    where = urlsplit(answer.headers["location"])
    assert "X-Amz-Expires=300" in where.query
    followed = client.get(url, follow_redirects=True)
    assert (followed.status_code, followed.content) == (200, ARCHIVE)
    assert followed.headers["content-disposition"] == NAME
    assert followed.headers["content-type"] == "application/zip"
    assert "authorization" not in followed.request.headers, "our token stays here"
    assert [line.split("?")[0] for line in far[1].seen] == [f"GET {where.path}"]


def test_a_link_leads_there_without_a_token(far: tuple[Service, Faults], client: httpx.Client, url: str) -> None:
    link = client.post(url.replace("/archive", "/links")).json()["url"]
    anybody = far[0].client()
    assert anybody.get(link).status_code == 307
    assert anybody.get(link, follow_redirects=True).content == ARCHIVE
    assert anybody.get(url).status_code == 401


def test_a_range_works_there(client: httpx.Client, url: str) -> None:
    part = client.get(url, headers={"Range": "bytes=1000-1999"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, ARCHIVE[1000:2000])
    tag = client.get(url, follow_redirects=True).headers["etag"]
    for condition in (tag, client.head(url).headers["etag"]):
        headers = {"Range": "bytes=250000-", "If-Range": condition}
        rest = client.get(url, headers=headers, follow_redirects=True)
        assert rest.status_code in (200, 206)
        assert rest.content == (ARCHIVE[250_000:] if rest.status_code == 206 else ARCHIVE)


def test_what_the_service_decides_itself_stays_with_it(
    far: tuple[Service, Faults], client: httpx.Client, url: str
) -> None:
    head = client.head(url)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(ARCHIVE)))
    assert client.get(url, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    assert_problem(client.get(url, headers={"Range": f"bytes={len(ARCHIVE)}-"}), 416)
    another = client.get(url, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert (another.status_code, another.content) == (200, ARCHIVE), "the server could answer with a part"
    several = client.get(url, headers={"Range": "bytes=0-1,5-6"})
    assert (several.status_code, several.content) == (200, ARCHIVE)
    assert far[1].seen == [], "none of these led away"


def test_a_download_that_resumes_after_the_archive_was_replaced_is_not_mixed(
    far: tuple[Service, Faults], client: httpx.Client, url: str
) -> None:
    with far[0].db.write.begin() as session:
        session.get_one(m.Job, url.split("/")[3]).archive_common_bytes = 1000
    late = client.get(url, headers={"Range": "bytes=2000-"})
    assert (late.status_code, late.content) == (200, ARCHIVE)
    assert client.get(url, headers={"Range": "bytes=500-"}).status_code == 307


def test_an_archive_of_an_earlier_version_comes_through_the_api(
    far: tuple[Service, Faults], client: httpx.Client, tmp_path: Path
) -> None:
    """The server does not know the name under which browsers save it."""
    answer = client.get(finished(far[0], client, tmp_path, None))
    assert (answer.status_code, answer.content) == (200, ARCHIVE)
    assert "B%C3%A4ume" in answer.headers["content-disposition"]


def test_a_deleted_file_answers_410(far: tuple[Service, Faults], client: httpx.Client, url: str) -> None:
    far[0].files.delete_prefix("jobs")
    assert_problem(client.get(url), 410)


def test_without_a_public_address_downloads_come_through_the_api(
    make_settings: Callable[..., Settings], s3: Any, tmp_path: Path, broker_at: Callable[[Settings], None]
) -> None:
    settings = make_settings(port=free_port(), **s3.settings(prefix=m.new_id()))
    broker_at(settings)
    with running(settings) as service, service.client(user="admin") as client:
        url = finished(service, client, tmp_path, Download(disposition=NAME, media_type="application/zip"))
        answer = client.get(url)
        assert (answer.status_code, answer.content) == (200, ARCHIVE)
        part = client.get(url, headers={"Range": "bytes=7-1006"})
        assert (part.status_code, part.content) == (206, ARCHIVE[7:1007])

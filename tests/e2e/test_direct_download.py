"""A browser downloads an archive from the S3 server itself, from the page of the job and by a link."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.portable_names import content_disposition
from store import leases
from store import models as m
from store.settings import Settings
from store.stored_objects import Download
from tests.api.conftest import Service, request_job, running, upload_dataset
from tests.e2e.conftest import NewBrowserPage, sign_in_link
from tests.support.archives import zipped
from tests.support.broker import start_broker
from tests.support.ports import free_port
from tests.support.s3 import Faults

ARCHIVE = zipped()


@pytest.fixture
def far(make_settings: Callable[..., Settings], s3: Any, s3_relay: Any) -> Iterator[tuple[Service, Faults]]:
    """A service whose S3 server browsers reach at another address, and the requests that come there."""
    public, faults = s3_relay
    settings = make_settings(port=free_port(), **s3.settings(prefix=m.new_id(), s3_public_endpoint=public.endpoint))
    broker = start_broker(settings)
    try:
        with running(settings) as service:
            yield service, faults
    finally:
        broker.terminate()
        broker.wait(10)


def finished_job(service: Service, folder: Path) -> str:
    """The id of a protection whose archive is stored as workers store it."""
    with service.client(user="admin") as client:
        dataset = upload_dataset(client, filename="Bäume.zip")
        service.make_ready(dataset["id"])
        id_ = str(request_job(client, dataset["id"])["id"])
    claim = service.claim(id_)
    (folder / "archive").write_bytes(ARCHIVE)
    download = Download(disposition=content_disposition("Bäume-protected.zip"), media_type="application/zip")
    key = f"jobs/{id_}/early/1/archive.zip"
    service.files.move(key, folder / "archive", download=download)
    with service.db.write.begin() as session:
        assert leases.record_archive(session, claim, key=key, size=len(ARCHIVE))
        assert leases.cancel(session, claim)
    return id_


def test_the_archive_comes_from_the_server_itself(
    far: tuple[Service, Faults], new_browser_page: NewBrowserPage, tmp_path: Path
) -> None:
    service, faults = far
    id_ = finished_job(service, tmp_path)
    browser_page = new_browser_page(service.settings.address)
    page = browser_page.page
    page.goto(sign_in_link(service.settings, service.db))
    page.goto(f"{service.settings.address}/jobs/{id_}")
    faults.seen.clear()
    with page.expect_download() as downloading:
        page.locator("#download").click()
    downloading.value.save_as(tmp_path / "saved.zip")
    assert (tmp_path / "saved.zip").read_bytes() == ARCHIVE
    assert downloading.value.suggested_filename == "Bäume-protected.zip"
    assert [line.split("?")[0].endswith("/archive.zip") for line in faults.seen] == [True]
    with service.client(user="admin") as client:
        link = client.post(f"/v1/jobs/{id_}/links").json()["url"]
    visitor = new_browser_page(service.settings.address).page
    with visitor.expect_download() as downloading:
        visitor.evaluate("address => { location.href = address }", link)
    downloading.value.save_as(tmp_path / "linked.zip")
    assert (tmp_path / "linked.zip").read_bytes() == ARCHIVE

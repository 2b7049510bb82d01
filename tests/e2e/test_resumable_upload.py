"""Uploads in the browser: interrupted and resumed, or refused."""

import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import delete, select

from store import models as m
from store.database import Database, open_database
from store.settings import Settings
from tests.e2e.conftest import START_SECONDS, NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage
from tests.support.browser_uploads import (
    STORED_UPLOADS,
    dataset_of,
    finish_upload,
    interrupt_upload_without_stored_bytes,
    start_slow_upload,
)
from tests.support.ports import free_port
from tests.support.processes import Command
from tests.support.waiting import wait_until

HAS_STORED_BYTES = "Object.values(localStorage).some((value) => JSON.parse(value).kept)"


def upload_count(database: Database) -> int:
    """The number of all uploads, finished or not."""
    with database.read() as session:
        return len(list(session.scalars(select(m.Upload))))


def test_upload_resumes_after_the_server_is_killed_and_restarted(
    new_browser_page: NewBrowserPage,
    make_settings: Callable[..., Settings],
    commands: Callable[..., Command],
    large_zip: Path,
) -> None:
    settings = make_settings(port=free_port())
    database = open_database(settings)
    server = commands(settings, "api")
    wait_until(lambda: is_listening(settings), seconds=START_SECONDS)
    browser_page = new_browser_page(settings.address)
    browser_page.page.goto(sign_in_link(settings, database))
    start_slow_upload(browser_page, large_zip)
    server.kill()
    expect(browser_page.page.locator("#upload-text")).to_contain_text("The upload retries by itself")
    assert 0 < stored_upload_bytes(settings) < large_zip.stat().st_size
    commands(settings, "api")
    dataset = dataset_of(database, finish_upload(browser_page))
    assert (dataset.bytes, dataset.name) == (large_zip.stat().st_size, "large set")
    with database.read() as session:
        assert len(list(session.scalars(select(m.Dataset)))) == 1
    assert upload_count(database) == 1, "the first upload was resumed"
    database.dispose()


def is_listening(settings: Settings) -> bool:
    """Whether the API accepts connections. Without a broker it is not ready, but takes uploads."""
    with socket.socket() as probe:
        return probe.connect_ex((settings.host, settings.port)) == 0


def stored_upload_bytes(settings: Settings) -> int:
    """The bytes of unfinished uploads on the server's disk."""
    return sum(path.stat().st_size for path in (settings.home / "uploads").iterdir())


def test_upload_resumes_by_itself_after_a_reload(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    start_slow_upload(browser_page, large_zip)
    wait_until(lambda: browser_page.page.evaluate(HAS_STORED_BYTES))
    browser_page.page.reload()
    wait_until(lambda: browser_page.upload_percent() > 10, what="the part that was sent before the reload counts")
    assert dataset_of(service_database, finish_upload(browser_page)).bytes == large_zip.stat().st_size
    assert browser_page.page.evaluate(STORED_UPLOADS) == 0


def test_stored_uploads_have_the_keys_of_earlier_versions(browser_page: BrowserPage, large_zip: Path) -> None:
    """The keys and fields in browsers must not change, because users would lose unfinished uploads."""
    start_slow_upload(browser_page, large_zip)
    wait_until(lambda: browser_page.page.evaluate(HAS_STORED_BYTES))
    key, value = browser_page.page.evaluate("Object.entries(localStorage)[0]")
    assert key.startswith("unteachable.upload.large set.zip-")
    fields = ["fingerprint", "url", "filename", "name", "size", "kept"]
    assert browser_page.page.evaluate("(value) => Object.keys(JSON.parse(value))", value) == fields
    stored = """async (key) => {
        const request = indexedDB.open("unteachable", 1);
        const database = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
        const found = database.transaction("uploads").objectStore("uploads").get(key);
        return new Promise((resolve) => (found.onsuccess = () => resolve(found.result.size)));
    }"""
    fingerprint = key.removeprefix("unteachable.upload.")
    assert browser_page.page.evaluate(stored, fingerprint) == large_zip.stat().st_size
    finish_upload(browser_page)


def test_upload_without_stored_bytes_resumes_when_the_file_is_chosen_again(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    interrupt_upload_without_stored_bytes(browser_page, large_zip)
    uploads_before = upload_count(service_database)
    browser_page.page.locator("#file-input").set_input_files(large_zip)
    assert dataset_of(service_database, finish_upload(browser_page)).bytes == large_zip.stat().st_size
    assert upload_count(service_database) == uploads_before


def test_user_is_not_asked_for_an_upload_that_expired_on_the_server(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    browser_page.allow_console_errors("status of 404")
    interrupt_upload_without_stored_bytes(browser_page, large_zip)
    with service_database.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.dataset_id.is_(None)))
    browser_page.page.reload()
    wait_until(lambda: browser_page.page.evaluate(STORED_UPLOADS) == 0)
    expect(browser_page.page.locator("#interrupted-uploads")).to_be_empty()


def test_refused_upload_says_why_and_another_file_can_be_chosen(
    browser_page: BrowserPage, tmp_path: Path, small_zip: Path
) -> None:
    browser_page.allow_console_errors("status of 4")
    not_an_archive, no_images = tmp_path / "notes.zip", tmp_path / "texts.zip"
    not_an_archive.write_text("This is not an archive.")
    with zipfile.ZipFile(no_images, "w") as archive:
        archive.writestr("readme.txt", "no images")
    page = browser_page.page
    for path, reason in ((not_an_archive, "archive"), (no_images, "no images inside")):
        page.locator("#file-input").set_input_files(path)
        expect(page.get_by_role("alert")).to_contain_text(reason)
        expect(page.locator("#upload-refused")).to_be_focused()
        page.get_by_role("button", name="Choose something else").click()
    page.locator("#file-input").set_input_files(small_zip)
    browser_page.expect_url("/datasets/")


def test_upload_resumes_after_signing_in_again(
    browser_page: BrowserPage, service_database: Database, service_settings: Settings, large_zip: Path
) -> None:
    browser_page.allow_console_errors("status of 401")
    start_slow_upload(browser_page, large_zip)
    browser_page.page.context.clear_cookies()
    expect(browser_page.page.get_by_role("alert")).to_contain_text("Sign in again", timeout=60_000)
    browser_page.limit_upload_rate(0)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    assert dataset_of(service_database, finish_upload(browser_page)).bytes == large_zip.stat().st_size

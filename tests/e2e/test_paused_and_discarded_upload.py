"""Uploads in the browser: paused and discarded."""

from pathlib import Path

from playwright.sync_api import Request, Route, expect
from sqlalchemy import select

from store import models as m
from store.database import Database
from tests.support.browser import BrowserPage
from tests.support.browser_uploads import (
    STORED_UPLOADS,
    dataset_of,
    finish_upload,
    interrupt_upload_without_stored_bytes,
    start_slow_upload,
)
from tests.support.waiting import wait_until


def unfinished_uploads(database: Database, filename: str) -> list[m.Upload]:
    """The uploads of a file that are not a dataset yet."""
    with database.read() as session:  # a new session each time: an open one keeps what it read first
        query = select(m.Upload).where(m.Upload.dataset_id.is_(None), m.Upload.filename == filename)
        return list(session.scalars(query))


def hold_first_request(browser_page: BrowserPage, path: Path) -> Route:
    """Start an upload whose first request is held back; the route that continues it."""
    held: list[Route] = []
    page = browser_page.page
    page.route("**/v1/uploads", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/v1/uploads"):
        page.locator("#file-input").set_input_files(path)
    wait_until(lambda: held or page.wait_for_timeout(10))  # Playwright calls the handler only while the page waits
    return held[0]


def expect_nothing_left(browser_page: BrowserPage, database: Database) -> None:
    """Neither the browser nor the server has the upload, and the browser does not start it again."""
    page = browser_page.page
    wait_until(lambda: page.evaluate(STORED_UPLOADS) == 0)
    wait_until(lambda: not unfinished_uploads(database, "large set.zip"))
    browser_page.pass_retries()
    assert page.evaluate(STORED_UPLOADS) == 0
    assert not unfinished_uploads(database, "large set.zip")
    expect(page.get_by_role("button", name="Choose a folder")).to_be_visible()


def expect_stays_paused(browser_page: BrowserPage) -> None:
    """The browser sends no chunk, however long it waits."""
    chunks: list[Request] = []
    page = browser_page.page
    page.on("request", lambda request: chunks.append(request) if request.method == "PATCH" else None)
    browser_page.pass_retries()
    assert not chunks
    expect(page.locator("#upload-text")).to_contain_text("Paused")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_paused_upload_resumes(browser_page: BrowserPage, service_database: Database, large_zip: Path) -> None:
    start_slow_upload(browser_page, large_zip)
    page = browser_page.page
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#upload-text")).to_contain_text("Paused")
    page.get_by_role("button", name="Resume").click()
    assert dataset_of(service_database, finish_upload(browser_page)).bytes == large_zip.stat().st_size


def test_paused_upload_stays_paused_when_the_network_returns_and_can_be_discarded(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    browser_page.use_fake_clock()
    start_slow_upload(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Pause").click()
    browser_page.page.evaluate("dispatchEvent(new Event('online'))")
    expect_stays_paused(browser_page)
    browser_page.page.get_by_role("button", name="Stop and discard").click()
    expect_nothing_left(browser_page, service_database)


def test_upload_paused_before_the_server_answers_sends_nothing(browser_page: BrowserPage, large_zip: Path) -> None:
    browser_page.use_fake_clock()
    request = hold_first_request(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Pause").click()
    with browser_page.page.expect_response("**/v1/uploads"):
        request.continue_()
    expect_stays_paused(browser_page)
    browser_page.page.get_by_role("button", name="Resume").click()
    finish_upload(browser_page)


def test_discarded_upload_leaves_nothing(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    browser_page.use_fake_clock()
    start_slow_upload(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Stop and discard").click()
    expect(browser_page.page.get_by_role("button", name="Choose images")).to_be_focused()
    expect_nothing_left(browser_page, service_database)


def test_upload_discarded_before_the_server_answers_leaves_nothing(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    browser_page.use_fake_clock()
    request = hold_first_request(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Stop and discard").click()
    with browser_page.page.expect_response(lambda response: response.request.method == "DELETE"):
        request.continue_()
    expect_nothing_left(browser_page, service_database)


def test_another_file_can_be_uploaded_before_the_server_answers_a_discarded_upload(
    browser_page: BrowserPage, service_database: Database, large_zip: Path, small_zip: Path
) -> None:
    hold_first_request(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Stop and discard").click()
    browser_page.page.locator("#file-input").set_input_files(small_zip)
    assert dataset_of(service_database, finish_upload(browser_page)).bytes == small_zip.stat().st_size


def test_interrupted_upload_can_be_discarded(
    browser_page: BrowserPage, service_database: Database, large_zip: Path
) -> None:
    browser_page.use_fake_clock()
    interrupt_upload_without_stored_bytes(browser_page, large_zip)
    browser_page.page.get_by_role("button", name="Discard the upload of large set").click()
    expect(browser_page.page.get_by_role("button", name="Choose images")).to_be_focused()
    expect_nothing_left(browser_page, service_database)
    browser_page.page.reload()
    expect(browser_page.page.locator("#interrupted-uploads")).to_be_empty()

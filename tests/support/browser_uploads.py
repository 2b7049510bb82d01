"""Uploads in the browser, for tests that interrupt them."""

from pathlib import Path

from playwright.sync_api import expect

from store import models as m
from store.database import Database
from tests.support.browser import BrowserPage
from tests.support.waiting import wait_until

SLOW_RATE = 3_000_000  # bytes per second
CONNECTION_ERRORS = (
    "ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_FAILED|ERR_ABORTED"
)
STORED_UPLOADS = "localStorage.length"


def dataset_of(database: Database, dataset_id: str) -> m.Dataset:
    """The row of a dataset as it is now."""
    with database.read() as session:
        return session.get_one(m.Dataset, dataset_id)


def start_slow_upload(browser_page: BrowserPage, path: Path) -> None:
    """Start an upload that takes seconds, and wait until a part of it is sent."""
    browser_page.allow_console_errors(CONNECTION_ERRORS)
    browser_page.limit_upload_rate(SLOW_RATE)
    browser_page.page.locator("#file-input").set_input_files(path)
    wait_until(lambda: browser_page.upload_percent() > 10, seconds=60)


def finish_upload(browser_page: BrowserPage) -> str:
    """Wait until the page of the new dataset is open; the id of the dataset."""
    browser_page.limit_upload_rate(0)
    browser_page.expect_url("/datasets/")
    return browser_page.last_path_part()


def interrupt_upload_without_stored_bytes(browser_page: BrowserPage, path: Path) -> None:
    """Interrupt an upload by a reload, in a browser that cannot store its bytes."""
    browser_page.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    browser_page.page.reload()
    start_slow_upload(browser_page, path)
    browser_page.page.reload()
    expect(browser_page.page.locator("#interrupted-uploads")).to_contain_text(f"“{path.stem}” was interrupted")

"""The API browser in a real browser: it shows every operation, and sends requests with the session."""

import pytest
from playwright.sync_api import expect

from store.settings import Settings
from tests.e2e.conftest import SCREENS, NewBrowserPage
from tests.support.browser import BrowserPage


def test_an_operation_can_be_tried_with_the_session(browser_page: BrowserPage) -> None:
    page = browser_page.open("/docs")
    operation = page.locator("#operations-tokens-list_tokens")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table tbody .response-col_status").first
    expect(status).to_contain_text("200")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_fits_the_screen_without_a_session(
    new_browser_page: NewBrowserPage, service_settings: Settings, width: int, scheme: str
) -> None:
    page = new_browser_page(service_settings.address, width=width, scheme=scheme).open("/docs")
    expect(page.locator("#operations-jobs-create_job")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

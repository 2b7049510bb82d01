"""The API browser in a real browser: it draws every operation, and sends requests with the session."""

import pytest
from playwright.sync_api import expect

from store.settings import Settings
from tests.e2e.conftest import Visit
from tests.support.browser import Visitor


def test_an_operation_can_be_tried_with_the_session(visitor: Visitor) -> None:
    page = visitor.open("/docs")
    operation = page.locator("#operations-tokens-list_tokens")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_the_screen_without_a_session(visit: Visit, context: Settings, width: int, scheme: str) -> None:
    page = visit(context.address, width=width, scheme=scheme).open("/docs")
    expect(page.locator("#operations-jobs-create_job")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

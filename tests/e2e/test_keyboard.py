"""The whole flow with the keyboard alone, with a visible focus."""

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.e2e.conftest import MINUTE_MS
from tests.support.browser import BrowserPage

MAX_TABS = 40
OUTLINE = "element => getComputedStyle(element.closest('.choice') ?? element).outlineStyle"


def tab_to(target: Locator) -> None:
    """Press Tab until an element has the focus, and check that the focus is visible."""
    for _ in range(MAX_TABS):
        target.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            assert target.evaluate(OUTLINE) == "solid", f"the focus on {target} is not visible"
            return
    raise AssertionError(f"Tab does not reach {target}")


def test_dataset_is_uploaded_and_protected_by_keyboard(browser_page: BrowserPage, small_zip: Path) -> None:
    page = browser_page.page
    page.on("filechooser", lambda _: None)  # makes Playwright intercept file choosers before the key is pressed
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("button", name="Choose a zip or tar").first)
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(small_zip)
    browser_page.expect_url("/datasets/")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)
    tab_to(page.locator("#protect-form summary"))
    page.keyboard.press("Enter")
    tab_to(page.get_by_role("radio", name="Instant").first)
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#protect-form").get_by_label("As in the paper")).to_be_checked()
    tab_to(page.get_by_role("button", name="Protect").first)
    page.keyboard.press("Enter")
    browser_page.expect_url("/jobs/")
    tab_to(page.get_by_role("button", name="Cancel").first)
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Stopped protecting", timeout=MINUTE_MS)

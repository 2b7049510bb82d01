"""The whole flow with the keyboard alone, with a visible focus."""

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

from tests.e2e.conftest import MINUTE_MS
from tests.support.browser import BrowserPage

MAX_TABS = 40
OUTLINE = "element => getComputedStyle(element.closest('.choice') ?? element).outlineStyle"


def tab_to(page: Page, role: Literal["button", "radio"], name: str) -> None:
    """Press Tab until an element has the focus, and check that the focus is visible."""
    target = page.get_by_role(role, name=name).first
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            assert target.evaluate(OUTLINE) == "solid", f"the focus on {name} is not visible"
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_dataset_is_uploaded_and_protected_by_keyboard(browser_page: BrowserPage, small_zip: Path) -> None:
    page = browser_page.page
    page.on("filechooser", lambda _: None)  # makes Playwright intercept file choosers before the key is pressed
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "button", "Choose a zip or tar")
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(small_zip)
    browser_page.expect_url("/datasets/")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)
    tab_to(page, "radio", "Balanced")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Strong")).to_be_checked()
    tab_to(page, "radio", "Quick")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#protect-form").get_by_label("As in the paper")).to_be_checked()
    tab_to(page, "button", "Protect")
    page.keyboard.press("Enter")
    browser_page.expect_url("/jobs/")
    tab_to(page, "button", "Cancel")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Stopped protecting", timeout=MINUTE_MS)

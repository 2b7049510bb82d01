"""The "Protect" form in the browser: errors at their fields, and a page that stays live after an error."""

import re

from playwright.sync_api import Locator, expect

from store import models as m
from store.database import Database
from tests.support.browser import BrowserPage


def submit_with_error(browser_page: BrowserPage, path: str) -> Locator:
    """Submit the form with an error under "Advanced"; the form that is shown again."""
    browser_page.allow_console_errors("status of 422")
    form = browser_page.open(path).locator("#protect-form")
    form.get_by_label("Subtle").check()
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("Quick").check()
    form.get_by_label("Strength: the largest change").fill("4")
    form.get_by_label("Adversarial training radius").fill("4")
    form.get_by_label("Seed").fill("7")
    form.get_by_role("button", name="Protect").click()
    expect(form.get_by_role("alert")).to_contain_text("No job was started")
    return form


def test_form_with_errors_is_shown_again_with_its_values(browser_page: BrowserPage, page_paths: dict[str, str]) -> None:
    path = page_paths["dataset ready"]
    form = submit_with_error(browser_page, path)
    field = form.get_by_label("Adversarial training radius")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Must be less than radius_u"))
    expect(field).to_have_value("4")
    expect(form.get_by_label("Seed")).to_have_value("7")
    expect(form.get_by_label("Subtle")).to_be_checked()
    expect(form.get_by_label("Quick")).to_be_checked()
    browser_page.expect_url(f"{path}#protect$")  # an address that can be opened again


def test_page_stays_live_after_a_form_with_errors(
    browser_page: BrowserPage, service_database: Database, page_paths: dict[str, str]
) -> None:
    path = page_paths["dataset checking"]
    form = submit_with_error(browser_page, path)
    with service_database.write.begin() as session:
        session.get_one(m.Dataset, path.rpartition("/")[2]).state = m.READY
    expect(browser_page.page.locator("#dataset-head .state")).to_have_text("Ready")
    expect(form.get_by_label("Adversarial training radius")).to_have_value("4")

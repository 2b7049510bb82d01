"""Pages follow the state of datasets and jobs without a reload."""

from playwright.sync_api import expect

from store import models as m
from store.database import Database
from tests.support.browser import BrowserPage


def test_job_page_follows_the_job(
    browser_page: BrowserPage, service_database: Database, page_paths: dict[str, str]
) -> None:
    page = browser_page.open(page_paths["job running"])
    page.evaluate("window.notReloaded = true")
    expect(page.locator("[aria-current=step]")).to_contain_text("Make the noise")

    def update_job(**values: object) -> None:
        with service_database.write.begin() as session:
            job = session.get_one(m.Job, browser_page.last_path_part())
            for name, value in values.items():
                setattr(job, name, value)
            job.seq += 1

    update_job(done=777)
    expect(page.locator("#count")).to_have_text("777 of 1,000")
    expect(page.locator("#bar")).to_have_attribute("value", "777")
    expect(page).to_have_title("77 % · Make the noise · Unteachable")
    assert page.evaluate("import('/static/live_refresh.js').then((module) => module.refresh())")
    assert page.title() == "77 % · Make the noise · Unteachable", "a refresh must keep the progress in the title"
    update_job(stage="evidence", done=0)
    expect(page.locator("[aria-current=step]")).to_contain_text("Test it")
    expect(page.get_by_role("status")).to_contain_text("Training models on the originals")
    update_job(state=m.FAILED, error="The disk is full.")
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
    expect(page.locator("#outcome")).to_be_focused()
    assert page.evaluate("window.notReloaded")


def test_unchanged_parts_are_not_replaced(browser_page: BrowserPage, page_paths: dict[str, str]) -> None:
    page = browser_page.open(page_paths["home"])
    expect(page.locator("#datasets[data-busy] time").first).to_be_visible()
    page.evaluate("document.querySelector('#datasets').notReplaced = true")
    for _ in range(2):
        browser_page.wait_for_refresh()
    assert page.evaluate("document.querySelector('#datasets').notReplaced")

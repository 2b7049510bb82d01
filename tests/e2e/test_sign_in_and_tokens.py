"""Signing in by link and by token, signing out, and the page of the API tokens."""

from playwright.sync_api import expect

from store import users
from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage


def test_link_works_once_and_a_token_signs_in(
    new_browser_page: NewBrowserPage, service_settings: Settings, service_database: Database
) -> None:
    browser_page = new_browser_page(service_settings.address)
    browser_page.allow_console_errors("status of 403")
    browser_page.allow_console_errors("status of 401 .*/thumbnails/")  # of datasets, which still load at the sign-out
    page, link = browser_page.page, sign_in_link(service_settings, service_database)
    page.goto(link)
    expect(page.get_by_role("heading", name="Your datasets")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    browser_page.expect_url("/sign-in$")
    browser_page.open("/tokens")
    browser_page.expect_url("/sign-in$")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("was used already")
    with service_database.write.begin() as session:
        _, token = users.create_token(session, user_id=users.local_admin(session).id, name="to sign in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_token_is_shown_once_and_works_until_it_is_revoked(browser_page: BrowserPage) -> None:
    page = browser_page.open("/tokens")
    page.get_by_label("What it is for").fill("a <b>robot</b>")
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_role("textbox", name="Your new token").input_value()
    client = page.context.browser.new_context().request  # type: ignore[union-attr]
    address, headers = f"{browser_page.address}/v1/datasets", {"Authorization": f"Bearer {token}"}
    assert client.get(address, headers=headers, max_redirects=0).status == 200
    browser_page.open("/tokens")
    assert token not in page.content()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke a <b>robot</b>").click()
    expect(page.get_by_role("heading", name="a <b>robot</b>")).to_have_count(0)
    assert client.get(address, headers=headers, max_redirects=0).status == 401

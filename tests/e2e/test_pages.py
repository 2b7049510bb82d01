"""Every page, in every state: nothing in the console, nothing wider than the screen, every field with its name."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from store import models as m
from store import users
from store.clock import utc_now
from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import Visit, sign_in_link
from tests.support.browser import Visitor

LONG = "a-name-without-a-single-space-" * 4

UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, a, img, iframe, progress, svg")]
  .filter((element) => element.type !== "hidden" && !element.closest("[hidden], [aria-hidden=true]"))
  .filter((element) => !(element.labels?.length || element.getAttribute("aria-label") || element.title
    || element.getAttribute("aria-labelledby") || element.hasAttribute("alt") || element.textContent.trim()
    || element.getAttribute("aria-hidden")))
  .map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def places(rows: Database) -> dict[str, str]:
    """A page for every state of datasets and jobs, by rows that no worker touches."""
    found = {"home": "/", "tokens": "/tokens", "generators": "/generators"}
    with rows.write.begin() as session:
        owner = users.local_admin(session).id
        for state in (m.UPLOADING, m.CHECKING, m.READY, m.REJECTED):
            dataset = m.Dataset(
                id=m.new_id(),
                owner_id=owner,
                name=f"{LONG}{state}",
                state=state,
                bytes=12_345_678,
                images=400,
                classes=[{"name": f"{LONG}{n}", "images": n} for n in range(1, 31)],
                skipped=[{"path": f"{LONG}/{n}.jpg", "reason": "not a picture"} for n in range(20)],
                error=f"It cannot be used: {LONG}" if state == m.REJECTED else None,
                expires_at=utc_now() + timedelta(days=3),
            )
            session.add(dataset)
            session.flush()
            found[f"dataset {state}"] = f"/datasets/{dataset.id}"
        for state in (m.QUEUED, m.RUNNING, m.SUCCEEDED, m.FAILED, m.CANCELED):
            job = m.Job(
                id=m.new_id(),
                owner_id=owner,
                kind=m.PROTECT,
                state=state,
                cancel_requested=state == m.QUEUED,  # so that no worker takes it
                spec={"preset": "quick", "percentage": 50, "radius_a": 3},
                stage="noise" if state == m.RUNNING else None,
                done=210,
                total=1000,
                eta_seconds=200.0,
                archive_bytes=123_456,
                error=f"It failed: {LONG}" if state == m.FAILED else None,
            )
            session.add(job)
            session.flush()
            found[f"job {state}"] = f"/jobs/{job.id}"
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_in_the_console_and_nothing_wider_than_the_screen(
    visit: Visit, context: Settings, rows: Database, places: dict[str, str], width: int, scheme: str
) -> None:
    visitor = visit(context.address, width=width, scheme=scheme)
    visitor.page.goto(sign_in_link(context, rows))
    for name, path in places.items():
        page = visitor.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(UNNAMED) == [], name
        assert page.title().endswith("Unteachable"), name
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_the_text_can_be_read_by_day_and_by_night(visit: Visit, context: Settings, rows: Database) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, AA) for every pair of colours that text and ground make."""
    pairs = [
        ("--ink", "--ground"),
        ("--ink", "--sheet"),
        ("--soft", "--ground"),
        ("--soft", "--sheet"),
        ("--amber", "--ground"),
        ("--amber", "--sheet"),
        ("--good", "--sheet"),
        ("--bad", "--bad-ground"),
        ("--bad", "--sheet"),
        ("--on-act", "--act"),
        ("--on-film", "--film"),
        ("--film-soft", "--film"),
        ("--film-amber", "--film"),
    ]
    for scheme in ("light", "dark"):
        page = visit(context.address, scheme=scheme).open("/sign-in")
        style = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
        for text, ground in pairs:
            colours = [page.evaluate(style, name) for name in (text, ground)]
            assert contrast(*colours) >= 4.5, (scheme, text, ground, colours)


def contrast(one: str, two: str) -> float:
    """The contrast ratio of two colours written as #rrggbb."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG 2.2."""
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_errors_stand_at_their_fields_and_nothing_typed_is_lost(visitor: Visitor, places: dict[str, str]) -> None:
    visitor.forgive("status of 422")
    page = visitor.open(places["dataset ready"])
    form = page.locator("#protect-form")
    form.get_by_label("Gentle").check()
    form.get_by_text("Advanced").click()
    form.get_by_label("Training to withstand").fill("4")
    form.get_by_label("Seed").fill("7")
    form.get_by_role("button", name="Protect").click()
    field = form.get_by_label("Training to withstand")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Must be less than radius_u"))
    expect(field).to_have_value("4")
    expect(form.get_by_label("Seed")).to_have_value("7")
    expect(form.get_by_label("Gentle")).to_be_checked()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    visitor.is_at(f"{places['dataset ready']}#protect$")  # so that it can be read again, kept and sent to others


def test_after_a_form_was_refused_the_page_still_follows(
    visitor: Visitor, rows: Database, places: dict[str, str]
) -> None:
    visitor.forgive("status of 422")
    page = visitor.open(places["dataset checking"])
    form = page.locator("#protect-form")
    form.get_by_label("Gentle").check()
    form.get_by_text("Advanced").click()
    form.get_by_label("Training to withstand").fill("4")
    form.get_by_role("button", name="Protect").click()
    expect(page.get_by_role("alert")).to_be_visible()
    with rows.write.begin() as session:
        session.get_one(m.Dataset, places["dataset checking"].rsplit("/", 1)[1]).state = m.READY
    expect(page.locator("#dataset-head .state")).to_have_text("Ready")
    expect(form.get_by_label("Training to withstand")).to_have_value("4")


def test_what_did_not_change_is_left_alone(visitor: Visitor, places: dict[str, str]) -> None:
    page = visitor.open(places["home"])
    expect(page.locator("#datasets[data-busy] time").first).to_be_visible()
    mark = "document.querySelector('#datasets').mark = true"
    page.evaluate(mark)
    with page.expect_response(visitor.address + "/"), page.expect_response(visitor.address + "/"):
        pass
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('#datasets').mark")


def test_a_token_is_shown_once_works_and_is_revoked(visitor: Visitor) -> None:
    page = visitor.open("/tokens")
    page.get_by_label("What it is for").fill("a <b>robot</b>")
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_role("textbox", name="Your new token").input_value()
    asked = {"headers": {"Authorization": f"Bearer {token}"}, "max_redirects": 0}
    request = page.context.browser.new_context().request  # type: ignore[union-attr]
    assert request.get(f"{visitor.address}/v1/datasets", **asked).status == 200  # type: ignore[arg-type]
    visitor.open("/tokens")
    assert token not in page.content()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke a <b>robot</b>").click()
    expect(page.get_by_role("heading", name="a <b>robot</b>")).to_have_count(0)
    assert request.get(f"{visitor.address}/v1/datasets", **asked).status == 401  # type: ignore[arg-type]


def test_signing_in_by_link_once_by_token_and_out(visit: Visit, context: Settings, rows: Database) -> None:
    visitor = visit(context.address)
    visitor.forgive("status of 403")
    page, link = visitor.page, sign_in_link(context, rows)
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Pictures people can see")
    page.get_by_role("button", name="Sign out").click()
    visitor.is_at("/sign-in$")
    visitor.open("/tokens")
    visitor.is_at("/sign-in$")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("was used already")
    with rows.write.begin() as session:
        _, token = users.create_token(session, user_id=users.local_admin(session).id, name="to sign in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_what_is_not_there_gets_a_page(visitor: Visitor) -> None:
    visitor.forgive("status of 404")
    for path in ("/nothing", "/datasets/nothing", "/jobs/nothing", "/jobs/nothing/report"):
        page = visitor.open(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
        expect(page.get_by_role("link", name="Go to the start page")).to_be_visible()


def changed(page: Page, act: Callable[[], object], place: str) -> None:
    before = page.locator(place).inner_text()
    act()
    expect(page.locator(place)).not_to_have_text(before)


def test_a_page_follows_what_happens_without_a_reload(visitor: Visitor, rows: Database, places: dict[str, str]) -> None:
    page = visitor.open(places["job running"])
    page.evaluate("window.stillHere = true")
    expect(page.locator("[aria-current=step]")).to_contain_text("Make the noise")

    def move(**values: object) -> None:
        with rows.write.begin() as session:
            job = session.get(m.Job, places["job running"].rsplit("/", 1)[1])
            assert job is not None
            for name, value in values.items():
                setattr(job, name, value)
            job.seq += 1

    changed(page, lambda: move(done=777), "#count")
    expect(page.locator("#bar")).to_have_attribute("value", "777")
    expect(page).to_have_title("77 % · Make the noise · Unteachable")
    assert page.evaluate("import('/static/live.js').then((live) => live.refresh())")
    assert page.title() == "77 % · Make the noise · Unteachable", "drawing the page anew must not take the share away"
    move(stage="evidence", done=0)
    expect(page.locator("[aria-current=step]")).to_contain_text("Test it")
    expect(page.get_by_role("status")).to_contain_text("Training models on both sets")
    move(state=m.FAILED, error="The disk is full.")
    expect(page.get_by_role("alert")).to_contain_text("The disk is full.")
    expect(page.locator("#outcome")).to_be_focused()
    assert page.evaluate("window.stillHere")

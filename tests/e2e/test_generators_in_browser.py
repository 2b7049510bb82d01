"""Generators in the browser: the page that lists them, the admin's form that trains one, and that job's page."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.generators.measurements import NOTE, OWN
from store import generators, users
from store import models as m
from store.database import Database
from store.object_store import open_object_store
from store.settings import Settings
from tests.e2e.conftest import Visit, sign_in_link
from tests.e2e.test_pages import UNNAMED
from tests.support.browser import Visitor
from tests.support.generator_rows import card_file

LONG = "a-name-without-a-single-space-" * 4
STATES = (m.QUEUED, m.RUNNING, m.FAILED, m.CANCELED, m.SUCCEEDED)


@pytest.fixture
def trained(rows: Database, context: Settings, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A dataset, and a train job of it in every state, by rows that no worker touches; the last made a generator."""
    files = open_object_store(context)
    with rows.write.begin() as session:
        owner = users.local_admin(session).id
        dataset = m.Dataset(id=m.new_id(), owner_id=owner, name="pets", state=m.READY, images=300)
        session.add(dataset)
        session.flush()
        found = {"dataset": dataset.id}
        for state in STATES:
            job = m.Job(id=m.new_id(), owner_id=owner, dataset_id=dataset.id, kind=m.TRAIN, state=state)
            job.spec, job.cancel_requested = {"preset": "quick", "name": "Night"}, state == m.QUEUED
            if state == m.RUNNING:
                job.stage, job.done, job.total, job.eta_seconds = "training", 210, 600, 95.0
            job.error = f"It failed: {LONG}" if state == m.FAILED else None
            session.add(job)
            session.flush()
            found[state] = job.id
        made = found[m.SUCCEEDED]
        card = {"name": LONG, "data": LONG, "command": f"train job {made}", "class_names": (LONG, "b")}
        card["measured"] = {OWN: {NOTE: f"too few pictures of {LONG}"}}
        stored = generators.store_file(files, made, card_file(tmp_path / "made.safetensors", **card))
        generators.upsert(session, made, stored, job_id=made)
    yield found
    with rows.write.begin() as session:
        session.delete(session.get_one(m.Generator, made))
        for state in STATES:
            session.delete(session.get_one(m.Job, found[state]))


def shot(visitor: Visitor, name: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    if folder := os.environ.get("UNTEACHABLE_TEST_SHOTS"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_is_wider_than_the_screen_and_everything_has_a_name(
    visit: Visit, context: Settings, rows: Database, trained: dict[str, str], width: int, scheme: str
) -> None:
    visitor = visit(context.address, width=width, scheme=scheme)
    visitor.page.goto(sign_in_link(context, rows))
    places = {"generators": "/generators", "form": f"/datasets/{trained['dataset']}"}
    for name, path in (places | {f"train-{state}": f"/jobs/{trained[state]}" for state in STATES}).items():
        page = visitor.open(path)
        shot(visitor, f"{name}-{width}")
        page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(UNNAMED) == [], name
        assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size") == page.evaluate(
            "document.querySelectorAll('[id]').length"
        ), name
        if name in places:
            shot(visitor, f"{name}-open-{width}")


def test_the_figures_of_the_shipped_one_are_read_and_its_command_copied(visitor: Visitor) -> None:
    page = visitor.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="Generators").click()
    expect(page.get_by_role("link", name="Generators")).to_have_attribute("aria-current", "page")
    shipped = page.get_by_role("article").filter(has=page.get_by_role("heading", name="CIFAR-10, ten classes"))
    expect(shipped).to_contain_text("Shipped with the service")
    table = shipped.get_by_role("table").first
    expect(table.get_by_role("columnheader")).to_have_text(
        ["Learned from", "Standard training", "AT 2/255", "AT 4/255"]
    )
    expect(table.get_by_role("rowheader")).to_have_count(3)
    expect(table.get_by_role("caption")).to_contain_text("lower is better protected")
    shipped.get_by_role("button", name="Copy").focus()
    page.keyboard.press("Enter")
    expect(shipped.get_by_role("button", name="Copied")).to_be_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("navigator.clipboard.readText()") == shipped.locator(".command code").inner_text()
    page.wait_for_timeout(2_500)  # longer than "Copied" stands there
    expect(shipped.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def test_a_job_that_ended_leads_to_its_generator(visitor: Visitor, trained: dict[str, str]) -> None:
    page = visitor.open(f"/jobs/{trained[m.SUCCEEDED]}")
    page.get_by_role("link", name="See the generator").click()
    visitor.is_at(f"/generators#generator-{trained[m.SUCCEEDED]}$")
    article = page.locator(f"[id='generator-{trained[m.SUCCEEDED]}']")
    expect(article).to_be_in_viewport()
    expect(article).to_contain_text("Too few pictures of a-name")
    article.get_by_role("link", name="a job of yours").click()
    visitor.is_at(f"/jobs/{trained[m.SUCCEEDED]}$")


def test_a_train_job_is_followed_to_its_end(visitor: Visitor, rows: Database, trained: dict[str, str]) -> None:
    page = visitor.open(f"/jobs/{trained[m.RUNNING]}")
    expect(page.locator("[aria-current=step]")).to_contain_text("Train")
    expect(page.locator("#count")).to_have_text("210 of 600")

    def move(**values: object) -> None:
        with rows.write.begin() as session:
            job = session.get_one(m.Job, trained[m.RUNNING])
            for name, value in values.items():
                setattr(job, name, value)
            job.seq += 1

    move(stage="writing", done=0, total=1)
    expect(page.get_by_role("status")).to_contain_text("Writing the generator’s file")
    move(state=m.SUCCEEDED)
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.get_by_role("link", name="See the generator")).to_be_visible()


def test_the_form_asks_for_what_is_chosen_and_names_what_is_wrong(
    visitor: Visitor, rows: Database, trained: dict[str, str]
) -> None:
    visitor.forgive("status of 422")
    page = visitor.open(f"/datasets/{trained['dataset']}")
    page.get_by_text("Let others’ pictures be protected").click()
    form = page.locator("#train-form")
    form.get_by_label("Name").fill("By day")
    form.get_by_label("Standard").check()
    form.get_by_label("Nothing").check()
    form.get_by_label("Method").select_option("em")
    form.get_by_label("Training to withstand").fill("8")
    form.get_by_role("button", name="Train").click()
    expect(form.get_by_role("alert")).to_contain_text("Nothing was started")
    field = form.get_by_label("Training to withstand")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Must be less than radius_u"))
    expect(form.get_by_label("Name")).to_have_value("By day")
    shot(visitor, "form-wrong-1280")
    field.fill("2")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("pets")
    visitor.is_at("/jobs/")
    with rows.write.begin() as session:
        job = session.get_one(m.Job, page.url.rpartition("/")[2].partition("#")[0])
        expected = {"name": "By day", "preset": "standard", "method": "em", "radius_u": 8, "radius_a": 2, "seed": 0}
        expected |= {"evidence": "none", "grey": False}
        assert job.spec == expected

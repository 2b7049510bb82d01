"""Generators in the browser: the page that lists them, the form that trains one, and the page of a train job."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.generators.measurements import NOTE, OWN_IMAGES
from store import generators, users
from store import models as m
from store.clock import utc_now
from store.database import Database
from store.object_store import open_object_store
from store.settings import Settings
from tests.e2e.conftest import LONG_NAME, SCREENS, NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage
from tests.support.generator_rows import card_file

STATES = (m.QUEUED, m.RUNNING, m.FAILED, m.CANCELED, m.SUCCEEDED)


@dataclass(frozen=True)
class TrainJobs:
    """The ids of a dataset and of its train jobs by state; the job that succeeded has a generator."""

    dataset: str
    by_state: dict[str, str]


@pytest.fixture
def train_jobs(service_database: Database, service_settings: Settings, tmp_path: Path) -> Iterator[TrainJobs]:
    """A train job in every state. No worker changes their rows."""
    files = open_object_store(service_settings)
    with service_database.write.begin() as session:
        owner = users.local_admin(session).id
        dataset = m.Dataset(id=m.new_id(), owner_id=owner, name="pets", state=m.READY, images=300)
        session.add(dataset)
        session.flush()
        found = TrainJobs(dataset.id, {})
        for state in STATES:
            job = m.Job(id=m.new_id(), owner_id=owner, dataset_id=dataset.id, kind=m.TRAIN, state=state)
            job.spec, job.cancel_requested = {"preset": "quick", "name": "Night"}, state == m.QUEUED
            if state == m.RUNNING:
                job.stage, job.done, job.total, job.eta_seconds = "training", 210, 600, 95.0
                job.lease_until = utc_now() + timedelta(hours=1)
            job.error = f"It failed: {LONG_NAME}" if state == m.FAILED else None
            session.add(job)
            session.flush()
            found.by_state[state] = job.id
        trained = found.by_state[m.SUCCEEDED]
        card = {
            "name": LONG_NAME,
            "data": LONG_NAME,
            "command": f"train job {trained}",
            "class_names": (LONG_NAME, "b"),
        }
        card["measured"] = {OWN_IMAGES: {NOTE: f"too few images of {LONG_NAME}"}}
        stored = generators.store_file(files, trained, card_file(tmp_path / "trained.safetensors", **card))
        generators.upsert(session, trained, stored, job_id=trained)
    yield found
    with service_database.write.begin() as session:
        session.delete(session.get_one(m.Generator, trained))
        for job_id in found.by_state.values():
            session.delete(session.get_one(m.Job, job_id))


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_fit_the_screen_and_name_their_elements(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    train_jobs: TrainJobs,
    width: int,
    scheme: str,
) -> None:
    browser_page = new_browser_page(service_settings.address, width=width, scheme=scheme)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    paths = {"generators": "/generators", "train-form": f"/datasets/{train_jobs.dataset}"}
    for name, path in (paths | {f"train-{s}": f"/jobs/{train_jobs.by_state[s]}" for s in STATES}).items():
        browser_page.open(path)
        browser_page.check_layout(name)
        browser_page.screenshot(f"{name}-{width}")


def test_figures_of_a_shipped_generator_are_shown_and_its_command_is_copied(browser_page: BrowserPage) -> None:
    page = browser_page.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.clock.install()
    page.get_by_role("link", name="Generators").click()
    expect(page.get_by_role("link", name="Generators")).to_have_attribute("aria-current", "page")
    shipped = page.get_by_role("article").filter(has=page.get_by_role("heading", name="CIFAR-10, ten classes"))
    expect(shipped).to_contain_text("Part of the service")
    table = shipped.get_by_role("table").first
    expect(table.get_by_role("columnheader")).to_have_text(["Trained on", "Standard training", "AT 2/255", "AT 4/255"])
    expect(table.get_by_role("rowheader")).to_have_count(3)
    shipped.get_by_role("button", name="Copy").focus()
    page.keyboard.press("Enter")
    expect(shipped.get_by_role("button", name="Copied")).to_be_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("navigator.clipboard.readText()") == shipped.locator(".command code").inner_text()
    page.clock.run_for(5_000)  # the label returns, also after a second click
    expect(shipped.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def test_done_job_links_to_its_generator(browser_page: BrowserPage, train_jobs: TrainJobs) -> None:
    job_id = train_jobs.by_state[m.SUCCEEDED]
    page = browser_page.open(f"/jobs/{job_id}")
    page.get_by_role("link", name="See the generator").click()
    browser_page.expect_url(f"/generators#generator-{job_id}$")
    article = page.locator(f"[id='generator-{job_id}']")
    expect(article).to_be_in_viewport()
    expect(article).to_contain_text("Too few images of a-name")
    article.get_by_role("link", name="one of your jobs").click()
    browser_page.expect_url(f"/jobs/{job_id}$")


def test_page_follows_a_train_job_to_its_end(
    browser_page: BrowserPage, service_database: Database, train_jobs: TrainJobs
) -> None:
    job_id = train_jobs.by_state[m.RUNNING]
    page = browser_page.open(f"/jobs/{job_id}")
    expect(page.locator("[aria-current=step]")).to_contain_text("Train")
    expect(page.locator("#count")).to_have_text("210 of 600")

    def update_job(**values: object) -> None:
        with service_database.write.begin() as session:
            job = session.get_one(m.Job, job_id)
            for name, value in values.items():
                setattr(job, name, value)
            job.seq += 1

    update_job(stage="writing", done=0, total=1)
    expect(page.get_by_role("status")).to_contain_text("Writing the generator’s file")
    update_job(state=m.SUCCEEDED)
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.get_by_role("link", name="See the generator")).to_be_visible()


def test_form_shows_its_errors_and_asks_for_what_is_chosen(
    browser_page: BrowserPage, service_database: Database, train_jobs: TrainJobs
) -> None:
    browser_page.allow_console_errors("status of 422")
    page = browser_page.open(f"/datasets/{train_jobs.dataset}")
    page.get_by_text("Train a model that makes noise").click()
    form = page.locator("#train-form")
    form.get_by_label("Name").fill("By day")
    form.get_by_label("Standard").check()
    form.get_by_label("Nothing").check()
    form.get_by_label("Method").select_option("em")
    form.get_by_label("Adversarial training radius").fill("8")
    form.get_by_role("button", name="Train").click()
    expect(form.get_by_role("alert")).to_contain_text("No job was started")
    field = form.get_by_label("Adversarial training radius")
    expect(field).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Must be less than radius_u"))
    expect(form.get_by_label("Name")).to_have_value("By day")
    browser_page.screenshot("train-form-with-errors-1280")
    field.fill("2")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("pets")
    browser_page.expect_url("/jobs/")
    with service_database.read() as session:
        job = session.get_one(m.Job, browser_page.last_path_part())
        expected = {"name": "By day", "preset": "standard", "method": "em", "radius_u": 8, "radius_a": 2, "seed": 0}
        assert job.spec == expected | {"evidence": "none", "grey": False}

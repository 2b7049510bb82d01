"""Verifications in the browser: the form on the page of a protection, and the rows while the job runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core.reports.verification_html import render_verification
from core.specs.verify import VerifySpec
from store import models as m
from store import users
from store.clock import utc_now
from store.database import Database
from store.object_keys import checkpoint_key
from store.object_store import open_object_store
from store.settings import Settings
from tests.e2e.conftest import SCREENS, NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage
from tests.support.report_samples import report
from tests.support.verification_samples import partial_report

SPEC = VerifySpec.parse(
    {
        "trainings": [{"radius": r} for r in (0, 2, 4, 8)],
        "countermeasures": ["none", "jpeg-10"],
        "percentages": [100, 60],
    }
)


@dataclass(frozen=True)
class VerifiedProtection:
    """The ids of a protection that succeeded and of a verification of it that has two rows."""

    protection: str
    verification: str


@pytest.fixture
def verified(service_database: Database, service_settings: Settings) -> Iterator[VerifiedProtection]:
    """A protection and its running verification. No worker changes their rows."""
    files = open_object_store(service_settings)
    with service_database.write.begin() as session:
        owner = users.local_admin(session).id
        dataset = m.Dataset(id=m.new_id(), owner_id=owner, name="pets", state=m.READY, images=300)
        dataset.classes = [{"name": name, "images": 150} for name in ("cat", "dog")]
        session.add(dataset)
        session.flush()
        target = m.Job(id=m.new_id(), kind=m.PROTECT, state=m.SUCCEEDED, owner_id=owner, dataset_id=dataset.id)
        target.archive_bytes = 9
        target.report_key = target.archive_key = f"jobs/{target.id}/report.json"
        files.write(target.report_key, report().to_json().encode())
        verify = m.Job(id=m.new_id(), kind=m.VERIFY, state=m.RUNNING, owner_id=owner, dataset_id=dataset.id)
        verify.target_job_id, verify.lease_until = target.id, utc_now() + timedelta(hours=1)
        verify.spec, verify.stage, verify.done, verify.total = SPEC.to_dict(), "evidence", 2, len(SPEC.rows)
        session.add_all((target, verify))
        found = VerifiedProtection(target.id, verify.id)
        write_rows(service_settings, found, 2)
    yield found
    with service_database.write.begin() as session:
        for id_ in (found.verification, found.protection):
            session.delete(session.get_one(m.Job, id_))


def write_rows(settings: Settings, verified: VerifiedProtection, rows: int) -> None:
    """Write the page of the rows that are measured so far, as a worker does."""
    page = render_verification(partial_report(rows=rows, spec=SPEC))
    open_object_store(settings).write(checkpoint_key(verified.verification, "report.html"), page.encode())


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_rows_appear_while_the_job_runs_and_fit_the_screen(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    verified: VerifiedProtection,
    width: int,
    scheme: str,
) -> None:
    browser_page = new_browser_page(service_settings.address, width=width, scheme=scheme)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    page = browser_page.open(f"/jobs/{verified.verification}")
    expect(page.locator("#count")).to_have_text("Row 3 of 16")
    frame = page.frame_locator("#report")
    expect(frame.get_by_text("2 of 16 rows so far")).to_be_visible()
    expect(frame.locator("td.to-come")).to_have_count(14)
    browser_page.check_layout("verification")
    report_frame = page.frames[1]
    assert report_frame.evaluate("document.documentElement.scrollWidth") <= report_frame.evaluate("innerWidth")
    browser_page.screenshot(f"rows-{width}")
    write_rows(service_settings, verified, 3)
    with service_database.write.begin() as session:
        job = session.get_one(m.Job, verified.verification)
        job.done, job.seq = 3, job.seq + 1
    expect(page.locator("#count")).to_have_text("Row 4 of 16")
    expect(frame.locator("td.to-come")).to_have_count(13)
    page = browser_page.open(f"/jobs/{verified.protection}")
    expect(page.get_by_role("link", name="Verification, quick: 16 rows")).to_be_visible()
    browser_page.check_layout("protection")
    page.locator("#verify").scroll_into_view_if_needed()
    browser_page.screenshot(f"form-{width}")


def test_form_asks_for_what_is_chosen(
    browser_page: BrowserPage, service_database: Database, verified: VerifiedProtection
) -> None:
    page = browser_page.open(f"/jobs/{verified.protection}")
    page.get_by_text("Test other models").click()
    expect(page.get_by_label("small residual network")).to_be_checked()
    adversarial = page.get_by_role("checkbox", name="Linf 4/255")
    expect(adversarial).to_be_checked()
    page.get_by_label("VGG-16", exact=True).check()
    adversarial.uncheck()
    page.get_by_label("with cutout").check()
    page.get_by_label("Protected classes").select_option(label="Only “dog”")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("verif")
    with service_database.read() as session:
        job = session.get_one(m.Job, browser_page.last_path_part())
        spec = VerifySpec.parse({"architectures": ["small", "vgg16"], "trainings": [{"radius": 0}]})
        assert job.spec == spec.to_dict() | {"countermeasures": ["none", "cutout"], "protected_class": "dog"}

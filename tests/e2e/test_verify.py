"""A verification in the browser: the admin's form on a protection's page, and the rows as they come."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.reports.verification_html import render_verification
from core.specs.verify import VerifySpec
from store import models as m
from store import users
from store.database import Database
from store.object_keys import checkpoint_key
from store.object_store import open_object_store
from store.settings import Settings
from tests.api.test_verify_calls import so_far
from tests.e2e.conftest import Visit, sign_in_link
from tests.support.browser import Visitor
from tests.support.report_samples import report

SPEC = VerifySpec.parse(
    {
        "trainings": [{"radius": r} for r in (0, 2, 4, 8)],
        "countermeasures": ["none", "jpeg-10"],
        "percentages": [100, 60],
    }
)


@pytest.fixture
def jobs(rows: Database, context: Settings) -> Iterator[tuple[str, str]]:
    """A protection that succeeded, and a verification of it that has two rows; no worker touches either."""
    files = open_object_store(context)
    with rows.write.begin() as session:
        owner = users.local_admin(session).id
        dataset = m.Dataset(id=m.new_id(), owner_id=owner, name="pets", state=m.READY, images=300)
        dataset.classes = [{"name": name, "images": 150} for name in ("cat", "dog")]
        session.add(dataset)
        session.flush()
        common = {"owner_id": owner, "dataset_id": dataset.id}
        target = m.Job(id=m.new_id(), kind=m.PROTECT, state=m.SUCCEEDED, archive_bytes=9, **common)
        target.report_key = target.archive_key = f"jobs/{target.id}/report.json"
        files.write(str(target.report_key), report().to_json().encode())
        verify = m.Job(id=m.new_id(), kind=m.VERIFY, state=m.RUNNING, target_job_id=target.id, **common)
        verify.spec, verify.stage, verify.done, verify.total = SPEC.to_dict(), "evidence", 2, len(SPEC.rows)
        files.write(checkpoint_key(verify.id, "report.html"), render_verification(so_far(rows=2, spec=SPEC)).encode())
        session.add_all((target, verify))
    yield target.id, verify.id
    with rows.write.begin() as session:
        for id_ in (verify.id, target.id):
            session.delete(session.get_one(m.Job, id_))


def shot(visitor: Visitor, name: str) -> None:
    """A picture of the page, where somebody wants to look at it."""
    if folder := os.environ.get("UNTEACHABLE_TEST_SHOTS"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_rows_show_as_they_come_and_the_map_scrolls_within_itself(
    visit: Visit, context: Settings, rows: Database, jobs: tuple[str, str], width: int, scheme: str
) -> None:
    target, verify = jobs
    visitor = visit(context.address, width=width, scheme=scheme)
    visitor.page.goto(sign_in_link(context, rows))
    page = visitor.open(f"/jobs/{verify}")
    expect(page.locator("#count")).to_have_text("Row 3 of 16")
    frame = page.frame_locator("#report")
    expect(frame.get_by_text("2 of 16 rows so far")).to_be_visible()
    expect(frame.locator("td.to-come")).to_have_count(14)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.frames[1]
    assert inside.evaluate("document.documentElement.scrollWidth") <= inside.evaluate("innerWidth")
    shot(visitor, f"rows-{width}")
    files = open_object_store(context)
    files.write(checkpoint_key(verify, "report.html"), render_verification(so_far(rows=3, spec=SPEC)).encode())
    with rows.write.begin() as session:
        job = session.get_one(m.Job, verify)
        job.done, job.seq = 3, job.seq + 1
    expect(page.locator("#count")).to_have_text("Row 4 of 16")
    expect(frame.locator("td.to-come")).to_have_count(13)
    page = visitor.open(f"/jobs/{target}")
    expect(page.get_by_role("link", name="Verification, quick: 16 rows")).to_be_visible()
    page.get_by_text("Try it on other models").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#verify").scroll_into_view_if_needed()
    shot(visitor, f"form-{width}")


def test_what_is_chosen_is_asked_for(visitor: Visitor, rows: Database, jobs: tuple[str, str]) -> None:
    page = visitor.open(f"/jobs/{jobs[0]}")
    page.get_by_text("Try it on other models").click()
    expect(page.get_by_label("small residual network")).to_be_checked()
    expect(page.get_by_label("Linf 4/255")).to_be_checked()
    page.get_by_label("VGG-16", exact=True).check()
    page.get_by_label("Linf 4/255").uncheck()
    page.get_by_label("with cutout").check()
    page.get_by_label("Protected classes").select_option(label="“dog” alone")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("verif")
    job_id = page.url.rpartition("/")[2].partition("#")[0]
    with rows.read() as session:
        job = session.get_one(m.Job, job_id)
        spec = VerifySpec.parse({"architectures": ["small", "vgg16"], "trainings": [{"radius": 0}]})
        assert job.spec == spec.to_dict() | {"countermeasures": ["none", "cutout"], "protected_class": "dog"}

"""From a zip to the protected archive: upload, protect, wait, read the report, share, download; and cancel."""

import io
import json
import re
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import MINUTE_MS
from tests.support.browser import BrowserPage
from tests.support.images import write_images_zip


@pytest.mark.timeout(600)
def test_zip_becomes_a_protected_archive_with_evidence(browser_page: BrowserPage, tmp_path: Path) -> None:
    upload = write_images_zip(
        tmp_path / "stripes.zip", classes=2, per_class=130
    )  # a fifth of them is enough to test on
    browser_page.drop_files(upload)
    page = browser_page.page
    expect(page.get_by_role("heading", name="stripes")).to_be_visible()
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)
    expect(page.get_by_role("list", name="Images in each class")).to_contain_text("class-1")
    thumbnail = page.locator(".thumbnails img").first
    expect(thumbnail).to_have_js_property("complete", True)
    assert thumbnail.evaluate("image => image.naturalWidth") > 0
    form = page.locator("#protect-form")
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("Instant").check()
    form.get_by_label("Minutes for the measurement").fill("1")
    form.get_by_role("button", name="Protect").click()
    browser_page.expect_url("/jobs/")
    expect(page.get_by_role("listitem").and_(page.locator("[aria-current=step]"))).to_be_visible(timeout=MINUTE_MS)
    expect(page.locator("#outcome")).to_have_text("stripes: ready to download", timeout=8 * MINUTE_MS)
    first_row = page.locator("#evidence-table tbody tr").first
    expect(first_row).to_contain_text("Standard training")
    shares = first_row.locator("td.nowrap").all_inner_texts()
    assert len(shares) == 2
    assert all(re.fullmatch(r"\d+\.\d\s%", share) for share in shares)
    expect(page.get_by_text("What this does not show")).to_be_visible()

    shared_archive = make_link(browser_page)
    read_report(browser_page)
    page.go_back()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    archive = tmp_path / "protected.zip"
    downloading.value.save_as(archive)
    assert downloading.value.suggested_filename == "stripes-protected.zip"
    assert archive.read_bytes() == shared_archive
    check_archive(archive, upload, radius=8)


def make_link(browser_page: BrowserPage) -> bytes:
    """Make a link to the archive, at first without a connection; the bytes behind the link."""
    page = browser_page.page
    browser_page.allow_console_errors("ERR_FAILED")
    page.route("**/links", lambda route: route.abort(), times=1)
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("no link was made")).to_be_visible()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("A link to the archive")
    expect(link).to_have_value(re.compile("^http://.*/v1/links/"))
    expect(page.get_by_text("Anyone who has this link")).to_be_visible()
    response = httpx.get(link.input_value())
    assert response.headers["content-type"] == "application/zip"
    return response.content


def read_report(browser_page: BrowserPage) -> None:
    """Open the report: its images are loaded, their sliders move, and its frame is as tall as the report."""
    page = browser_page.page
    page.get_by_role("link", name="Read the full report").click()
    frame = page.frame_locator("#report")
    expect(frame.locator("h2").first).to_be_visible()
    assert frame.locator("img").first.evaluate("image => image.complete && image.naturalWidth > 0")
    frame.get_by_role("slider").first.press("ArrowRight")
    split = "images => images.style.getPropertyValue('--split')"
    assert frame.locator(".images").first.evaluate(split) == "51%"
    height = frame.locator("html").evaluate("html => html.scrollHeight")
    assert page.locator("#report").evaluate("frame => frame.clientHeight") >= height - 2


def check_archive(archive: Path, upload: Path, *, radius: int) -> None:
    """The archive has the files of the upload, and every image changed by at most the radius."""
    with zipfile.ZipFile(archive) as after, zipfile.ZipFile(upload) as before:
        assert after.testzip() is None
        extra = {"report.json", "report.html", "MANIFEST.json"}
        assert set(after.namelist()) - extra == {name for name in before.namelist() if not name.endswith("/")}
        assert json.loads(after.read("report.json"))["spec"]["radius_u"] == radius
        for name in before.namelist():
            old, new = (np.asarray(Image.open(io.BytesIO(z.read(name))), dtype=int) for z in (before, after))
            assert 0 < abs(old - new).max() <= radius, name


def test_running_job_can_be_canceled(browser_page: BrowserPage, small_zip: Path) -> None:
    page = browser_page.page
    browser_page.drop_files(small_zip)
    browser_page.expect_url("/datasets/")
    form = page.locator("#protect-form")
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("As in the paper").check()  # runs long enough to be canceled
    page.get_by_role("button", name="Protect").click()
    expect(page.locator("[data-running=running]")).to_be_visible(timeout=2 * MINUTE_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#outcome")).to_contain_text("Stopped protecting", timeout=MINUTE_MS)
    expect(page.get_by_text("It left no partial results.")).to_be_visible()

"""The whole path of a person: sign in, drop, look, protect, watch, read, download."""

import json
import re
import zipfile
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import Visit, sign_in_link
from tests.support.browser import Visitor
from tests.support.images import pictures_zip

MINUTE = 60_000  # milliseconds


@pytest.mark.timeout(900)
def test_from_a_zip_to_the_protected_archive_with_evidence(
    visit: Visit, context: Settings, rows: Database, tmp_path: Path
) -> None:
    upload = pictures_zip(tmp_path / "stripes.zip", classes=2, each=130)  # a fifth of them is enough to test on
    visitor = visit(context.address)
    link = sign_in_link(context, rows)
    visitor.page.goto(link)
    visitor.drop(upload)
    page = visitor.page
    expect(page.get_by_role("heading", name="stripes")).to_be_visible()
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE)
    expect(page.get_by_role("list", name="Pictures in each class")).to_contain_text("class-1")
    expect(page.locator(".frames img").first).to_have_js_property("complete", True)
    assert page.locator(".frames img").first.evaluate("image => image.naturalWidth") > 0
    form = page.locator("#protect-form")
    form.get_by_label("Gentle").check()
    form.get_by_text("Advanced").click()
    form.get_by_label("Method").select_option("em")
    form.get_by_label("Training to withstand").fill("0")  # standard training alone is measured: a sixth of the time
    form.get_by_role("button", name="Protect").click()
    visitor.is_at("/jobs/")
    expect(page.get_by_role("listitem").and_(page.locator("[aria-current=step]"))).to_be_visible(timeout=MINUTE)
    expect(page.locator("#outcome")).to_have_text("stripes: ready to download", timeout=12 * MINUTE)
    expect(page.locator("#evidence-table tbody tr").first).to_contain_text("Standard training")
    shares = page.locator("#evidence-table tbody tr").first.locator("td.nobreak").all_inner_texts()
    assert all(re.fullmatch(r"\d+\.\d\s%", share) for share in shares)
    expect(page.get_by_text("What this does not show")).to_be_visible()

    visitor.forgive("ERR_FAILED")
    page.route("**/links", lambda route: route.abort(), times=1)
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("no link was made")).to_be_visible()
    page.get_by_role("button", name="Make a link").click()
    shared = page.get_by_label("A link to the archive")
    expect(shared).to_have_value(re.compile("^http://.*/v1/links/"))
    expect(page.get_by_text("Anyone who has this link")).to_be_visible()
    by_link = httpx.get(shared.input_value())
    assert by_link.headers["content-type"] == "application/zip"

    page.get_by_role("link", name="Read the report").click()
    frame = page.frame_locator("#report")
    expect(frame.get_by_text("What was changed")).to_be_visible()
    assert frame.locator("img").first.evaluate("image => image.complete && image.naturalWidth > 0")
    inside = frame.locator("html").evaluate("html => html.scrollHeight")
    assert page.locator("#report").evaluate("frame => frame.clientHeight") >= inside - 2

    page.go_back()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    archive = tmp_path / "protected.zip"
    downloading.value.save_as(archive)
    assert downloading.value.suggested_filename == "stripes-protected.zip"
    assert archive.read_bytes() == by_link.content
    check_archive(archive, upload, radius=4)


def check_archive(archive: Path, upload: Path, *, radius: int) -> None:
    """The tree is the upload's, and no pixel is further away than the radius."""
    import io

    import numpy as np
    from PIL import Image

    with zipfile.ZipFile(archive) as after, zipfile.ZipFile(upload) as before:
        assert after.testzip() is None
        extra = {"report.json", "report.html", "MANIFEST.json"}
        assert set(after.namelist()) - extra == {name for name in before.namelist() if not name.endswith("/")}
        assert json.loads(after.read("report.json"))["spec"]["radius_u"] == radius
        changed = 0
        for name in before.namelist():
            old, new = (np.asarray(Image.open(io.BytesIO(z.read(name))), dtype=int) for z in (before, after))
            assert abs(old - new).max() <= radius
            changed += bool((old != new).any())
        assert changed == len(before.namelist())


def test_a_dropped_folder_is_packed_and_sent(visitor: Visitor, small_zip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "夢\u3000Träume"  # with the wide space of Japanese
    with zipfile.ZipFile(small_zip) as archive:
        archive.extractall(folder)
    (folder / "class-0" / "not a picture.jpg").write_text("hello")
    visitor.drop(folder)
    page = visitor.page
    expect(page.get_by_role("heading", level=1)).to_have_text("夢\u3000Träume")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE)
    expect(page.locator("#dataset-body .facts")).to_contain_text(re.compile("Pictures\\s*16"))
    expect(page.get_by_role("region", name="Left out, and why")).to_contain_text("not a picture.jpg")


def test_a_chosen_folder_is_packed_and_sent(visitor: Visitor, small_zip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small_zip) as archive:
        archive.extractall(tmp_path / "chosen")
    visitor.page.locator("#folder-input").set_input_files(tmp_path / "chosen")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("chosen")
    expect(visitor.page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE)


def test_a_running_job_is_cancelled_from_its_page(visitor: Visitor, small_zip: Path) -> None:
    page = visitor.page
    visitor.drop(small_zip)
    visitor.is_at("/datasets/")
    page.locator("#protect-form").get_by_label("As in the paper").check()  # long enough to be caught at work
    page.get_by_role("button", name="Protect").click()
    expect(page.locator("[data-running=running]")).to_be_visible(timeout=2 * MINUTE)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#outcome")).to_contain_text("Stopped protecting", timeout=MINUTE)
    expect(page.get_by_text("Nothing half-finished is left of it.")).to_be_visible()


def test_by_keyboard_alone(visitor: Visitor, small_zip: Path) -> None:
    page = visitor.page
    page.on("filechooser", lambda _: None)  # so that the browser hands choosers over from now on: a key is faster

    def tab_to(role: str, name: str, *, most: int = 40) -> None:
        target = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        for _ in range(most):
            page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                outline = target.evaluate(
                    "element => getComputedStyle(element.closest('.choice') ?? element).outlineStyle"
                )
                assert outline == "solid", f"where the focus is can be seen: {name}"
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("button", "Choose a zip or tar")
    with page.expect_file_chooser() as choosing:
        page.keyboard.press("Enter")
    choosing.value.set_files(small_zip)
    visitor.is_at("/datasets/")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE)
    tab_to("radio", "Balanced")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Strong")).to_be_checked()
    tab_to("radio", "Quick")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#protect-form").get_by_label("As in the paper")).to_be_checked()
    tab_to("button", "Protect")
    page.keyboard.press("Enter")
    visitor.is_at("/jobs/")
    tab_to("button", "Cancel")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Stopped protecting", timeout=MINUTE)

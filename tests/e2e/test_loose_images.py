"""Loose images from a phone's picker: names that occur twice, one image, and the whole way to the download."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import MINUTE_MS, NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage

UNIQUE_PATHS = """async (files) => {
    const { withUniquePaths } = await import("/static/file_selection.js");
    const given = files.map(([path, lastModified]) => ({ path, file: new File([path], path, { lastModified }) }));
    return withUniquePaths(given).map(({ path, file }) => [path, file.lastModified]);
}"""
CHOICE = """async ([names, types]) => {
    const { choiceFromInput } = await import("/static/file_selection.js");
    const transfer = new DataTransfer();
    names.forEach((name, n) => transfer.items.add(new File(["x"], name, { type: types[n] })));
    const choice = choiceFromInput(transfer.files);
    return choice.kind === "file" ? choice.file.name : [choice.name, ...choice.files.map(({ path }) => path)];
}"""


def test_names_that_occur_twice_are_kept_both(browser_page: BrowserPage) -> None:
    files = [
        ["IMG_1.jpg", 30],
        ["IMG_1.jpg", 10],
        ["img_1.JPG", 20],
        ["IMG_1-2.jpg", 5],
        ["a/ü.png", 1],
        ["a/u\u0308.png", 2],
    ]
    found = browser_page.page.evaluate(UNIQUE_PATHS, files)
    assert found == [
        ["a/ü.png", 1],
        ["a/u\u0308-2.png", 2],
        ["IMG_1-2.jpg", 5],
        ["IMG_1.jpg", 10],
        ["img_1-3.JPG", 20],
        ["IMG_1-4.jpg", 30],
    ]
    assert browser_page.page.evaluate(UNIQUE_PATHS, files[::-1]) == found, "the same files have the same names again"


@pytest.mark.parametrize(
    ("names", "types", "choice"),
    [
        (["photo.heic"], [""], ["photo", "photo.heic"]),
        (["1000012345"], ["image/jpeg"], ["1000012345", "1000012345.jpg"]),
        (["a.jpg", "b.png"], ["image/jpeg", "image/png"], ["2 images", "a.jpg", "b.png"]),
        (["album.zip"], ["application/zip"], "album.zip"),
        (["album.tar.gz"], ["application/gzip"], "album.tar.gz"),
    ],
)
def test_images_are_packed_and_archives_are_not(
    browser_page: BrowserPage, names: list[str], types: list[str], choice: list[str] | str
) -> None:
    assert browser_page.page.evaluate(CHOICE, [names, types]) == choice


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Drawn JPEGs with fine detail in two albums; each name occurs in both."""
    rng, paths = np.random.default_rng(5), []
    for number in range(count):
        path = folder / f"album-{number % 2}" / f"IMG_{number // 2:04}.jpg"
        path.parent.mkdir(exist_ok=True)
        coarse = Image.fromarray(rng.integers(40, 215, (9, 12, 3), np.uint8)).resize(
            (400, 300), Image.Resampling.BICUBIC
        )
        detail = rng.normal(0, 9, (300, 400, 1))
        pixels = np.clip(np.asarray(coarse) + detail, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(path, quality=92)
        paths.append(path)
    return paths


def try_strengths(page: Page) -> None:
    """Wait for the trial, move a slider with a finger, and look at another strength."""
    first = page.locator("[data-strength=balanced] .is-sliding").first
    expect(first).to_be_visible(timeout=2 * MINUTE_MS)
    expect(page.locator("#trial:not([data-busy])")).to_be_visible(timeout=2 * MINUTE_MS)  # then nothing is replaced
    images = first.locator("[data-compare-images]")
    images.scroll_into_view_if_needed()
    box = images.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 20)
    expect(first.get_by_role("slider")).to_have_value("25")
    page.get_by_label("Strong").check()
    expect(first).to_be_hidden()
    expect(page.locator("[data-strength=strong] figure:visible")).to_have_count(3)
    page.get_by_label("Balanced").check()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_a_phones_picker_to_the_download(
    new_browser_page: NewBrowserPage, service_settings: Settings, service_database: Database, tmp_path: Path
) -> None:
    browser_page = new_browser_page(service_settings.address, width=390, phone=True)
    page = browser_page.page
    page.goto(sign_in_link(service_settings, service_database))
    photographs = write_photographs(tmp_path, 6)
    with page.expect_file_chooser() as choosing:
        page.get_by_role("button", name="Choose images").tap()
    assert choosing.value.is_multiple()
    choosing.value.set_files(photographs)
    expect(page.get_by_role("heading", level=1)).to_have_text("6 images", timeout=MINUTE_MS)
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)
    page.get_by_role("button", name="Try it on 3 images").tap()
    try_strengths(page)
    browser_page.check_layout("dataset")
    page.get_by_role("button", name="Protect").tap()
    browser_page.expect_url("/jobs/")
    download = page.locator("#download")
    expect(download).to_be_visible(timeout=5 * MINUTE_MS)
    browser_page.check_layout("job")
    with page.expect_download() as downloading:
        download.tap()
    downloading.value.save_as(tmp_path / "protected.zip")
    with zipfile.ZipFile(tmp_path / "protected.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("IMG_")]
        assert len(names) == 6
        for name in names:
            assert Image.open(io.BytesIO(archive.read(name))).size == (400, 300)

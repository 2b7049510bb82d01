"""Folders: dropped or chosen, zipped in the browser and uploaded."""

import re
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.conftest import MINUTE_MS
from tests.support.browser import BrowserPage


def test_dropped_folder_is_uploaded(browser_page: BrowserPage, small_zip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "夢\u3000Träume"  # with an ideographic space
    with zipfile.ZipFile(small_zip) as archive:
        archive.extractall(folder)
    (folder / "class-0" / "not an image.jpg").write_text("hello")
    browser_page.drop_files(folder)
    page = browser_page.page
    expect(page.get_by_role("heading", level=1)).to_have_text("夢\u3000Träume")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)
    expect(page.locator("#dataset-body .facts")).to_contain_text(re.compile("Images\\s*16"))
    expect(page.get_by_role("region", name="Files left out")).to_contain_text("not an image.jpg")


def test_chosen_folder_is_uploaded(browser_page: BrowserPage, small_zip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small_zip) as archive:
        archive.extractall(tmp_path / "chosen")
    page = browser_page.page
    page.locator("#folder-input").set_input_files(tmp_path / "chosen")
    expect(page.get_by_role("heading", level=1)).to_have_text("chosen")
    expect(page.locator("#dataset-head .state")).to_have_text("Ready", timeout=MINUTE_MS)

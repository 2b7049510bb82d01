"""The gallery and the slider in the browser: keyboard, mouse, touch, and without JavaScript."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from store import users
from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import MINUTE_MS, SCREENS, NewBrowserPage, sign_in_link
from tests.support.waiting import wait_until

SPLIT = "element => parseFloat(element.style.getPropertyValue('--split'))"


@pytest.fixture(scope="module")
def client(service_settings: Settings, service_database: Database) -> Iterator[httpx.Client]:
    """A client of the REST interface."""
    with service_database.write.begin() as session:
        token = users.create_token(session, user_id=users.local_admin(session).id, name="images")[1]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service_settings.address, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def protected(client: httpx.Client, small_zip: Path) -> dict[str, str]:
    """The paths of the pages of a dataset and of its protection."""
    dataset = client.post("/v1/datasets", files={"file": (small_zip.name, small_zip.read_bytes())}).json()["id"]
    spec = {"preset": "instant", "evidence": "none"}
    request = {"kind": "protect", "dataset_id": dataset, "spec": spec}
    job = client.post("/v1/jobs", json=request).json()["id"]
    wait_until(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", seconds=180, what="the protection")
    return {"dataset": f"/datasets/{dataset}", "job": f"/jobs/{job}"}


def split_of(page: Page) -> float:
    """Where the divider is, in per cent from the left."""
    share: float = page.locator(".compare-images").evaluate(SPLIT)
    return share


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_thumbnails_open_the_images(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    protected: dict[str, str],
    width: int,
    scheme: str,
) -> None:
    browser_page = new_browser_page(service_settings.address, width=width, scheme=scheme)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    page = browser_page.open(protected["dataset"])
    page.get_by_role("link", name="All 16 images").click()
    expect(page.locator(".gallery img")).to_have_count(16, timeout=MINUTE_MS)
    browser_page.check_layout("gallery")
    first = page.get_by_role("link", name="class-0/00000.png")
    assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    first.click()
    displayed = page.locator(".full-image img")
    assert displayed.evaluate("image => image.decode().then(() => image.naturalWidth)") == 32
    browser_page.check_layout("image")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("00001.png")
    page.goto(service_settings.address + protected["job"])
    page.get_by_role("link", name="Before and after").click()
    page.locator(".gallery a").nth(15).click()
    expect(page.get_by_text("16 of 16")).to_be_visible()
    assert [
        image.evaluate("i => i.decode().then(() => i.naturalWidth)") for image in page.locator("img[alt*=':']").all()
    ] == [32, 32]
    browser_page.check_layout("before and after")


def test_divider_follows_the_keyboard_and_the_mouse(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    protected: dict[str, str],
) -> None:
    browser_page = new_browser_page(service_settings.address)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    page = browser_page.open(f"{protected['job']}/images/0")
    slider = page.get_by_role("slider", name="Divider between original and protected")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert split_of(page) == 60
    expect(slider).to_have_attribute("aria-valuetext", "60 % original, 40 % protected")
    page.keyboard.press("Home")
    assert split_of(page) == 0
    box = page.locator(".compare-images").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, y)
    page.mouse.down()
    assert split_of(page) == pytest.approx(20, abs=1)
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
    page.mouse.up()
    assert split_of(page) == pytest.approx(70, abs=1)
    expect(slider).to_have_value(str(round(split_of(page))))
    page.mouse.move(box["x"], y)
    assert split_of(page) == pytest.approx(70, abs=1), "the button is up"


def test_divider_follows_a_finger(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    protected: dict[str, str],
) -> None:
    browser_page = new_browser_page(service_settings.address, width=390, phone=True)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    page = browser_page.open(f"{protected['job']}/images/0")
    expect(page.get_by_role("slider")).to_be_visible()
    box = page.locator(".compare-images").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 20)
    assert split_of(page) == pytest.approx(25, abs=1)


def test_both_images_are_shown_without_javascript(
    chromium: Browser, service_settings: Settings, service_database: Database, protected: dict[str, str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sign_in_link(service_settings, service_database))
    page.goto(f"{service_settings.address}{protected['job']}/images/0")
    boxes = [page.get_by_role("img", name=name).bounding_box() for name in ("Original: ", "Protected: ")]
    assert all(boxes)
    assert boxes[0] != boxes[1]
    expect(page.get_by_role("slider")).to_have_count(0)
    context.close()

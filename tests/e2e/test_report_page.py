"""The report's page from disk: the slider by keyboard, mouse and touch, images at full size, and no script at all."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.reports.protection_html import render_html
from tests.e2e.conftest import SCREENS, NewBrowserPage
from tests.support.report_samples import evidence, report, row, sample

SPLIT = "figure => figure.querySelector('.images').style.getPropertyValue('--split')"

OUTSIDE_THEIR_CARD = """cards => cards.flatMap(card => [...card.querySelectorAll("svg text, th, td")]
  .filter(one => !one.closest(".scroll") && one.getBoundingClientRect().right > card.getBoundingClientRect().right)
  .map(one => one.textContent))"""


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    file: Path = tmp_path_factory.mktemp("report") / "report.html"
    samples = [sample(height=600, width=700), sample(path="b.png", height=230, width=300), sample(path="tiny.png")]
    learner = {"architecture": "fine-tuned EfficientNet-Lite0", "learner": "pretrained-finetune", "image_size": 128}
    found = evidence(
        row(before=0.91, after=0.4, **learner), row(before=0.9, after=0.89, countermeasure="greyscale", **learner)
    )
    file.write_text(render_html(report(found), samples), "utf-8")
    return file.as_uri()


def split_of(page: Page, number: int) -> float:
    """Where the divider of an image stands, in per cent."""
    return float(page.locator("[data-compare]").nth(number).evaluate(SPLIT).rstrip("%"))


@pytest.mark.parametrize(("width", "scheme"), [*SCREENS, (348, "light")])  # the service shows it in a frame
def test_the_page_fits_the_screen_and_shows_its_images(
    new_browser_page: NewBrowserPage, page_url: str, width: int, scheme: str
) -> None:
    browser_page = new_browser_page(page_url, width=width, scheme=scheme)
    page = browser_page.open("")
    browser_page.check_layout("report")
    browser_page.screenshot(f"report-page-{width}")
    assert page.locator(".card").evaluate_all(OUTSIDE_THEIR_CARD) == []
    sizes = page.locator(".side img").evaluate_all("images => images.map((image) => image.naturalWidth)")
    assert sizes == [700, 700, 300, 300, 80, 80]


def test_keyboard_and_mouse_move_the_divider(new_browser_page: NewBrowserPage, page_url: str) -> None:
    page = new_browser_page(page_url).open("")
    slider = page.get_by_role("slider").first
    slider.focus()
    assert split_of(page, 0) == 50
    page.keyboard.press("ArrowRight")
    assert split_of(page, 0) == 51
    page.keyboard.press("Home")
    assert split_of(page, 0) == 0
    expect(slider).to_have_attribute("aria-valuetext", "0 % original, 100 % protected")
    page.keyboard.press("End")
    assert split_of(page, 0) == 100
    assert split_of(page, 1) == 50, "each image has a divider of its own"
    images = page.locator(".images").nth(1)
    images.scroll_into_view_if_needed()
    box = images.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60)
    page.mouse.up()
    assert split_of(page, 1) == pytest.approx(25, abs=2)
    page.mouse.move(box["x"] + 5, box["y"] + 60)
    assert split_of(page, 1) == pytest.approx(25, abs=2), "the button is up"


def test_a_finger_moves_the_divider(chromium: Browser, page_url: str) -> None:
    with chromium.new_context(viewport={"width": 390, "height": 860}, has_touch=True) as context:
        page = context.new_page()
        page.goto(page_url)
        images = page.locator(".images").first
        images.scroll_into_view_if_needed()
        box = images.bounding_box()
        assert box is not None
        touch = context.new_cdp_session(page)
        for kind, share in (("touchStart", 0.5), ("touchMove", 0.6), ("touchMove", 0.8), ("touchEnd", None)):
            points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": box["y"] + 30}]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert split_of(page, 0) == pytest.approx(80, abs=2)


def test_an_image_opens_at_full_size(new_browser_page: NewBrowserPage, page_url: str) -> None:
    page = new_browser_page(page_url).open("")
    first = page.locator(".side img").first
    width = "image => image.getBoundingClientRect().width"
    assert first.evaluate(width) < 700
    page.get_by_label("At full size, 700 x 600").check()
    assert first.evaluate(width) == 700
    assert page.locator(".side img").nth(1).evaluate(width) == 700, "both versions lie on each other"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_without_script_both_versions_stand_side_by_side(chromium: Browser, page_url: str) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(page_url)
        before, after = (page.locator(".side").nth(i).bounding_box() for i in (0, 1))
        assert before is not None
        assert after is not None
        assert after["x"] >= before["x"] + before["width"]
        assert page.locator(".control").first.is_hidden()

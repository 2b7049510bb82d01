"""Every page in every state: an empty console, nothing wider than the screen, a name for every element, contrast."""

import pytest
from playwright.sync_api import expect

from store.database import Database
from store.settings import Settings
from tests.e2e.conftest import SCREENS, NewBrowserPage, sign_in_link
from tests.support.browser import BrowserPage

MIN_CONTRAST = 4.5  # WCAG 2.2, level AA, for text
COLOUR_PAIRS = (  # text, background
    ("--foreground", "--background"),
    ("--foreground", "--surface"),
    ("--muted", "--background"),
    ("--muted", "--surface"),
    ("--accent", "--background"),
    ("--accent", "--surface"),
    ("--success", "--surface"),
    ("--danger", "--danger-background"),
    ("--danger", "--surface"),
    ("--on-primary", "--primary"),
    ("--on-panel", "--panel"),
    ("--panel-muted", "--panel"),
    ("--panel-accent", "--panel"),
)
READ_COLOUR = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_fit_the_screen_and_name_their_elements(
    new_browser_page: NewBrowserPage,
    service_settings: Settings,
    service_database: Database,
    page_paths: dict[str, str],
    width: int,
    scheme: str,
) -> None:
    browser_page = new_browser_page(service_settings.address, width=width, scheme=scheme)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    for name, path in page_paths.items():
        page = browser_page.open(path)
        browser_page.screenshot(f"{name}-{width}")
        browser_page.check_layout(name)
        assert page.title().endswith("Unteachable"), name
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(new_browser_page: NewBrowserPage, service_settings: Settings, scheme: str) -> None:
    page = new_browser_page(service_settings.address, scheme=scheme).open("/sign-in")
    for names in COLOUR_PAIRS:
        text, background = (page.evaluate(READ_COLOUR, name) for name in names)
        assert contrast(text, background) >= MIN_CONTRAST, (names, text, background)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours written as #rrggbb, by WCAG 2.2."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour written as #rrggbb, by WCAG 2.2."""
    values = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_missing_page_has_an_error_page(browser_page: BrowserPage) -> None:
    browser_page.allow_console_errors("status of 404")
    for path in ("/nothing", "/datasets/nothing", "/jobs/nothing", "/jobs/nothing/report"):
        page = browser_page.open(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
        expect(page.get_by_role("link", name="Go to the start page")).to_be_visible()

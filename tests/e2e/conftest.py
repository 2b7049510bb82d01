"""A real Chromium and a real service: broker, workers and API, started by `unteachable up`."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from store import models as m
from store import users
from store.clock import utc_now
from store.database import Database, open_database
from store.settings import Settings
from tests.support.browser import BrowserPage
from tests.support.images import write_images_zip
from tests.support.ports import free_port
from tests.support.processes import Command

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
START_SECONDS = 120  # on a busy machine
MINUTE_MS = 60_000
LONG_NAME = "a-name-without-a-single-space-" * 4
SCREENS = [(1280, "light"), (390, "dark")]  # width in pixels, colour scheme

NewBrowserPage = Callable[..., BrowserPage]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as browser tests, and skip them if there is no Chromium."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser of a test file; every page has a profile of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a running service that all tests share."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(_env_file=None, data_dir=folder / "var", port=free_port(), threads=1)
    command = Command(settings, "up", log=folder / "up.log")
    try:
        command.wait_until_up(START_SECONDS)
        yield settings
    finally:
        command.end()


@pytest.fixture(scope="session")
def service_database(service_settings: Settings) -> Iterator[Database]:
    """The database of the running service."""
    database = open_database(service_settings)
    yield database
    database.dispose()


def sign_in_link(settings: Settings, database: Database) -> str:
    """A new one-time link that signs the local admin in."""
    with database.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=600)
    return f"{settings.address}/sign-in?key={key}"


@pytest.fixture
def new_browser_page(chromium: Browser) -> Iterator[NewBrowserPage]:
    """Opens pages of the service at an address; after the test, their consoles must have no errors."""
    opened: list[tuple[BrowserContext, BrowserPage]] = []

    def new(address: str, *, width: int = 1280, scheme: str = "light", phone: bool = False) -> BrowserPage:
        size = {"width": width, "height": 860}
        context = chromium.new_context(
            viewport=size, color_scheme=scheme, reduced_motion="reduce", has_touch=phone, is_mobile=phone
        )
        browser_page = BrowserPage(context.new_page(), address)
        opened.append((context, browser_page))
        return browser_page

    yield new
    errors = [line for _, browser_page in opened for line in browser_page.console_errors()]
    for context, _ in opened:
        context.close()
    assert not errors


@pytest.fixture
def browser_page(
    new_browser_page: NewBrowserPage, service_settings: Settings, service_database: Database
) -> BrowserPage:
    """The start page of the running service, signed in as the local admin."""
    browser_page = new_browser_page(service_settings.address)
    browser_page.page.goto(sign_in_link(service_settings, service_database))
    return browser_page


@pytest.fixture(scope="session")
def small_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight small images."""
    return write_images_zip(tmp_path_factory.mktemp("zips") / "small set.zip", classes=2, per_class=8)


@pytest.fixture(scope="session")
def large_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 20 MB of images, so that an upload of them can be interrupted."""
    return write_images_zip(tmp_path_factory.mktemp("zips") / "large set.zip", classes=2, per_class=60, size=256)


@pytest.fixture(scope="module")
def page_paths(service_database: Database) -> dict[str, str]:
    """The path of a page for every state of datasets and jobs. No worker changes their rows."""
    paths = {"home": "/", "tokens": "/tokens", "sessions": "/sessions"}
    with service_database.write.begin() as session:
        owner = users.local_admin(session).id
        for state in (m.UPLOADING, m.CHECKING, m.READY, m.REJECTED):
            dataset = m.Dataset(
                id=m.new_id(),
                owner_id=owner,
                name=f"{LONG_NAME}{state}",
                state=state,
                bytes=12_345_678,
                images=400,
                classes=[{"name": f"{LONG_NAME}{n}", "images": n} for n in range(1, 31)],
                skipped=[{"path": f"{LONG_NAME}/{n}.jpg", "reason": "not an image"} for n in range(20)],
                error=f"It cannot be used: {LONG_NAME}" if state == m.REJECTED else None,
                expires_at=utc_now() + timedelta(days=3),
            )
            session.add(dataset)
            session.flush()
            paths[f"dataset {state}"] = f"/datasets/{dataset.id}"
        for state in (m.QUEUED, m.RUNNING, m.SUCCEEDED, m.FAILED, m.CANCELED):
            job = m.Job(
                id=m.new_id(),
                owner_id=owner,
                kind=m.PROTECT,
                state=state,
                cancel_requested=state == m.QUEUED,  # so that no worker takes it
                spec={"preset": "quick", "percentage": 50, "radius_a": 3},
                stage="noise" if state == m.RUNNING else None,
                lease_until=utc_now() + timedelta(hours=1) if state == m.RUNNING else None,  # so that none is lost
                done=210,
                total=1000,
                eta_seconds=200.0,
                archive_bytes=123_456,
                error=f"It failed: {LONG_NAME}" if state == m.FAILED else None,
            )
            session.add(job)
            session.flush()
            paths[f"job {state}"] = f"/jobs/{job.id}"
    return paths

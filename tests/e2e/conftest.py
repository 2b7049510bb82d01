"""A real Chromium before a real service: broker, workers and API as `unteachable up` starts them."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from store import users
from store.database import Database, open_database
from store.settings import Settings
from tests.support.browser import Visitor
from tests.support.images import pictures_zip
from tests.support.processes import Command
from tests.support.waiting import wait_until

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
START_SECONDS = 120  # on a busy machine

Visit = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser, and is skipped where there is none."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; every visitor has a profile of its own in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a whole running service, shared by the tests."""
    folder = tmp_path_factory.mktemp("house")
    settings = Settings(_env_file=None, data_dir=folder / "var", port=free_port(), threads=1)
    command = Command(settings, "up", log=folder / "up.log")
    try:

        def is_up() -> bool:
            assert command.process.poll() is None, command.said()
            return "Stop: Ctrl-C" in command.said()

        wait_until(is_up, seconds=START_SECONDS)
        yield settings
    finally:
        command.end()


@pytest.fixture(scope="session")
def rows(context: Settings) -> Iterator[Database]:
    """The database of the running service."""
    database = open_database(context)
    yield database
    database.dispose()


def sign_in_link(settings: Settings, database: Database) -> str:
    """A fresh one-time link of the local admin."""
    with database.write.begin() as session:
        key = users.create_sign_in_key(session, user_id=users.local_admin(session).id, seconds=600)
    return f"{settings.address}/sign-in?key={key}"


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens browsers at an address; each test ends with a look at what their consoles said."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_at(address: str, *, width: int = 1280, scheme: str = "light") -> Visitor:
        size = {"width": width, "height": 860}
        context = chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        visitor = Visitor(context.new_page(), address)
        opened.append((context, visitor))
        return visitor

    yield open_at
    complaints = [line for _, visitor in opened for line in visitor.complaints()]
    for context, _ in opened:
        context.close()
    assert not complaints


@pytest.fixture
def visitor(visit: Visit, context: Settings, rows: Database) -> Visitor:
    """Someone who has signed in by the link and sees the start page."""
    visitor = visit(context.address)
    visitor.page.goto(sign_in_link(context, rows))
    return visitor


@pytest.fixture(scope="session")
def small_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of eight small pictures."""
    return pictures_zip(tmp_path_factory.mktemp("zips") / "small set.zip", classes=2, each=8)


@pytest.fixture(scope="session")
def large_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 20 MB of pictures: enough to interrupt an upload of them."""
    return pictures_zip(tmp_path_factory.mktemp("zips") / "large set.zip", classes=2, each=60, size=256)

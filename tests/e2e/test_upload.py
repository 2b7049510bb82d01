"""Uploads in the browser: interrupted, resumed, refused."""

import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Request, Route, expect
from sqlalchemy import delete, select

from store import models as m
from store.database import Database, open_database
from store.settings import Settings
from tests.e2e.conftest import START_SECONDS, Visit, free_port, sign_in_link
from tests.support.browser import Visitor
from tests.support.processes import Command
from tests.support.waiting import wait_until

SLOW = 3_000_000  # bytes a second
LOST = "ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_FAILED|ERR_ABORTED"


def arrived(database: Database, dataset_id: str) -> m.Dataset:
    with database.read() as session:
        dataset = session.get(m.Dataset, dataset_id)
    assert dataset is not None
    return dataset


def dataset_of(visitor: Visitor) -> str:
    visitor.is_at("/datasets/")
    return visitor.page.url.rsplit("/", 1)[1]


def half_sent(visitor: Visitor, path: Path) -> None:
    """Begins an upload that takes a while, and waits until a part of it is sent."""
    visitor.slow_uploads(SLOW)
    visitor.page.locator("#file-input").set_input_files(path)
    wait_until(lambda: visitor.share_sent() > 10, seconds=60)


def test_it_goes_on_after_the_server_is_killed_and_started_again(
    visit: Visit,
    make_settings: Callable[..., Settings],
    commands: Callable[..., Command],
    large_zip: Path,
) -> None:
    settings = make_settings(port=free_port())
    database = open_database(settings)
    server = commands(settings, "api")
    wait_until(lambda: listens(settings), seconds=START_SECONDS)
    visitor = visit(settings.address)
    visitor.forgive(LOST)
    visitor.page.goto(sign_in_link(settings, database))
    half_sent(visitor, large_zip)
    server.kill()
    expect(visitor.page.locator("#upload-line")).to_contain_text("trying again by itself")
    sent = stored(settings)
    assert 0 < sent < large_zip.stat().st_size
    commands(settings, "api")
    visitor.slow_uploads(0)
    dataset = arrived(database, dataset_of(visitor))
    assert (dataset.bytes, dataset.name) == (large_zip.stat().st_size, "large set")
    with database.read() as session:
        assert len(list(session.scalars(select(m.Dataset)))) == 1
        assert len(list(session.scalars(select(m.Upload)))) == 1, "it went on with what had arrived"
    database.dispose()


def listens(settings: Settings) -> bool:
    """Whether the API answers; without a broker it is not called ready, and takes uploads all the same."""
    with socket.socket() as probe:
        return probe.connect_ex((settings.host, settings.port)) == 0


def stored(settings: Settings) -> int:
    """Bytes of unfinished uploads on the server's disk."""
    return sum(path.stat().st_size for path in (settings.home / "uploads").iterdir())


def test_it_goes_on_by_itself_after_a_reload(
    visitor: Visitor, rows: Database, context: Settings, large_zip: Path
) -> None:
    visitor.forgive(LOST)
    half_sent(visitor, large_zip)
    kept = "Object.values(localStorage).some((value) => JSON.parse(value).kept)"
    wait_until(lambda: visitor.page.evaluate(kept))
    visitor.page.reload()
    wait_until(lambda: visitor.share_sent() > 10, what="what was sent before counts")
    visitor.slow_uploads(0)
    assert arrived(rows, dataset_of(visitor)).bytes == large_zip.stat().st_size
    assert visitor.page.evaluate("localStorage.length") == 0


def test_what_the_browser_could_not_keep_goes_on_when_it_is_chosen_again(
    visitor: Visitor, rows: Database, large_zip: Path
) -> None:
    visitor.forgive(LOST)
    interrupted(visitor, large_zip)
    with rows.read() as session:
        before = len(list(session.scalars(select(m.Upload))))
    visitor.page.locator("#file-input").set_input_files(large_zip)
    visitor.slow_uploads(0)
    assert arrived(rows, dataset_of(visitor)).bytes == large_zip.stat().st_size
    with rows.read() as session:
        assert len(list(session.scalars(select(m.Upload)))) == before


def test_what_is_not_to_be_found_again_can_be_discarded(visitor: Visitor, rows: Database, large_zip: Path) -> None:
    visitor.forgive(LOST)
    interrupted(visitor, large_zip)
    visitor.page.get_by_role("button", name="Discard the upload of large set").click()
    expect(visitor.page.get_by_role("button", name="Choose a folder")).to_be_focused()
    nothing_is_left(visitor, rows)
    visitor.page.reload()
    expect(visitor.page.locator("#again")).to_be_empty()


def test_what_the_server_has_forgotten_is_not_asked_for(visitor: Visitor, rows: Database, large_zip: Path) -> None:
    visitor.forgive(f"{LOST}|status of 404")
    interrupted(visitor, large_zip)
    with rows.write.begin() as session:
        session.execute(delete(m.Upload).where(m.Upload.dataset_id.is_(None)))
    visitor.page.reload()
    wait_until(lambda: visitor.page.evaluate("localStorage.length") == 0)
    expect(visitor.page.locator("#again")).to_be_empty()


def interrupted(visitor: Visitor, path: Path) -> None:
    """An upload that was broken off by a reload, in a browser that could not keep its bytes."""
    visitor.page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    visitor.page.reload()
    half_sent(visitor, path)
    visitor.page.reload()
    expect(visitor.page.locator("#again")).to_contain_text("“large set” was interrupted")


def test_who_paused_is_not_woken_by_the_network(visitor: Visitor, rows: Database, large_zip: Path) -> None:
    visitor.forgive(LOST)
    half_sent(visitor, large_zip)
    visitor.page.get_by_role("button", name="Pause").click()
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    stays_paused(visitor)
    visitor.page.get_by_role("button", name="Stop and discard").click()
    nothing_is_left(visitor, rows)


def test_paused_while_the_server_is_asked_nothing_is_sent(visitor: Visitor, large_zip: Path) -> None:
    held: list[Route] = []
    visitor.page.route("**/v1/uploads", lambda route: held.append(route))
    with visitor.page.expect_request("**/v1/uploads"):
        visitor.page.locator("#file-input").set_input_files(large_zip)
    visitor.page.get_by_role("button", name="Pause").click()
    with visitor.page.expect_response("**/v1/uploads"):
        held[0].continue_()
    stays_paused(visitor)
    visitor.page.get_by_role("button", name="Go on").click()
    dataset_of(visitor)


def stays_paused(visitor: Visitor) -> None:
    """No piece is sent for longer than the first waits between two tries."""
    sent: list[Request] = []
    visitor.page.on("request", lambda request: sent.append(request) if request.method == "PATCH" else None)
    visitor.page.wait_for_timeout(1_500)
    assert not sent
    expect(visitor.page.locator("#upload-line")).to_contain_text("Paused")
    expect(visitor.page.get_by_role("button", name="Go on")).to_be_visible()


def test_pause_and_go_on(visitor: Visitor, rows: Database, large_zip: Path) -> None:
    visitor.forgive(LOST)
    half_sent(visitor, large_zip)
    page = visitor.page
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#upload-line")).to_contain_text("Paused")
    visitor.slow_uploads(0)
    page.get_by_role("button", name="Go on").click()
    assert arrived(rows, dataset_of(visitor)).bytes == large_zip.stat().st_size


@pytest.mark.parametrize("paused", [False, True])
def test_stop_and_discard_leaves_nothing(visitor: Visitor, rows: Database, large_zip: Path, paused: bool) -> None:
    visitor.forgive(LOST)
    half_sent(visitor, large_zip)
    if paused:
        visitor.page.get_by_role("button", name="Pause").click()
        expect(visitor.page.locator("#upload-line")).to_contain_text("Paused")
    visitor.page.get_by_role("button", name="Stop and discard").click()
    expect(visitor.page.get_by_role("button", name="Choose a folder")).to_be_focused()
    nothing_is_left(visitor, rows)


def test_stop_and_discard_before_the_server_has_answered(visitor: Visitor, rows: Database, large_zip: Path) -> None:
    held: list[Route] = []
    visitor.page.route("**/v1/uploads", lambda route: held.append(route))
    with visitor.page.expect_request("**/v1/uploads"):
        visitor.page.locator("#file-input").set_input_files(large_zip)
    visitor.page.get_by_role("button", name="Stop and discard").click()
    with visitor.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        held[0].continue_()
    nothing_is_left(visitor, rows)


def test_another_can_be_sent_while_a_discarded_one_still_waits_for_the_server(
    visitor: Visitor, rows: Database, large_zip: Path, small_zip: Path
) -> None:
    held: list[Route] = []
    visitor.page.route("**/v1/uploads", lambda route: route.continue_() if held else held.append(route))
    with visitor.page.expect_request("**/v1/uploads"):
        visitor.page.locator("#file-input").set_input_files(large_zip)
    visitor.page.get_by_role("button", name="Stop and discard").click()
    visitor.page.locator("#file-input").set_input_files(small_zip)
    assert arrived(rows, dataset_of(visitor)).bytes == small_zip.stat().st_size


def nothing_is_left(visitor: Visitor, rows: Database) -> None:
    """Neither here nor there, and nothing is begun again after the first wait between two tries."""
    wait_until(lambda: visitor.page.evaluate("localStorage.length") == 0)
    wait_until(lambda: not unfinished(rows, "large set.zip"))
    visitor.page.wait_for_timeout(1_500)
    assert visitor.page.evaluate("localStorage.length") == 0
    assert not unfinished(rows, "large set.zip")
    expect(visitor.page.get_by_role("button", name="Choose a folder")).to_be_visible()


def unfinished(database: Database, filename: str) -> list[m.Upload]:
    """The uploads of that name which are no dataset yet, as of now: a session sees its first look for good."""
    with database.read() as session:
        return list(
            session.scalars(select(m.Upload).where(m.Upload.dataset_id.is_(None), m.Upload.filename == filename))
        )


def test_a_refused_upload_says_why_and_another_can_be_chosen(visitor: Visitor, tmp_path: Path, small_zip: Path) -> None:
    visitor.forgive("status of 4")
    text, single = tmp_path / "notes.zip", tmp_path / "one.zip"
    text.write_text("This is no archive.")
    with zipfile.ZipFile(small_zip) as whole, zipfile.ZipFile(single, "w") as archive:
        for name in whole.namelist():
            if name.startswith("class-0/"):
                archive.writestr(name, whole.read(name))
    page = visitor.page
    for path, reason in ((text, "archive"), (single, "at least two")):
        page.locator("#file-input").set_input_files(path)
        expect(page.get_by_role("alert")).to_contain_text(reason)
        expect(page.locator("#refused")).to_be_focused()
        page.get_by_role("button", name="Choose something else").click()
    page.locator("#file-input").set_input_files(small_zip)
    visitor.is_at("/datasets/")


def test_signed_out_in_the_middle_it_goes_on_after_signing_in(
    visitor: Visitor, rows: Database, context: Settings, large_zip: Path
) -> None:
    visitor.forgive(f"{LOST}|status of 401")
    half_sent(visitor, large_zip)
    visitor.page.context.clear_cookies()
    expect(visitor.page.get_by_role("alert")).to_contain_text("Sign in again", timeout=60_000)
    visitor.slow_uploads(0)
    visitor.page.goto(sign_in_link(context, rows))
    assert arrived(rows, dataset_of(visitor)).bytes == large_zip.stat().st_size

"""A disk that runs full: uploads stop before it is full, and a full one is emptied through the service."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.app import _remove_expired
from api.uploads import disk_room
from store import models as m
from store.clock import utc_now
from store.settings import Settings
from tests.api.conftest import Service, assert_problem, running, upload_dataset
from tests.support.archives import image_files, zipped
from tests.support.ports import free_port
from tests.support.small_disk import fill, small_disk
from tests.support.tus_client import TUS_HEADERS, begin, offset, patch

MIB = 2**20
DISK = 40  # MiB


@pytest.fixture
def small(
    tmp_path: Path, sqlite_template: Path, broker_at: Callable[[Settings], None]
) -> Iterator[tuple[Service, httpx.Client]]:
    """A service whose data folder is a file system of 40 MiB, and the local admin's client."""
    with small_disk(tmp_path / "disk", DISK) as disk:
        if disk is None:
            pytest.skip("this user may not mount a small file system, which the test fills")
        shutil.copyfile(sqlite_template, disk / "unteachable.db")
        settings = Settings(_env_file=None, data_dir=disk, port=free_port(), broker_url=f"redis+socket://{tmp_path}/b")
        with running(settings) as service, service.client(user="admin") as client:
            yield service, client


def refill(disk: Path) -> None:
    """Fill the disk, the reserve included, so that not even a row can be written at first."""
    (disk / "reserve").unlink(missing_ok=True)
    fill(disk)
    fill(disk, "last bytes")


def test_uploads_stop_at_the_floor_of_free_space(small: tuple[Service, httpx.Client]) -> None:
    service, api = small
    disk = service.settings.home
    floor = DISK * MIB // 20
    with (disk / "other data").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - floor - 3 * MIB)
    assert_problem(_begin(api, 4 * MIB), 507, "no room", "Delete")
    form = {"file": ("a.zip", bytes(4 * MIB))}
    assert_problem(api.post("/v1/datasets", files=form), 507, "no room")
    url = begin(api, 2 * MIB)
    assert_problem(_begin(api, 2 * MIB), 507, "no room")  # the room is promised already
    assert patch(api, url, bytes(MIB), 0).status_code == 204
    assert_problem(_begin(api, 2 * MIB), 507, "no room")
    upload_dataset(api)  # a small one still fits
    with (disk / "more data").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, MIB + MIB // 2)
    assert_problem(patch(api, url, bytes(MIB), MIB), 507, "no room")
    assert offset(api, url) == MIB  # what arrived stays
    (disk / "more data").unlink()
    assert_problem(patch(api, url, bytes(MIB), MIB), 422, "nothing inside")
    assert begin(api, 2 * MIB)  # the room is free again


def test_a_body_of_unknown_length_stops_at_the_floor(small: tuple[Service, httpx.Client]) -> None:
    service, api = small

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
        for _ in range(DISK):
            yield bytes(MIB)
        yield b"\r\n--b--\r\n"

    answer = api.post("/v1/datasets", content=body(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert_problem(answer, 507, "no room")
    assert shutil.disk_usage(service.settings.home).free > DISK * MIB // 20
    assert service.unfinished_uploads() == []


def test_a_silent_upload_loses_its_promise(
    small: tuple[Service, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, api = small
    large = 25 * MIB
    begin(api, large)
    assert_problem(_begin(api, large), 507, "no room")
    monkeypatch.setattr(disk_room, "PROMISE_SECONDS", -1)
    assert _begin(api, large).status_code == 201


def test_everything_is_deleted_on_a_disk_without_a_free_byte(small: tuple[Service, httpx.Client]) -> None:
    service, api = small
    disk = service.settings.home
    large = zipped(image_files() | {"cats/large.png": bytes(3 * MIB)})
    datasets = [upload_dataset(api, large)["id"] for _ in range(2)]
    url = begin(api, 8 * MIB)
    assert patch(api, url, bytes(4 * MIB), 0).status_code == 204
    for answer in (
        lambda: api.delete(url, headers=TUS_HEADERS),
        lambda: api.delete(f"/v1/datasets/{datasets[0]}"),
        lambda: api.post(f"/datasets/{datasets[1]}/delete", headers={"Sec-Fetch-Site": "same-origin"}),
    ):
        refill(disk)
        before = shutil.disk_usage(disk).free
        assert answer().status_code in (204, 303)
        assert shutil.disk_usage(disk).free > before + 2 * MIB
    assert api.get("/v1/datasets").json()["items"] == []
    assert api.head(url, headers=TUS_HEADERS).status_code == 404


def test_the_reserve_lets_rows_be_written_on_a_full_disk(small: tuple[Service, httpx.Client]) -> None:
    service, api = small
    disk = service.settings.home
    assert (disk / "reserve").stat().st_size == DISK * MIB // 50
    fill(disk)
    fill(disk, "last bytes")
    for _ in range(3):
        assert api.post("/v1/tokens", json={"name": "written on a full disk"}).status_code == 201
    assert not (disk / "reserve").exists()
    refill(disk)
    refused = [api.post("/v1/tokens", json={"name": "x" * 200}) for _ in range(100)][-1]
    assert_problem(refused, 507, "disk of the service is full")
    for name in ("filler", "last bytes"):
        (disk / name).unlink()
    _remove_expired(service.context())
    assert (disk / "reserve").exists()


def test_expired_uploads_are_removed_from_a_full_disk(small: tuple[Service, httpx.Client]) -> None:
    service, api = small
    url = begin(api, 8 * MIB)
    assert patch(api, url, bytes(4 * MIB), 0).status_code == 204
    with service.db.write.begin() as session:
        session.query(m.Upload).update({"expires_at": utc_now()})
    (part,) = service.unfinished_uploads()
    os.utime(part, (0, 0))
    refill(service.settings.home)
    assert _remove_expired(service.context()) == 1
    assert service.unfinished_uploads() == []


def _begin(api: httpx.Client, length: int) -> httpx.Response:
    return api.post("/v1/uploads", headers=TUS_HEADERS | {"Upload-Length": str(length)})

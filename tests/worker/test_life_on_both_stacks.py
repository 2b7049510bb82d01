"""The life of a job, upload to deletion, on one machine (SQLite, a folder) and on several (PostgreSQL, Valkey, S3).

APIs and workers are real. On several machines each has a folder of its own, and requests go to the APIs in turn.
"""

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from store import deployment
from store import models as m
from store.settings import Settings
from tests.api.conftest import Service, running
from tests.support.broker import start_broker, valkey_server
from tests.support.images import write_images_zip
from tests.support.ports import free_port
from tests.support.processes import Command
from tests.support.tus_client import begin, finish, offset, patch
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SPEC = {"preset": "instant", "evidence": "none", "seed": 3}
SECONDS = 180  # for what takes a few, on a machine that is busy


@pytest.fixture(params=["one machine", "several machines"])
def machine_settings(
    request: pytest.FixtureRequest, make_settings: Callable[..., Settings], tmp_path: Path
) -> Iterator[Callable[[str], Settings]]:
    """Returns the settings of a machine by its name; what the machines share runs."""
    if request.param == "one machine":
        settings = make_settings(port=free_port())
        broker = start_broker(settings)
        yield lambda _: settings
        broker.terminate()
        broker.wait(10)
        return
    s3, database_url = request.getfixturevalue("s3"), request.getfixturevalue("postgres_database")
    folder = tmp_path / "valkey"
    folder.mkdir()
    with valkey_server(folder, free_port()) as broker:
        shared = s3.settings(prefix=m.new_id(), database_url=database_url, broker_url=broker.url)
        yield lambda name: make_settings(data_dir=tmp_path / name, port=free_port(), **shared)


@pytest.fixture
def apis(machine_settings: Callable[[str], Settings]) -> Iterator[list[Service]]:
    """The APIs: on several machines two."""
    by_folder = {settings.home: settings for settings in map(machine_settings, ("api-1", "api-2"))}
    with ExitStack() as stack:
        services = [stack.enter_context(running(settings)) for settings in by_folder.values()]
        deployment.adopt_if_new(services[0].settings, services[0].db, services[0].files)
        yield services


@pytest.fixture
def client_in_turn(apis: list[Service]) -> Callable[[], httpx.Client]:
    """Returns a client of the admin, of the next API each time."""
    token = apis[0].token("admin")
    clients = itertools.cycle([api.client(token=token) for api in apis])
    return lambda: next(clients)


@pytest.fixture
def workers(
    machine_settings: Callable[[str], Settings], commands: Callable[..., Command], apis: list[Service]
) -> list[Command]:
    """A worker for checks and one for everything else; both are starting."""
    return [commands(machine_settings(queue), "worker", "--queue", queue) for queue in ("check", "science")]


def upload(client_in_turn: Callable[[], httpx.Client], data: bytes) -> str:
    """Send an archive in two parts; returns the id of the dataset."""
    url = begin(client_in_turn(), len(data), filename="pets.zip")
    assert patch(client_in_turn(), url, data[: len(data) // 2], 0).status_code == 204
    arrived = offset(client_in_turn(), url)
    assert arrived == len(data) // 2
    return finish(client_in_turn(), url, data, at=arrived).rsplit("/", 1)[1]


def wait_for(client_in_turn: Callable[[], httpx.Client], path: str, state: str, workers: list[Command]) -> Any:
    """Wait until a resource has a state; returns its JSON."""

    def has_state() -> Any:
        assert [worker.process.poll() for worker in workers] == [None, None]
        found = client_in_turn().get(path).json()
        assert found["state"] not in ("failed", "rejected"), found
        return found if found["state"] == state else None

    return wait_until(has_state, seconds=SECONDS, what=f"{path} {state}")


def test_the_life_of_a_job(
    apis: list[Service], client_in_turn: Callable[[], httpx.Client], workers: list[Command], tmp_path: Path
) -> None:
    data = write_images_zip(tmp_path / "pets.zip", classes=2, per_class=6).read_bytes()
    dataset_id = upload(client_in_turn, data)
    dataset = wait_for(client_in_turn, f"/v1/datasets/{dataset_id}", "ready", workers)
    assert [entry["images"] for entry in dataset["classes"]] == [6, 6]

    request = {"kind": "protect", "dataset_id": dataset_id, "spec": SPEC}
    created = client_in_turn().post("/v1/jobs", json=request)
    assert created.status_code == 202, created.text
    job_id = created.json()["id"]
    job = wait_for(client_in_turn, f"/v1/jobs/{job_id}", "succeeded", workers)
    assert job["expires_at"] > job["finished_at"]

    downloads = [client_in_turn().get(f"/v1/jobs/{job_id}/archive", follow_redirects=True).content for _ in apis]
    assert len(set(downloads)) == 1
    with zipfile.ZipFile(io.BytesIO(downloads[0])) as protected, zipfile.ZipFile(io.BytesIO(data)) as original:
        assert protected.testzip() is None
        sizes = {entry.filename: entry.file_size for entry in protected.infolist()}
        manifest = json.loads(protected.read("MANIFEST.json"))["files"]
        assert {file["path"]: file["bytes"] for file in manifest} == {
            name: size for name, size in sizes.items() if name != "MANIFEST.json"
        }
        assert set(original.namelist()) < set(sizes)
        assert all(protected.read(name) != original.read(name) for name in original.namelist())

    assert client_in_turn().delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client_in_turn().delete(f"/v1/datasets/{dataset_id}").status_code == 204
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/archive", f"/v1/datasets/{dataset_id}"):
        assert client_in_turn().get(path).status_code == 404
    files = apis[0].files

    def bytes_are_gone() -> bool:
        return not any(files.list(root) for root in ("datasets", "jobs", "uploads", "quarantine"))

    wait_until(bytes_are_gone, seconds=SECONDS, what="the files of what was deleted to go")
    with apis[0].db.read() as session:
        notes = {row.prefix: row.proven_at for row in session.query(m.Deletion)}
    assert {f"jobs/{job_id}", f"datasets/{dataset_id}"} <= set(notes)
    assert all(notes.values())

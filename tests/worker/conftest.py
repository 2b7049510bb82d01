"""Fixtures of the worker's tests: a worker context in this process, and uploads that wait for their check."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import generators
from store import models as m
from store.database import Database
from store.object_keys import upload_key
from store.settings import Settings
from tests.support.generator_rows import a_card
from tests.support.images import write_images_zip
from tests.support.processes import Command
from tests.support.rows import new_check
from tests.support.workers import Start, start_worker
from worker.context import WorkerContext, open_worker_context

Upload = Callable[..., tuple[str, str]]


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    """The worker context of `settings`, in this process."""
    context = open_worker_context(settings)
    yield context
    context.database.dispose()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Draws archives of synthetic images; each is drawn once for all tests."""
    folder = tmp_path_factory.mktemp("drawn")

    def draw(**how: int) -> Path:
        path = folder / f"{'-'.join(f'{name}-{value}' for name, value in sorted(how.items()))}.zip"
        return path if path.exists() else write_images_zip(path, **how)

    return draw


@pytest.fixture
def upload(context: WorkerContext, database: Database, drawn: Callable[..., Path]) -> Upload:
    """Stores an archive as an upload; returns the ids of its dataset and of its check job."""

    def make(path: Path | None = None, *, filename: str = "pictures.zip", **how: int) -> tuple[str, str]:
        path = path or drawn(**how)
        dataset_id, job_id = new_check(database, context.settings, filename=filename, size=path.stat().st_size)
        context.files.save(upload_key(dataset_id), path)
        return dataset_id, job_id

    return make


@pytest.fixture
def generator(context: WorkerContext, tmp_path: Path) -> m.Generator:
    """A shipped generator with random weights, which makes protecting quick."""
    from core.models.registry import build_network
    from core.noise.generator_file import save_generator

    folder = tmp_path / "ships"
    folder.mkdir()
    model = build_network("small", channels=3, size=32, classes=3, seed=0, device="cpu").eval()
    save_generator(model, a_card(method="em", radius_u=6, radius_a=3), folder / "drawn-32px.safetensors")
    assert generators.register_shipped(context.database, context.files, folder) == ["drawn-32px"]
    with context.database.read() as session:
        return session.get_one(m.Generator, "drawn-32px")


@pytest.fixture
def check_worker(context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start) -> Command:
    """A real worker of the queue `check`, ready."""
    return start_worker(commands, context)


@pytest.fixture
def science_worker(context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start) -> Command:
    """A real worker of the queue `science`, ready."""
    return start_worker(commands, context, "science")

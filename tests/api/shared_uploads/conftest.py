"""Two APIs behind which every upload lies in S3, its offset and its lock in the database."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from api.uploads import shared_upload
from store import models as m
from store.settings import Settings
from tests.api.conftest import Service, running
from tests.support.archives import image_files, zipped
from tests.support.ports import free_port

DATA = zipped(image_files() | {"cats/large.bin": random.Random(0).randbytes(900_000)})
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_upload, "PART_BYTES", 100_000)


@pytest.fixture
def pair(
    make_settings: Callable[..., Settings], s3: Any, tmp_path: Path, broker_at: Callable[[Settings], None]
) -> Iterator[tuple[Service, Service]]:
    """Two APIs with folders of their own, over one database and one bucket."""
    first = make_settings(port=free_port(), **s3.settings(prefix=m.new_id()))
    broker_at(first)
    shared = {"database_url": first.database, "broker_url": first.broker, "store_url": first.store_url}
    second = first.model_copy(update=shared | {"data_dir": tmp_path / "second", "port": free_port()})
    second.home.mkdir()
    with ExitStack() as stack:
        yield stack.enter_context(running(first)), stack.enter_context(running(second))


@pytest.fixture
def clients(pair: tuple[Service, Service]) -> tuple[httpx.Client, httpx.Client]:
    """The local admin's client of each."""
    token = pair[0].token("admin")
    return pair[0].client(token=token), pair[1].client(token=token)


def row(service: Service, url: str) -> m.Upload:
    with service.db.read() as session:
        return session.get_one(m.Upload, url.rsplit("/", 1)[1])


def change(service: Service, url: str, **values: Any) -> None:
    with service.db.write.begin() as session:
        session.execute(update(m.Upload).where(m.Upload.id == url.rsplit("/", 1)[1]).values(**values))


def stored(service: Service) -> list[str]:
    return service.files.list("uploads")


def open_deletions(service: Service) -> list[m.Deletion]:
    with service.db.read() as session:
        return list(session.query(m.Deletion).filter(m.Deletion.proven_at.is_(None)))

"""A real server on a free port, over a real database, store and broker; workers are played through `store.jobs`."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from api.app import create_app
from api.context import AppContext
from api.server import make_server
from ops.broker import start_broker
from store import datasets, leases, users
from store import models as m
from store.database import Database, open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from tests.support.archives import zipped
from tests.support.waiting import wait_until


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks as the service logs them: without local variables, which take seconds to draw."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback, colors=False)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, renderer]
    )


@dataclass
class Service:
    """A running service, and ways to speak to it and to its store."""

    settings: Settings
    url: str
    db: Database
    files: ObjectStore
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, *, token: str | None = None, user: str | None = None, **options: Any) -> httpx.Client:
        """A client with this token, or with a new one of this user; without any where neither is given."""
        if user is not None:
            token = self.token(user)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self.clients.append(client)
        return client

    def token(self, name: str) -> str:
        """A new token of the user of this name, who is made where there is none; `admin` is the local admin."""
        with self.db.write.begin() as session:
            return users.create_token(session, user_id=self.user(session, name).id, name="test")[1]

    @staticmethod
    def user(session: Any, name: str) -> m.User:
        """The row of the user of this name."""
        if name == users.LOCAL_ADMIN:
            return users.local_admin(session)
        user = session.query(m.User).filter_by(name=name).one_or_none()
        if user is None:
            user = m.User(id=m.new_id(), name=name)
            session.add(user)
            session.flush()
        return user

    def claim(self, job_id: str) -> leases.Claim:
        """Take a job as a worker would."""
        with self.db.write.begin() as session:
            claim = leases.claim(session, job_id, worker="test", lease_seconds=60)
        assert claim is not None
        return claim

    def make_ready(self, dataset_id: str, **findings: Any) -> None:
        """Do the check of a dataset as a worker would."""
        with self.db.read() as session:
            check = session.query(m.Job).filter_by(dataset_id=dataset_id, kind=m.CHECK, state=m.QUEUED).one()
        found: dict[str, Any] = {"images": 6, "classes": [], "skipped": [], "thumbs": []}
        with self.db.write.begin() as session:
            claim = leases.claim(session, check.id, worker="test", lease_seconds=60)
            assert claim is not None
            assert datasets.mark_ready(session, claim, datasets.DatasetContents(**(found | findings)))

    def succeed(self, job_id: str, *, archive: bytes, report: bytes = b"{}", page: bytes = b"<p>") -> None:
        """Do a job as a worker would."""
        claim = self.claim(job_id)
        keys = {name: f"jobs/{job_id}/1/{name}" for name in ("archive.zip", "report.json", "report.html")}
        for key, data in zip(keys.values(), (archive, report, page), strict=True):
            self.files.write(key, data)
        archive_key, report_key, page_key = keys.values()
        result = leases.JobResult(
            archive_key=archive_key, archive_bytes=len(archive), report_key=report_key, page_key=page_key
        )
        with self.db.write.begin() as session:
            assert leases.succeed(session, claim, result)

    def context(self) -> AppContext:
        """The house of another API process over the same rows and files."""
        context: AppContext = create_app(self.settings).state.context
        return context

    def leftovers(self) -> list[Path]:
        """What still lies in the folder of arriving uploads."""
        return sorted((self.settings.home / "uploads").glob("*"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """The API of these settings, served from a thread."""
    server = make_server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    db = open_database(settings)
    service = Service(settings, f"http://127.0.0.1:{settings.port}", db, open_object_store(settings))
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield service
    finally:
        for client in service.clients:
            client.close()
        server.should_exit = True
        thread.join(20)
        db.dispose()
    assert not thread.is_alive()


@pytest.fixture
def broker_at() -> Iterator[Callable[[Settings], None]]:
    """Starts brokers for settings, and stops them in the end."""
    started = []
    yield lambda settings: started.append(start_broker(settings))
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Service]:
    """One service for all tests that leave it working."""
    home = tmp_path_factory.mktemp("service")
    (home / "unteachable.db").write_bytes(sqlite_template.read_bytes())
    settings = Settings(_env_file=None, data_dir=home, port=free_port(), max_upload_bytes=20 * 2**20)
    broker = start_broker(settings)
    try:
        with running(settings) as service:
            yield service
    finally:
        broker.terminate()
        broker.wait(10)


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    """The local admin's client."""
    with service.client(user="admin") as client:
        yield client


@pytest.fixture
def other(service: Service) -> Iterator[httpx.Client]:
    """The client of somebody else, who is no admin."""
    with service.client(user="somebody") as client:
        yield client


@pytest.fixture
def dataset(api: httpx.Client) -> dict[str, Any]:
    """A dataset that has just been sent."""
    return sent(api)


@pytest.fixture
def job(api: httpx.Client, service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """A job that waits for a worker."""
    service.make_ready(dataset["id"])
    return asked(api, dataset["id"])


def sent(client: httpx.Client, data: bytes | None = None, *, filename: str = "pets.zip") -> dict[str, Any]:
    """Send a dataset; its JSON."""
    answer = client.post("/v1/datasets", files={"file": (filename, zipped() if data is None else data)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def asked(client: httpx.Client, dataset_id: str, **spec: Any) -> dict[str, Any]:
    """Ask for a job; its JSON."""
    answer = client.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset_id, "spec": spec})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that an answer is a problem of this status, whose detail has these words; its JSON."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "request_id"} <= set(body)
    for word in words:
        assert word in body["detail"], body
    return body

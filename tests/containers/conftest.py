"""Fixtures of the tests with containers: images built here, and PostgreSQL, Valkey and S3 beside them.

`make test-containers` runs them. They skip where the tools are missing, and need several GiB and minutes.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.broker import ValkeyServer, valkey_server
from tests.support.containers import ROOT, Container, Engine, missing_tools
from tests.support.ports import free_port
from tests.support.postgres import postgres_server
from tests.support.s3 import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server

FOLDER = Path(os.environ.get("UNTEACHABLE_TEST_IMAGES", ROOT / "build" / "containers"))
PASSWORD = "a-password-of-the-tests"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """These tests are a tier of their own: no other run collects them."""
    return None if config.option.markexpr == "containers" else True


_measured: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, whatever the tests' outcome."""
    for line in _measured:
        terminalreporter.write_line(f"measured: {line}")


@pytest.fixture
def measured() -> list[str]:
    """Lines that the run prints at its end."""
    return _measured


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Builds images and runs containers. All of it is removed at the end."""
    if reason := missing_tools():
        pytest.skip(reason)
    FOLDER.mkdir(parents=True, exist_ok=True)
    engine = Engine(FOLDER)
    yield engine
    if "UNTEACHABLE_TEST_KEEP_IMAGES" not in os.environ:
        engine.remove()


@pytest.fixture(scope="session")
def base(engine: Engine) -> str:
    """The base image."""
    return engine.build_base()


@pytest.fixture(scope="session")
def api_image(engine: Engine, base: str) -> str:
    """The image of the API."""
    return engine.build("api")


@pytest.fixture(scope="session")
def worker_image(engine: Engine, base: str) -> str:
    """The image of workers without a GPU."""
    return engine.build("worker-cpu")


@dataclass(frozen=True)
class Machine:
    """What the containers of a test share, and how to start them.

    Attributes:
        options: options of podman that give a container the settings and the secrets.
        port: the port of the API.
        start: starts a container by a name, an image and arguments.
    """

    options: tuple[str, ...]
    port: int
    start: Callable[..., Container]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture
def machine(engine: Engine, s3: S3Server, tmp_path: Path) -> Iterator[Machine]:
    """PostgreSQL, Valkey with a password, S3, and the secrets as files; ends every container at the end."""
    port, database_port, broker_port = free_port(), free_port(), free_port()
    (tmp_path / "secrets").mkdir()
    secrets = {
        "database_url": f"postgresql+psycopg://postgres:{PASSWORD}@127.0.0.1:{database_port}/postgres",
        "broker_url": ValkeyServer(tmp_path, broker_port).url,
        "secret_keys": "0123456789abcdef0123456789abcdef",
        "s3_access_key_id": ACCESS_KEY,
        "s3_secret_access_key": SECRET_KEY,
    }
    for name, text in secrets.items():
        (tmp_path / "secrets" / name).write_text(f"{text}\n")
        (tmp_path / "secrets" / name).chmod(0o444)
    settings = {
        **{f"UNTEACHABLE_{name.upper()}_FILE": f"/run/secrets/{name}" for name in secrets},
        "UNTEACHABLE_STORE_URL": f"s3://{BUCKET}/{tmp_path.name}",
        "UNTEACHABLE_S3_ENDPOINT": s3.endpoint,
        "UNTEACHABLE_PORT": str(port),
        "UNTEACHABLE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "UNTEACHABLE_SANDBOX_LEVEL": "isolated",
    }
    variables = (option for name, value in settings.items() for option in ("--env", f"{name}={value}"))
    options = (*variables, "--volume", f"{tmp_path / 'secrets'}:/run/secrets:ro")
    containers: list[Container] = []

    def start(name: str, image: str, *arguments: str) -> Container:
        unique = f"{tmp_path.name}-{name}"
        command = engine.command(image, *arguments, options=(*options, "--name", unique))
        containers.append(Container(engine, unique, command, tmp_path / f"{name}.log"))
        return containers[-1]

    with postgres_server(port=database_port), valkey_server(tmp_path, broker_port):
        yield Machine(options=options, port=port, start=start)
        for container in containers:
            container.end()
    shutil.rmtree(tmp_path / "secrets")

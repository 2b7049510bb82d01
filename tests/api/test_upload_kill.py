"""A server that is killed inside a PATCH loses no byte that arrived, and the upload resumes at its successor."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from store.database import open_database
from store.object_store import open_object_store
from store.settings import Settings
from tests.api.conftest import Service
from tests.support.archives import png, zipped
from tests.support.ports import free_port
from tests.support.tus_client import begin, offset, patch, raw_patch
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@contextmanager
def api_process(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """The API as a process of its own, as it runs in production."""
    environment = os.environ | {"UNTEACHABLE_PORT": str(settings.port), "UNTEACHABLE_DATA_DIR": str(settings.home)}
    process = subprocess.Popen([sys.executable, "-m", "cli.main", "api"], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: _answers(settings) or process.poll() is not None, seconds=60, what="the API to start")
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{settings.port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_an_upload_resumes_after_the_server_is_killed_inside_a_patch(
    make_settings: Callable[..., Settings], broker_at: Callable[[Settings], None]
) -> None:
    settings = make_settings(port=free_port())
    broker_at(settings)
    data = zipped({f"{kind}/{n}.png": png() + os.urandom(200_000) for kind in "ab" for n in range(10)})
    service = Service(
        settings, f"http://127.0.0.1:{settings.port}", open_database(settings), open_object_store(settings)
    )
    token = service.token("admin")
    with service.client(token=token) as client:
        with api_process(settings) as first:
            url = begin(client, len(data))
            connection = raw_patch(service.url, token, url, length=len(data))
            connection.sendall(data[:1_500_000])
            wait_until(lambda: offset(client, url) == 1_500_000, what="the sent bytes to arrive")
            first.send_signal(signal.SIGKILL)
            first.wait()
            connection.close()
        with api_process(settings) as second:
            at = offset(client, url)
            assert at == 1_500_000
            answer = patch(client, url, data[at:], at)
            assert answer.status_code == 204, answer.text
            dataset = client.get(answer.headers["upload-dataset"]).json()
            assert service.files.load(f"datasets/{dataset['id']}/upload") == data
            second.send_signal(signal.SIGINT)
            assert second.wait(20) in (0, -signal.SIGINT)
    service.db.dispose()

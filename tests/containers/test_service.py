"""The whole service in containers, on real PostgreSQL, Valkey and S3: an upload, its check, its protection, its end."""

import io
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.containers.conftest import Machine
from tests.support.containers import Engine
from tests.support.images import write_images_zip
from tests.support.waiting import wait_until

START_SECONDS = 240  # a busy machine, whose disk has just received the images
GRACE_API_SECONDS, GRACE_WORKER_SECONDS = 15, 60  # of docker-compose.yml

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]


def test_an_upload_is_protected_by_containers(
    engine: Engine, machine: Machine, api_image: str, worker_image: str, tmp_path: Path, measured: list[str]
) -> None:
    migrated = engine.run(api_image, "migrate", options=machine.options)
    assert migrated.returncode == 0, migrated.stderr
    assert migrated.stdout.startswith("The database was at nothing and is at 00")

    api = machine.start("api", api_image, "api")
    workers = {queue: machine.start(queue, worker_image, "worker", "--queue", queue) for queue in ("check", "science")}
    wait_until(lambda: api.is_healthy("api"), seconds=START_SECONDS, what=api.said())
    for queue, worker in workers.items():
        wait_until(lambda w=worker: w.is_healthy("worker"), seconds=START_SECONDS, what=queue)
    token = engine.execute(api.name, "unteachable", "token")
    assert token.returncode == 0, token.stderr

    headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{machine.port}", headers=headers, timeout=60) as client:
        assert client.get("/readyz").json()["status"] == "ready"
        upload = write_images_zip(tmp_path / "pets.zip", classes=2, per_class=12)
        sent = client.post("/v1/datasets", files={"file": ("pets.zip", upload.read_bytes())})
        assert sent.status_code == 201, sent.text
        dataset = sent.json()["id"]
        wait_until(lambda: client.get(f"/v1/datasets/{dataset}").json()["state"] == "ready", seconds=120)

        spec = {"preset": "instant", "evidence": "none"}
        created = client.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset, "spec": spec})
        assert created.status_code == 202, created.text
        job = created.json()["id"]
        ended = wait_until(
            lambda: (j := client.get(f"/v1/jobs/{job}").json())["state"] in ("succeeded", "failed") and j, seconds=240
        )
        assert ended["state"] == "succeeded", ended
        archive = client.get(f"/v1/jobs/{job}/archive", follow_redirects=True)
        assert archive.status_code == 200
        with zipfile.ZipFile(io.BytesIO(archive.content)) as protected, zipfile.ZipFile(upload) as original:
            assert protected.testzip() is None
            names = [name for name in original.namelist() if name.endswith(".png")]
            assert set(names) <= set(protected.namelist())
            assert all(protected.read(name) != original.read(name) for name in names)

    assert '"reached": "isolated"' in workers["check"].said()
    for container, seconds in ((api, GRACE_API_SECONDS), *((w, GRACE_WORKER_SECONDS) for w in workers.values())):
        begin = time.monotonic()
        status = container.stop(seconds=seconds)
        measured.append(f"{container.name} ended within {time.monotonic() - begin:.1f} s with status {status}")
        assert status in (0, 143), container.said()[-3000:]
        assert "Traceback" not in container.said()

"""The service that `benchmarks.load` measures: of any checkout, with a job that computes and others that wait."""

import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image

from benchmarks.http_load import Target
from tests.support.ports import free_port

WAITING_JOBS = 20


@dataclass(frozen=True, slots=True)
class Service:
    """A running service with one job that computes and others that wait."""

    target: Target
    jobs: list[str]
    dataset: str


def _images() -> bytes:
    rng, buffer = random.Random(0), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n in range(400):
            image = io.BytesIO()
            Image.frombytes("RGB", (32, 32), rng.randbytes(3072)).save(image, "PNG")
            archive.writestr(f"{'cat' if n % 2 else 'dog'}/{n}.png", image.getvalue())
    return buffer.getvalue()


@contextmanager
def running(checkout: Path) -> Iterator[Service]:
    """Run the service of a checkout, with its code and the libraries of this environment."""
    with tempfile.TemporaryDirectory(prefix="unteachable-load-") as folder:
        port = free_port()
        ours = {"UNTEACHABLE_DATA_DIR": folder, "UNTEACHABLE_PORT": str(port), "UNTEACHABLE_LOG_LEVEL": "warning"}
        environment = os.environ | ours | {"PYTHONPATH": str(checkout)}
        command = [sys.executable, "-m", "cli.main"]
        process = subprocess.Popen([*command, "up"], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            while "Stop: Ctrl-C" not in (line := process.stdout.readline()):
                if not line:
                    raise RuntimeError(f"the service of {checkout} did not start")
            token = subprocess.check_output([*command, "token"], cwd=checkout, env=environment, text=True).strip()
            yield _with_jobs(Target(port, token))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _with_jobs(target: Target) -> Service:
    headers = {"Authorization": f"Bearer {target.token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{target.port}", headers=headers, timeout=60) as client:
        dataset = client.post("/v1/datasets", files={"file": ("load.zip", _images())}).raise_for_status().json()["id"]
        while client.get(f"/v1/datasets/{dataset}").json()["state"] != "ready":
            time.sleep(0.2)
        wanted = {"kind": "protect", "dataset_id": dataset, "spec": {"preset": "quick", "method": "rem"}}
        jobs = [client.post("/v1/jobs", json=wanted).raise_for_status().json()["id"] for _ in range(WAITING_JOBS)]
        while all(client.get(f"/v1/jobs/{job}").json()["state"] != "running" for job in jobs):
            time.sleep(0.2)
    return Service(target, jobs, dataset)

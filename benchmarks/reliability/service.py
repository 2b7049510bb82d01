"""A whole service for a benchmark, as `unteachable up` starts it: in a temporary folder, on a port of its own."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from tests.support.ports import free_port
from tests.support.processes import command_line, family_of, is_alive

START_SECONDS = 180.0
ROLES = {b"api": "api", b"check": "worker-check", b"science": "worker-science", b"short": "worker-short"}


@dataclass
class BenchmarkService:
    """A service that runs.

    Attributes:
        home: its data folder.
        url: where its API answers.
        environment: its environment variables.
        token: an API token of its admin.
        process: `unteachable up`.
    """

    home: Path
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    token: str = ""
    statuses: dict[int, int] = field(default_factory=dict)

    def client(self, **options: Any) -> httpx.Client:
        """A client of the API with the admin's token."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=120,
            event_hooks={"response": [self._count]},
            **options,
        )

    def _count(self, response: httpx.Response) -> None:
        self.statuses[response.status_code] = self.statuses.get(response.status_code, 0) + 1

    def processes(self) -> dict[str, list[int]]:
        """The ids of its processes by their part: api, broker, worker-check, its child, and so on."""
        found: dict[str, list[int]] = {}
        for pid in family_of(self.process.pid)[1:]:
            if is_alive(pid) and (role := _role(pid)):
                found.setdefault(role, []).append(pid)
        return found

    def is_alive(self) -> bool:
        """Whether the API answers `/healthz`."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=10).status_code == 200
        return False

    def log_text(self) -> str:
        """All logs of its processes."""
        return "".join(path.read_text(errors="replace") for path in sorted((self.home / "logs").glob("*.log*")))


def _role(pid: int) -> str | None:
    words = command_line(pid).split(b"\0")
    if b"spawn_main" in b" ".join(words):
        parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        role = _role(int(parent))
        return role and f"{role} child"
    if b"valkey-server" in words[0]:  # Valkey appends its socket to its name
        return "broker"
    return next((ROLES[word] for word in reversed(words) if word in ROLES), None)


@contextmanager
def running_service(**settings: object) -> Iterator[BenchmarkService]:
    """Start a service, and stop it at the end of the block.

    Args:
        settings: settings by their names in `store.settings`, beside the folder and the port.
    """
    with tempfile.TemporaryDirectory(prefix="reliability-") as name:
        home, port = Path(name) / "data", free_port()
        clean = {key: value for key, value in os.environ.items() if not key.startswith("UNTEACHABLE_")}
        values = {"data_dir": home, "port": port, "threads": 1, "log_format": "json"} | settings
        environment = clean | {f"UNTEACHABLE_{key.upper()}": str(value) for key, value in values.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        service = BenchmarkService(Path(str(values["data_dir"])), f"http://127.0.0.1:{port}", environment, process)
        try:
            wait_for(service.is_alive, seconds=START_SECONDS)
            command = [sys.executable, "-m", "cli.main", "token"]
            service.token = subprocess.run(
                command, env=environment, check=True, capture_output=True, text=True
            ).stdout.strip()
            yield service
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(condition: Any, *, seconds: float, pause: float = 0.2) -> None:
    """Wait until a condition is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(pause)


def drawn_dataset(images: int, *, size: int = 32, classes: int = 3, seed: int = 0) -> bytes:
    """A zip of drawn images in class folders, the same for the same arguments.

    Args:
        images: how many in all.
        size: their edge in pixels.
        classes: the number of folders.
        seed: another one draws other images.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(images):
            image = Image.new("RGB", (size, size), (60 * (number % classes), 90, (37 * number + 11 * seed) % 255))
            draw = ImageDraw.Draw(image)
            draw.ellipse((number % 9, 4, 12 + number % 9, 20), fill=(200, (50 * number) % 255, seed % 255))
            file = io.BytesIO()
            image.save(file, "PNG")
            archive.writestr(f"class-{number % classes}/{number}.png", file.getvalue())
    return out.getvalue()


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "?",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {os.uname().release}"

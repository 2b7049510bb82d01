"""`unteachable demo`: the main path over REST, from a drawn dataset to the protected archive and its evidence."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from core.reports.text_tables import evidence_table
from core.reports.wording import verdict_of
from core.results.protection import ProtectionReport
from ops.admin import fresh_token
from ops.instance_lock import is_ready
from ops.process import child_command
from store.settings import Settings, get_settings

DRAW = Path(__file__).parent.parent / "examples" / "draw_pictures.py"
START_SECONDS = 150
CHECK_SECONDS = 120
PAUSE = 0.5


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


def demo() -> None:
    """Protect a small drawn dataset by REST and show the evidence; uses the running service, or runs one meanwhile."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    try:
        with _service(get_settings()) as settings:
            _protect_drawn_pictures(settings)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except DemoFailed as error:
        raise SystemExit(f"unteachable demo: {error}") from None
    except httpx.HTTPError as error:
        raise SystemExit(f"unteachable demo: the service does not answer any more ({error})") from None


def _protect_drawn_pictures(settings: Settings) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        client(settings, token=fresh_token("demo")) as api,
    ):
        dataset = _upload(api, _draw(Path(folder)))
        job = _run(api, dataset["id"])
        archive = _download(api, job["id"], settings.home / "demo")
        report = ProtectionReport.from_json(_ok(api.get(f"/jobs/{job['id']}/report")).content)
    _tell(report, archive, settings, job["id"])


@contextmanager
def _service(settings: Settings) -> Iterator[Settings]:
    """The service of these settings: the one that runs, or one started by `unteachable up` and stopped at the end."""
    if is_ready(settings.host, settings.port):
        print(f"Using the service at {settings.address}")
        yield settings
        return
    print(f"Starting the service at {settings.address}")
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(child_command("up"), stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not is_ready(settings.host, settings.port):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise DemoFailed("the service did not start:\n" + said.read().decode(errors="replace").strip())
                time.sleep(PAUSE)
            yield settings
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def client(settings: Settings, *, token: str) -> httpx.Client:
    """Speaks to this machine's service, and never through a proxy."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{_address(settings)}/v1", headers=headers, timeout=60, trust_env=False)


def _address(settings: Settings) -> str:
    """Where this machine reaches the service, whatever the world calls it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _draw(folder: Path) -> Path:
    out = folder / "patterns.zip"
    if not DRAW.exists():
        raise DemoFailed(f"{DRAW} is missing: the demo runs from a checkout")
    subprocess.run([sys.executable, str(DRAW), str(out)], check=True)
    return out


def _upload(api: httpx.Client, pictures: Path) -> dict[str, Any]:
    """Send the zip and wait until it has been checked."""
    print(f"Uploading {pictures.name}, {pictures.stat().st_size / 1e6:.1f} MB")
    with pictures.open("rb") as file:
        dataset = _ok(api.post("/datasets", files={"file": (pictures.name, file, "application/zip")})).json()
    deadline = time.monotonic() + CHECK_SECONDS
    while dataset["state"] in ("uploading", "checking"):
        if time.monotonic() > deadline:
            raise DemoFailed(f"the dataset is still {dataset['state']} after {CHECK_SECONDS} s")
        time.sleep(PAUSE)
        dataset = _ok(api.get(f"/datasets/{dataset['id']}")).json()
    if dataset["state"] != "ready":
        raise DemoFailed(f"the dataset was rejected: {dataset['error']}")
    classes = ", ".join(f"{c['name']} {c['images']}" for c in dataset["classes"])
    print(f"{dataset['images']} pictures: {classes}")
    for skipped in dataset["skipped"]:
        print(f"  skipped {skipped['path']}: {skipped['reason']}")
    return dict(dataset)


def _run(api: httpx.Client, dataset_id: str) -> dict[str, Any]:
    """Protect with the quick preset, and say where it is until it ends."""
    asked = {"kind": "protect", "dataset_id": dataset_id, "spec": {"preset": "quick"}}
    job = _ok(api.post("/jobs", json=asked)).json()
    shown = Line()
    while job["state"] in ("queued", "running"):
        time.sleep(PAUSE)
        job = _ok(api.get(f"/jobs/{job['id']}")).json()
        shown.show(job)
    shown.end()
    if job["state"] != "succeeded":
        raise DemoFailed(f"the job {job['state']}: {job['error']}")
    return dict(job)


class Line:
    """Progress on standard error: one line that changes on a terminal, a line a stage elsewhere."""

    def __init__(self) -> None:
        self._stage: str | None = None
        self._width = 0

    def show(self, job: dict[str, Any]) -> None:
        """Say where the job is."""
        progress = job["progress"]
        stage = progress["stage"] or job["state"]
        if sys.stderr.isatty():
            share = f" {100 * progress['done'] // progress['total']}\u00a0%" if progress["total"] else ""
            left = f", {progress['eta_seconds']:.0f} s left" if progress["eta_seconds"] else ""
            text = f"  {stage}{share}{left}"
            print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(text)
        elif stage != self._stage:
            print(f"  {stage}", file=sys.stderr, flush=True)
        self._stage = stage

    def end(self) -> None:
        """Leave the line."""
        if self._width:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)


def _download(api: httpx.Client, job_id: str, folder: Path) -> Path:
    """The archive as a file, under its own name only when all of it has arrived."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"patterns-protected-{job_id}.zip"
    part = out.with_suffix(".part")
    with api.stream("GET", f"/jobs/{job_id}/archive") as answer:
        if answer.status_code != httpx.codes.OK:
            answer.read()
        _ok(answer)
        with part.open("wb") as file:
            for data in answer.iter_bytes():
                file.write(data)
    return part.replace(out)


def _tell(report: ProtectionReport, archive: Path, settings: Settings, job_id: str) -> None:
    said = verdict_of(report.evidence)
    print(f"\n{evidence_table(report.evidence)}\n\n{said.headline}".replace("\u00a0", " "))
    for detail in said.details:
        print(f"  {detail}".replace("\u00a0", " "))
    print(f"\nThe report:  {settings.address}/jobs/{job_id} while the service runs; report.html in the archive")
    print(f"The archive: {archive}")


def _ok(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it is an error. Raises DemoFailed with the problem's own words."""
    if answer.is_error:
        try:
            detail = answer.json().get("detail")
        except ValueError:
            detail = answer.text[:200]
        raise DemoFailed(f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: {detail}")
    return answer

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
from core.reports.verdict import verdict_of
from core.reports.visibility_wording import describe_visibility
from core.results.protection import ProtectionReport
from ops.admin import create_admin_token
from ops.data_dir import DataDirUnusable, require_data_dir
from ops.instance_lock import is_ready
from ops.process import cli_command
from store.settings import Settings, get_settings

DRAW = Path(__file__).parent.parent / "examples" / "draw_photographs.py"
START_TIMEOUT_SECONDS = 150
CHECK_TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.5
EVIDENCE_MINUTES = 1


class DemoFailed(Exception):
    """The demo cannot continue. The message says why."""


def demo() -> None:
    """Protect a few drawn photographs by REST and show the evidence; uses the running service, or starts one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped again
    try:
        require_data_dir(get_settings().home)
        with _service(get_settings()) as settings:
            _protect_drawn_images(settings)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (DemoFailed, DataDirUnusable) as error:
        raise SystemExit(f"unteachable demo: {error}") from None
    except httpx.HTTPError as error:
        raise SystemExit(f"unteachable demo: the service does not answer ({error})") from None


def _protect_drawn_images(settings: Settings) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        client(settings, token=create_admin_token("demo")) as api,
    ):
        dataset = _upload(api, _draw(Path(folder)))
        job = _run(api, dataset["id"])
        archive = _download(api, job["id"], settings.home / "demo")
        report = ProtectionReport.from_json(_ok(api.get(f"/jobs/{job['id']}/report")).content)
    _print_evidence(report, archive, settings, job["id"])


@contextmanager
def _service(settings: Settings) -> Iterator[Settings]:
    """The running service of these settings, or one that is started by `unteachable up` and stopped at the end."""
    if is_ready(settings.service_address):
        print(f"Using the service at {settings.address}")
        yield settings
        return
    print(f"Starting the service at {settings.address}")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(cli_command("up"), stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not is_ready(settings.service_address):
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise DemoFailed("the service did not start:\n" + output.read().decode(errors="replace").strip())
                time.sleep(POLL_SECONDS)
            yield settings
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def client(settings: Settings, *, token: str) -> httpx.Client:
    """Return a client of the service on this machine, without a proxy."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{settings.service_address.local}/v1", headers=headers, timeout=60, trust_env=False)


def _draw(folder: Path) -> Path:
    out = folder / "photographs.zip"
    if not DRAW.exists():
        raise DemoFailed(f"{DRAW} is missing: the demo needs a checkout of the repository")
    done = subprocess.run([sys.executable, str(DRAW), str(out)], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise DemoFailed(f"the images cannot be drawn into {folder}, a folder of temporary files (TMPDIR): {reason}")
    return out


def _upload(api: httpx.Client, archive: Path) -> dict[str, Any]:
    """Send the zip and wait until it has been checked."""
    print(f"Uploading {archive.name}, {archive.stat().st_size / 1e6:.1f} MB")
    with archive.open("rb") as file:
        dataset = _ok(api.post("/datasets", files={"file": (archive.name, file, "application/zip")})).json()
    deadline = time.monotonic() + CHECK_TIMEOUT_SECONDS
    while dataset["state"] in ("uploading", "checking"):
        if time.monotonic() > deadline:
            raise DemoFailed(f"the dataset is still {dataset['state']} after {CHECK_TIMEOUT_SECONDS} s")
        time.sleep(POLL_SECONDS)
        dataset = _ok(api.get(f"/datasets/{dataset['id']}")).json()
    if dataset["state"] != "ready":
        raise DemoFailed(f"the dataset was rejected: {dataset['error']}")
    classes = ", ".join(f"{c['name']} {c['images']}" for c in dataset["classes"])
    print(f"{dataset['images']} images: {classes}")
    for skipped in dataset["skipped"]:
        print(f"  skipped {skipped['path']}: {skipped['reason']}")
    return dict(dataset)


def _run(api: httpx.Client, dataset_id: str) -> dict[str, Any]:
    """Protect with the preset `instant`, and show the progress."""
    spec = {"preset": "instant", "evidence_minutes": EVIDENCE_MINUTES}
    request = {"kind": "protect", "dataset_id": dataset_id, "spec": spec}
    job = _ok(api.post("/jobs", json=request)).json()
    line = ProgressLine()
    while job["state"] in ("queued", "running"):
        time.sleep(POLL_SECONDS)
        job = _ok(api.get(f"/jobs/{job['id']}")).json()
        line.show(job)
    line.end()
    if job["state"] != "succeeded":
        raise DemoFailed(f"the job {job['state']}: {job['error']}")
    return dict(job)


class ProgressLine:
    """Progress on standard error: one updated line on a terminal, one line for each stage elsewhere."""

    def __init__(self) -> None:
        self._stage: str | None = None
        self._width = 0

    def show(self, job: dict[str, Any]) -> None:
        """Show the progress of a job, as REST returns it."""
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
        """Clear the line."""
        if self._width:
            print("\r" + " " * self._width, end="\r", file=sys.stderr, flush=True)


def _download(api: httpx.Client, job_id: str, folder: Path) -> Path:
    """Download the archive; the file has its final name only once it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"photographs-protected-{job_id}.zip"
    part = out.with_suffix(".part")
    with api.stream("GET", f"/jobs/{job_id}/archive", follow_redirects=True) as response:
        if response.status_code != httpx.codes.OK:
            response.read()
        _ok(response)
        with part.open("wb") as file:
            for data in response.iter_bytes():
                file.write(data)
    return part.replace(out)


def _print_evidence(report: ProtectionReport, archive: Path, settings: Settings, job_id: str) -> None:
    verdict = verdict_of(report.evidence)
    print(f"\n{evidence_table(report.evidence)}\n\n{verdict.headline}".replace("\u00a0", " "))
    for detail in verdict.details:
        print(f"  {detail}".replace("\u00a0", " "))
    for sentence in describe_visibility(report.imperceptibility):
        print(sentence)
    print(f"\nThe report:  {settings.address}/jobs/{job_id} while the service runs; report.html in the archive")
    print(f"The archive: {archive}")


def _ok(response: httpx.Response) -> httpx.Response:
    """Return a successful response. Raises DemoFailed with the detail of an error."""
    if response.is_error:
        try:
            detail = response.json().get("detail")
        except ValueError:
            detail = response.text[:200]
        raise DemoFailed(
            f"{response.request.method} {response.request.url.path} answered {response.status_code}: {detail}"
        )
    return response

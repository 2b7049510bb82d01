"""Take the screenshots of README.md in Chromium: a dataset of drawn photographs, a trial, and the top of a report.

    python -m benchmarks.screenshots --out docs/images

Starts a service of its own in a temporary folder, uploads what `examples/draw_photographs.py` draws, and protects it by
the preset `instant`. What the report shows is what was measured: nothing is made up for the picture. The PNG files
have 256 colours, so that they are small.
"""

import argparse
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent
CHROMIUM = Path("/usr/bin/chromium")
DATASET, REPORT = ViewportSize(width=1280, height=1060), ViewportSize(width=1100, height=860)
EVIDENCE_MINUTES = 5
START_SECONDS, JOB_SECONDS = 180, 1_200


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """A running service.

    Args:
        folder: Where it keeps its data.

    Yields:
        A link that signs a browser in.
    """
    port = free_port()
    environment = os.environ | {"UNTEACHABLE_DATA_DIR": str(folder / "var"), "UNTEACHABLE_PORT": str(port)}
    log = folder / "up.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "cli.main", "up"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "sign-in?key=" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The service did not start:\n{log.read_text()}")
            time.sleep(0.5)
        yield next(word for word in log.read_text().split() if "sign-in?key=" in word)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def take(link: str, archive: Path, out: Path) -> None:
    """Upload, try, protect, and write the screenshots.

    Args:
        link: Signs the browser in.
        archive: The dataset.
        out: The folder to write to.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=DATASET, color_scheme="light")
        page.set_default_timeout(60_000)
        page.goto(link)
        page.locator("#file-input").set_input_files(archive)
        page.wait_for_url("**/datasets/*")
        page.get_by_text("Ready", exact=True).first.wait_for(timeout=120_000)
        page.reload()
        page.wait_for_load_state("networkidle")
        _write(page.screenshot(), out / "dataset.png")
        page.locator("#try").click()
        page.locator("#trial:not([data-busy]) [data-strength=balanced] .is-sliding").first.wait_for(timeout=240_000)
        _write(_trial(page), out / "trial.png")
        page.set_viewport_size(DATASET)
        page.get_by_text("Advanced", exact=True).first.click()
        page.locator("[name=evidence_minutes]").first.fill(str(EVIDENCE_MINUTES))
        page.locator("#start").click()
        page.wait_for_url("**/jobs/*")
        _open_report(page)
        _write(page.screenshot(), out / "report.png")
        browser.close()


def _trial(page: Page) -> bytes:
    """The first image of the trial, between before and after, as a PNG."""
    page.set_viewport_size(ViewportSize(width=DATASET["width"], height=3000))
    page.wait_for_load_state("networkidle")
    page.get_by_role("slider").and_(page.locator(":visible")).first.fill("40")
    return page.locator("[data-strength=balanced] figure").first.screenshot()


def _write(png: bytes, path: Path) -> None:
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, kmeans=4).save(path, optimize=True)


def _open_report(page: Page) -> None:
    """Wait until the measurement is over, and open the report as a page of its own."""
    page.locator("#read-report").wait_for(timeout=1_000 * JOB_SECONDS)
    job = page.url.partition("#")[0].rpartition("/")[2]
    address = page.url.partition("/jobs/")[0]
    page.set_viewport_size(REPORT)
    page.goto(f"{address}/v1/jobs/{job}/report")


def main() -> None:
    """Run it with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="the folder to write to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, draw = Path(name), ROOT / "examples" / "draw_photographs.py"
        archive = folder / "photographs.zip"
        subprocess.run([sys.executable, str(draw), str(archive)], check=True)
        with service(folder) as link:
            take(link, archive, arguments.out)


if __name__ == "__main__":
    main()

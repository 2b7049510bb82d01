"""One page of the service in a real browser, driven by Playwright."""

import base64
import os
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

TIMEOUT_MS = 30_000  # for one step on a busy machine
RETRY_MS = 20_000  # longer than all waits between the retries of an upload together

_UNNAMED_ELEMENTS = """() => [
    ...document.querySelectorAll("input, select, textarea, button, a, img, iframe, progress, svg")
  ]
  .filter((element) => element.type !== "hidden" && !element.closest("[hidden], [aria-hidden=true]")
    && !element.matches("svg svg"))  // the parts of a chart are named by the chart
  .filter((element) => !(element.labels?.length || element.getAttribute("aria-label") || element.title
    || element.getAttribute("aria-labelledby") || element.hasAttribute("alt") || element.textContent.trim()
    || element.querySelector("img[alt]:not([alt=''])") || element.getAttribute("aria-hidden")))
  .map((element) => element.outerHTML)"""
_DUPLICATE_IDS = """() => [...document.querySelectorAll("[id]")].map((element) => element.id)
  .filter((id, index, ids) => ids.indexOf(id) !== index)"""
_READ_BLOB = """async (argument) => {
    const blob = await (%s)(argument);
    const reader = new FileReader();
    const done = new Promise((resolve) => (reader.onload = resolve));
    reader.readAsDataURL(blob);
    await done;
    return reader.result.split(",")[1];
}"""


class BrowserPage:
    """One page of the service in a browser profile of its own, which records the errors of the console.

    Args:
        page: The Playwright page.
        address: The address of the service, without a path.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self._allowed: list[str] = []
        self._errors: list[str] = []
        self._devtools = page.context.new_cdp_session(page)
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._record)
        page.on("pageerror", lambda error: self._errors.append(f"uncaught: {error}"))

    def _record(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(f"{message.text} ({message.location.get('url')}, on {self.page.url})")

    def allow_console_errors(self, pattern: str) -> None:
        """Ignore console errors that match a regular expression, because the test causes them."""
        self._allowed.append(pattern)

    def console_errors(self) -> list[str]:
        """Return the errors and warnings of the console that are not allowed."""
        return [line for line in self._errors if not any(re.search(pattern, line) for pattern in self._allowed)]

    def open(self, path: str) -> Page:
        """Open a path of the service."""
        self.page.goto(self.address + path)
        return self.page

    def expect_url(self, pattern: str) -> None:
        """Wait until the address matches a regular expression."""
        expect(self.page).to_have_url(re.compile(pattern), timeout=TIMEOUT_MS)

    def last_path_part(self) -> str:
        """Return the id at the end of the address."""
        return self.page.url.rpartition("/")[2].partition("#")[0]

    def check_layout(self, name: str) -> None:
        """Check with all details open: nothing is wider than the screen, every element has a name, ids are unique.

        Args:
            name: The name of the page in failures.
        """
        page = self.page
        page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
        size = page.viewport_size
        assert size is not None
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        assert page.evaluate(_UNNAMED_ELEMENTS) == [], name
        assert page.evaluate(_DUPLICATE_IDS) == [], name

    def screenshot(self, name: str) -> None:
        """Write a screenshot to the folder in UNTEACHABLE_TEST_SHOTS; without that variable, do nothing."""
        if folder := os.environ.get("UNTEACHABLE_TEST_SHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def drop_files(self, *paths: Path) -> None:
        """Drag files or folders from the desktop onto the drop zone."""
        box = self.page.locator("#drop-zone").bounding_box()
        assert box is not None
        position = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **position})

    def limit_upload_rate(self, bytes_per_second: int) -> None:
        """Limit the rate of uploads; 0 removes the limit."""
        self._devtools.send("Network.enable")
        conditions: dict[str, Any] = {"offline": False, "latency": 0, "downloadThroughput": -1}
        conditions["uploadThroughput"] = bytes_per_second or -1
        self._devtools.send("Network.emulateNetworkConditions", conditions)

    def upload_percent(self) -> float:
        """Return how much of the upload is sent, 0 to 100."""
        return float(self.page.locator("#upload-bar").evaluate("bar => bar.value"))

    def use_fake_clock(self) -> None:
        """Reload the page with a clock that `pass_retries` can advance."""
        self.page.clock.install()
        self.page.reload()

    def pass_retries(self) -> None:
        """Advance the fake clock past all retries of an upload, and wait until their requests are sent."""
        self.page.clock.run_for(RETRY_MS)
        self.page.evaluate("fetch('/healthz').then((response) => response.text())")  # requests are sent in order

    def wait_for_refresh(self) -> None:
        """Wait until the page has refreshed its live parts."""
        self.page.evaluate(
            "new Promise((resolve) => document.addEventListener('refreshed', () => resolve(), { once: true }))"
        )

    def bytes_of(self, script: str, argument: Any = None) -> bytes:
        """Return the bytes of a Blob.

        Args:
            script: An async JavaScript function that returns the Blob.
            argument: The argument of the function.
        """
        return base64.b64decode(self.page.evaluate(_READ_BLOB % script, argument))

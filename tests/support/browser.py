"""A person at a browser, who looks at the console, too."""

import base64
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, expect

SECONDS = 30_000  # milliseconds that something may take on a busy machine


class Visitor:
    """One page of one browser profile; remembers what the console said."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.forgiven: list[str] = []
        self._said: list[str] = []
        self._devtools = page.context.new_cdp_session(page)
        page.set_default_timeout(SECONDS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._said.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._said.append(f"{message.text} ({message.location.get('url')}, on {self.page.url})")

    def forgive(self, pattern: str) -> None:
        """Complaints like this belong to what is tested."""
        self.forgiven.append(pattern)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console: script errors, refused resources, violated policies."""
        return [line for line in self._said if not any(re.search(pattern, line) for pattern in self.forgiven)]

    def open(self, path: str) -> Page:
        """Go to a page of the service."""
        self.page.goto(self.address + path)
        return self.page

    def drop(self, *paths: Path) -> None:
        """Drag files or folders from the desktop onto the drop zone, as a mouse does."""
        box = self.page.locator("#drop").bounding_box()
        assert box is not None
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._devtools.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})

    def slow_uploads(self, bytes_a_second: int) -> None:
        """Sends no faster than this from now on; 0 lifts the limit."""
        self._devtools.send("Network.enable")
        conditions: dict[str, Any] = {"offline": False, "latency": 0, "downloadThroughput": -1}
        self._devtools.send("Network.emulateNetworkConditions", conditions | {"uploadThroughput": bytes_a_second or -1})

    def share_sent(self) -> float:
        """How much of an upload is sent, 0 to 100."""
        return float(self.page.locator("#upload-bar").evaluate("bar => bar.value"))

    def is_at(self, pattern: str) -> None:
        """Waits until the address fits."""
        expect(self.page).to_have_url(re.compile(pattern), timeout=SECONDS)

    def bytes_of(self, script: str, argument: Any = None) -> bytes:
        """The bytes of the Blob that an async JavaScript function makes of an argument."""
        read = """async (argument) => {
            const blob = await (%s)(argument);
            const reader = new FileReader();
            const done = new Promise((resolve) => (reader.onload = resolve));
            reader.readAsDataURL(blob);
            await done;
            return reader.result.split(",")[1];
        }"""
        return base64.b64decode(self.page.evaluate(read % script, argument))

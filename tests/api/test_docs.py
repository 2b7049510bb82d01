"""docs/api.md: its curl blocks run in order, as written, against a whole running service."""

import os
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from store import users
from store.database import open_database
from tests.support.images import write_images_zip
from tests.support.ports import free_port
from tests.support.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def is_ready(url: str) -> bool:
    """Whether the service says that it is ready."""
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_block_works_as_written(
    make_settings: Callable[..., Any], commands: Callable[..., Any], tmp_path: Path
) -> None:
    settings = make_settings(port=free_port(), lease_seconds=30)
    url = f"http://127.0.0.1:{settings.port}"
    archive = write_images_zip(tmp_path / "pictures.zip", classes=2, per_class=8)
    commands(settings, "up")
    wait_until(lambda: is_ready(url), seconds=60, what="the service to be ready")
    database = open_database(settings)
    with database.write.begin() as session:
        token = users.create_token(session, user_id=users.local_admin(session).id, name="docs")[1]
    database.dispose()
    blocks = BLOCK.findall(DOCS.read_text())
    assert len(blocks) > 9
    script = "set -euo pipefail\n" + "\n".join(blocks)
    work = tmp_path / "work"
    work.mkdir()
    variables = {"URL": url, "TOKEN": token, "ARCHIVE": str(archive), "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", script], cwd=work, env=variables, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(work / "protected.zip") as after:
        assert set(before.namelist()) <= set(after.namelist())
    assert '"linf_max"' in (work / "report.json").read_text()
    assert "<html" in (work / "report.html").read_text()


def test_every_operation_is_documented(service: Any) -> None:
    text = DOCS.read_text()
    for path in service.client().get("/v1/openapi.json").json()["paths"]:
        plain = re.sub(r"/\{[^}]+\}.*", "", path)
        assert plain in text, path

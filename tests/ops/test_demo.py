"""The demo's errors and progress. `make demo` tests the whole demo, which takes minutes."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.demo import ProgressLine


def test_a_port_in_use_is_a_clear_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = os.environ | {
            "UNTEACHABLE_PORT": str(taken.getsockname()[1]),
            "UNTEACHABLE_DATA_DIR": str(tmp_path / "var"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "demo"], env=environment, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 1
    assert "unteachable demo: the service did not start" in done.stderr
    assert "set UNTEACHABLE_PORT to a free port" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_each_stage_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    line = ProgressLine()
    for stage, done in (("training", 1), ("training", 2), ("noise", 1)):
        line.show({"state": "running", "progress": {"stage": stage, "done": done, "total": 2, "eta_seconds": None}})
    line.end()
    assert out.getvalue().split() == ["training", "noise"]


def test_on_a_terminal_one_line_shows_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", out)
    line = ProgressLine()
    line.show({"state": "running", "progress": {"stage": "training", "done": 1, "total": 4, "eta_seconds": 31.6}})
    line.end()
    assert "training 25\u00a0%, 32 s left" in out.getvalue()
    assert "\n" not in out.getvalue()

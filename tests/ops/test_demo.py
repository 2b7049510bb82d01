"""What the demo says when it cannot go on. The whole demo is minutes of work: `make demo` is its own test."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.demo import Line


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
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
    assert "set UNTEACHABLE_PORT to a free one" in done.stderr
    assert "Traceback" not in done.stderr


def test_off_a_terminal_progress_is_a_line_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    line = Line()
    for stage, done in (("training", 1), ("training", 2), ("noise", 1)):
        line.show({"state": "running", "progress": {"stage": stage, "done": done, "total": 2, "eta_seconds": None}})
    line.end()
    assert out.getvalue().split() == ["training", "noise"]


def test_on_a_terminal_progress_is_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", out)
    line = Line()
    line.show({"state": "running", "progress": {"stage": "training", "done": 1, "total": 4, "eta_seconds": 31.6}})
    line.end()
    assert "training 25\u00a0%, 32 s left" in out.getvalue()
    assert "\n" not in out.getvalue()

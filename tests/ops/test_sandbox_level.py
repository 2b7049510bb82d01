"""The level of the sandbox on a machine that allows less: said by `doctor` and in the log, refused below a demand."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.imaging.isolation import kernel
from core.imaging.isolation.level import LEVELS
from store.settings import Settings
from tests.support.processes import environment
from tests.support.tiny_experiments import drawn_folder

# What it runs may make no namespace, change no root folder and use no Landlock, as in many containers.
START = """
import struct, sys
from core.imaging.isolation import kernel
from core.imaging.isolation.seccomp import ALLOW, JUMP_EQUAL, LOAD, NUMBER_AT, REFUSE, RETURN, _step
calls = {"x86_64": (272, 161, 444), "aarch64": (97, 51, 444)}[kernel.machine()]
steps = [_step(LOAD, NUMBER_AT)]
for call in calls:
    steps += [_step(JUMP_EQUAL, call, 0, 1), _step(RETURN, REFUSE | 1)]
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
kernel.filter_calls(b"".join([*steps, _step(RETURN, ALLOW)]))
"""
pytestmark = pytest.mark.skipif(kernel.machine() not in kernel.SECCOMP_CALL, reason="no filter of calls here")


def run(settings: Settings, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + script, *arguments]
    return subprocess.run(command, env=environment(settings), capture_output=True, text=True, timeout=120)


CLI = "from cli.main import main; main()"


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "status"), [(("up",), 1), (("worker", "--queue", "science"), 2)])
def test_nothing_starts_below_the_demanded_level(
    arguments: tuple[str, ...], status: int, make_settings: Callable[..., Settings]
) -> None:
    done = run(make_settings(sandbox_level="paths"), CLI, *arguments)
    assert done.returncode == status
    [line] = [line for line in done.stderr.splitlines() if line.startswith("unteachable: ")]
    assert "UNTEACHABLE_SANDBOX_LEVEL=paths is more than this machine reaches (syscalls: " in line
    assert "without Landlock, an empty root folder, a network of its own" in line
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_no_experiment_reads_images_below_the_demanded_level(
    tmp_path: Path, make_settings: Callable[..., Settings]
) -> None:
    words = ("reproduce", "figure3", "--data", str(drawn_folder(tmp_path / "data")), "--out", str(tmp_path / "out"))
    done = run(make_settings(sandbox_level="paths"), CLI, *words)
    assert done.returncode == 2
    assert "UNTEACHABLE_SANDBOX_LEVEL=paths is more than this machine reaches (syscalls: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "images").exists()


CHECKS = """
from ops.doctor import _check_sandbox
from store.logs import configure_logs
from store.settings import get_settings
from worker.sandbox_check import _log_level
configure_logs(get_settings())
_log_level(get_settings())
print(_check_sandbox(get_settings()))
"""


def test_the_level_is_said(make_settings: Callable[..., Settings]) -> None:
    done = run(make_settings(log_format="json"), CHECKS)
    assert done.stdout.startswith("syscalls: limits of memory and time, an allow-list of system calls")
    [event] = [json.loads(line) for line in done.stderr.splitlines() if "sandbox.level" in line]
    assert (event["level"], event["reached"]) == ("info", "syscalls")
    assert event["layers"] == done.stdout.strip()
    assert ("another user" in done.stdout.split(";")[0]) == (os.geteuid() == 0)


def test_an_unknown_level_is_refused(make_settings: Callable[..., Settings]) -> None:
    pattern = Settings.model_fields["sandbox_level"].metadata[0].pattern
    assert pattern == f"^({'|'.join(LEVELS)})$"
    with pytest.raises(ValueError, match="sandbox_level"):
        make_settings(sandbox_level="high")

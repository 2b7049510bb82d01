"""The sandbox: a crash, a hang or a lack of memory costs one image only, and its processes have no rights."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.imaging.sandbox import BATCH_ITEMS, DecoderSandbox, SandboxTask
from core.limits import Limits
from tests.support.uploads import image_file, png_header


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(limits=Limits(pixels=1_000_000)) as sandbox:
        yield sandbox


def sandbox_processes() -> list[int]:
    """Process ids of the sandbox processes that this test process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and b"sandbox_worker" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition stayed false"
        time.sleep(0.01)


def test_results_come_in_order_over_many_batches(sandbox: DecoderSandbox, tmp_path: Path) -> None:
    count = 3 * BATCH_ITEMS + 7
    tasks = []
    for i in range(count):
        file = tmp_path / str(i)
        file.write_bytes(image_file(width=1 + i % 50, height=2) if i % 10 else b"no picture")
        tasks.append(SandboxTask(op="probe", file=file))
    results = [result for _, result in sandbox.map(iter(tasks))]
    assert [a.values.get("width") for a in results] == [1 + i % 50 if i % 10 else None for i in range(count)]
    assert all((a.refused is None) == bool(i % 10) for i, a in enumerate(results))


def test_a_process_that_dies_costs_one_image(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(image_file())
    before = set(sandbox_processes())
    with DecoderSandbox(processes=1) as sandbox:
        assert [a.refused for _, a in sandbox.map([SandboxTask(op="probe", file=file)])] == [None]
        [process] = set(sandbox_processes()) - before
        os.kill(process, signal.SIGSTOP)  # it dies with the whole batch still to do
        to_kill = iter([process])
        work = sandbox.map(
            [SandboxTask(op="probe", file=file)] * 5, tick=lambda: [os.kill(c, signal.SIGKILL) for c in to_kill]
        )
        assert [a.refused for _, a in work] == ["it crashed the decoder", None, None, None, None]


def test_a_process_that_hangs_costs_one_image_and_little_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(image_file())
    before = set(sandbox_processes())
    with DecoderSandbox(processes=1, timeout=1.0) as sandbox:
        list(sandbox.map([SandboxTask(op="probe", file=file)]))
        [process] = set(sandbox_processes()) - before
        os.kill(process, signal.SIGSTOP)
        refused = [a.refused for _, a in sandbox.map([SandboxTask(op="probe", file=file)] * 3)]
    assert refused == ["decoding it took too long", None, None]


def test_memory_is_bounded(tmp_path: Path) -> None:
    for name, side in (("small", 100), ("large", 9_000)):
        (tmp_path / name).write_bytes(image_file(width=side, height=side) if side < 9_000 else png_header(side, side))
    with DecoderSandbox(processes=1, memory=300 << 20) as sandbox:
        tasks = [SandboxTask(op="probe", file=tmp_path / name) for name in ("large", "small")]
        large, small = (result for _, result in sandbox.map(tasks))
    assert large.refused == "decoding it takes too much memory"
    assert small.refused is None


def test_too_many_pixels_are_refused_by_the_header_alone(sandbox: DecoderSandbox, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(65_000, 65_000))
    assert (tmp_path / "bomb.png").stat().st_size < 1000
    began = time.monotonic()
    [(_, result)] = sandbox.map([SandboxTask(op="probe", file=tmp_path / "bomb.png")])
    assert result.refused is not None
    assert "more than 1,000,000 pixels" in result.refused
    assert time.monotonic() - began < 30


def test_closing_ends_every_process_while_tasks_run(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(image_file())
    before = set(sandbox_processes())
    with DecoderSandbox(processes=2) as sandbox:
        work = sandbox.map(SandboxTask(op="probe", file=tmp_path / "a") for _ in range(10 * BATCH_ITEMS))
        next(work)
        assert set(sandbox_processes()) - before
        began = time.monotonic()
    assert time.monotonic() - began < 5
    wait_until(lambda: set(sandbox_processes()) <= before)


def test_an_exception_of_tick_stops_the_work(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(image_file())

    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    before = set(sandbox_processes())
    with DecoderSandbox(processes=1) as sandbox:
        list(sandbox.map([SandboxTask(op="probe", file=tmp_path / "a")]))
        [process] = set(sandbox_processes()) - before
        os.kill(process, signal.SIGSTOP)
        work = sandbox.map([SandboxTask(op="probe", file=tmp_path / "a")], tick=stop)
        with pytest.raises(StopError):
            next(work)
    wait_until(lambda: set(sandbox_processes()) <= before)


RIGHTS = """
import json, os, socket, sys
sys.path[:] = json.loads(sys.argv[1])
from core.imaging.sandbox_worker import restrict
from core.imaging.decode import load_decoders
load_decoders(max_pixels=1000)
restrict(memory=1 << 30)
def can(what):
    try:
        what()
    except (OSError, MemoryError):
        return False
    return True
import subprocess
os.write(2, json.dumps({
    "read a file": can(lambda: open("/etc/passwd")),
    "list a folder": can(lambda: os.scandir("/")),
    "open a socket": can(lambda: socket.socket()),
    "fork": os.getuid() != 0 and can(os.fork),
    "write a file": can(lambda: open("/tmp/unteachable-test", "w")),
    "take all memory": can(lambda: bytearray(2 << 30)),
    "be root": os.geteuid() == 0,
    "become root": can(lambda: os.setuid(0)),
}).encode())
"""


def test_the_worker_gives_up_its_rights() -> None:
    run = subprocess.run(
        [sys.executable, "-I", "-B", "-c", RIGHTS, json.dumps(sys.path)], stderr=subprocess.PIPE, check=True, timeout=60
    )
    rights = json.loads(run.stderr)
    assert {right for right, held in rights.items() if held} == set()


def test_the_restrictions_hold_if_the_user_cannot_change(tmp_path: Path) -> None:
    """As in a container whose only user is root and which lacks the capability to change the user."""
    script = RIGHTS.replace("restrict(memory", "os.setresuid = os.setresgid = _refuse\nrestrict(memory").replace(
        "import json,", "def _refuse(*ids): raise PermissionError\nimport json,"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-B", "-c", script, json.dumps(sys.path)], stderr=subprocess.PIPE, check=True, timeout=60
    )
    rights = json.loads(run.stderr)
    assert not rights["read a file"]
    assert not rights["open a socket"]
    assert not rights["write a file"]

"""The sandbox: a crash, a hang or a lack of memory costs one image only, and its processes have no rights."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.errors import SandboxTooWeak
from core.imaging.isolation.level import LEVELS, Isolation
from core.imaging.sandbox import BATCH_ITEMS, DecoderSandbox, SandboxTask
from core.limits import Limits
from core.runtime.event_counts import take_event_counts
from tests.support.image_kinds import RGB, SUPPORTED, heic
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
    take_event_counts()
    with DecoderSandbox(processes=1) as sandbox:
        assert [a.refused for _, a in sandbox.map([SandboxTask(op="probe", file=file)])] == [None]
        [process] = set(sandbox_processes()) - before
        os.kill(process, signal.SIGSTOP)  # it dies with the whole batch still to do
        to_kill = iter([process])
        work = sandbox.map(
            [SandboxTask(op="probe", file=file)] * 5, tick=lambda: [os.kill(c, signal.SIGKILL) for c in to_kill]
        )
        assert [a.refused for _, a in work] == ["it crashed the decoder", None, None, None, None]
    assert take_event_counts() == {("sandbox_kills", "crashed"): 1}


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


def test_a_process_ends_with_its_parent_even_if_it_is_stuck() -> None:
    script = (
        "import json,os,signal,sys;sys.path[:]=json.loads(sys.argv[1]);"
        "from core.imaging.sandbox_process import SandboxProcess;from core.limits import Limits;"
        "one=SandboxProcess(Limits(),memory=1<<30);one.wait_until_ready();os.kill(one.pid,signal.SIGSTOP);"
        "print(one.pid,flush=True);os.kill(os.getpid(),signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", script, json.dumps(sys.path)], stdout=subprocess.PIPE, timeout=120)
    stuck = Path("/proc") / run.stdout.decode().strip()
    wait_until(lambda: not stuck.exists() or ") Z " in (stuck / "stat").read_text())


def test_a_sandbox_below_the_demanded_level_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(image_file())
    task = SandboxTask(op="probe", file=tmp_path / "a")
    before = set(sandbox_processes())
    with DecoderSandbox(processes=1, limits=Limits(sandbox_level="limits")) as sandbox:
        assert [result.refused for _, result in sandbox.map([task])] == [None]
    monkeypatch.setattr(Isolation, "level", "syscalls")  # as on a kernel without Landlock
    with (
        DecoderSandbox(processes=1, limits=Limits(sandbox_level="paths")) as sandbox,
        pytest.raises(SandboxTooWeak, match=r"SANDBOX_LEVEL=paths is more than this machine reaches \(syscalls: "),
    ):
        list(sandbox.map([task]))
    wait_until(lambda: set(sandbox_processes()) <= before)


def test_levels_follow_from_what_is_reached() -> None:
    def level(*layers: str) -> str:
        return Isolation.from_values(dict.fromkeys(layers, 1)).level

    assert level("landlock", "empty_root", "network", "user") == "limits"
    assert level("syscalls", "network", "user") == "syscalls"
    assert level("syscalls", "landlock") == level("syscalls", "empty_root", "user") == "paths"
    assert level("syscalls", "landlock", "network") == "isolated"
    assert Isolation.from_values({"syscalls": True}).reaches("limits")
    assert not Isolation.from_values({"syscalls": True}).reaches("paths")
    assert "without Landlock" in str(Isolation.from_values({"syscalls": True}))


def ordinary_users_python() -> str | None:
    """An interpreter of this version that an ordinary user may run: Python's own folder may be closed to others."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for command in (sys.executable, f"/usr/bin/{name}"):
        with suppress(PermissionError):
            subprocess.run([command, "-c", ""], user=54321, group=54321, extra_groups=[], check=True)
            return command
    return None


AS_ORDINARY_USER = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
from pathlib import Path
from core.imaging.sandbox import DecoderSandbox, SandboxTask
from core.imaging.sandbox_process import SandboxProcess
from core.limits import Limits
one = SandboxProcess(Limits(), memory=2 << 30)
isolation = one.wait_until_ready()
state = Path(f"/proc/{one.pid}/status").read_text()
one.close()
noise = bytes([3]) * 3 * 64
args = {"size": 8, "channels": 3, "radius": 8, "format": "same", "keep_exif": False}
with DecoderSandbox(processes=1) as sandbox:
    tasks = [SandboxTask(op="encode_with_noise", file=Path(f), args=args, blobs=(noise,)) for f in sys.argv[2:]]
    refused = {task.file.name: result.refused for task, result in sandbox.map(tasks) if result.refused}
print(json.dumps({"refused": refused, "isolation": str(isolation), "level": isolation.level, "uid": os.getuid()}))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_every_format_is_decoded_and_encoded_as_an_ordinary_user(tmp_path: Path) -> None:
    python = ordinary_users_python()
    if python is None:
        pytest.skip("no Python of this version that an ordinary user can run")
    with tempfile.TemporaryDirectory(prefix="unteachable-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        files = []
        for number, (data, *_) in enumerate((*SUPPORTED.values(), (heic(RGB),))):
            files.append(Path(folder) / str(number))
            files[-1].write_bytes(data)
            files[-1].chmod(0o644)
        packages = [folder for folder in sys.path if folder.endswith("site-packages")]
        path = json.dumps([str(Path(__file__).parents[3]), *packages, *std_path(python)])
        command = [python, "-I", "-B", "-c", AS_ORDINARY_USER, path, *map(str, files)]
        run = subprocess.run(
            command, user=54321, group=54321, extra_groups=[], capture_output=True, timeout=120, check=False, cwd="/"
        )
    assert run.returncode == 0, run.stderr.decode()[-500:]
    values = json.loads(run.stdout)
    assert values["uid"] == 54321
    assert values["refused"] == {}
    assert values["level"] in LEVELS[1:], values["isolation"]


def std_path(python: str) -> list[str]:
    run = subprocess.run([python, "-I", "-c", "import json,sys;print(json.dumps(sys.path))"], stdout=subprocess.PIPE)
    return list(json.loads(run.stdout))

"""A worker's watchdog says in a file that the child lives, and `unteachable health worker` reads it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from store.settings import Settings
from tests.support.processes import Command, environment, pool_child
from tests.support.waiting import wait_until
from tests.support.workers import Start, start_worker
from worker.child_watchdog import ChildWatchdog
from worker.context import WorkerContext, open_worker_context
from worker.health_file import HealthFile, health_folder, worker_fault

CHILD = """
import time
from store.settings import get_settings
from worker.child_status import open_child_status
open_child_status(get_settings())
time.sleep(60)
"""


@pytest.fixture
def child(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that gives the signs of life of a worker's child; this process is the worker."""
    process = subprocess.Popen([sys.executable, "-c", CHILD], env=environment(settings))
    yield process
    process.kill()
    process.wait()


def test_a_worker_is_unhealthy_until_its_child_lives_and_after_its_end(
    context: WorkerContext, child: "subprocess.Popen[bytes]"
) -> None:
    settings = context.settings
    assert worker_fault(settings) == "no worker has said that it works"
    watchdog = ChildWatchdog(context, HealthFile(settings, "check"))
    watchdog.start()
    wait_until(lambda: worker_fault(settings) is None, seconds=20)
    watchdog.stop()
    assert worker_fault(settings) == "no worker has said that it works"


def test_a_worker_whose_child_is_stopped_is_silent(
    make_settings: Callable[..., Settings], child: "subprocess.Popen[bytes]"
) -> None:
    context = open_worker_context(make_settings(lease_seconds=1))
    watchdog = ChildWatchdog(context, HealthFile(context.settings, "science"))
    watchdog.start()
    wait_until(lambda: worker_fault(context.settings) is None, seconds=20)
    os.kill(child.pid, signal.SIGSTOP)
    fault = wait_until(lambda: worker_fault(context.settings), seconds=10)
    assert fault.startswith("silent is the worker of the queue science for "), fault
    watchdog.stop()
    context.database.dispose()


def test_each_worker_of_a_folder_must_work(settings: Settings) -> None:
    for queue in ("check", "science"):
        HealthFile(settings, queue).touch()
    assert worker_fault(settings) is None
    old = time.time() - settings.lease_seconds - 5
    os.utime(health_folder(settings) / "science", (old, old))
    fault = worker_fault(settings)
    assert fault is not None
    assert "science for " in fault
    assert "check" not in fault


@pytest.mark.slow
def test_the_command_tells_a_real_worker_from_an_ended_one(
    context: WorkerContext, broker: "subprocess.Popen[bytes]", commands: Start
) -> None:
    worker = start_worker(commands, context)

    def health() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", "health", "worker"]
        return subprocess.run(command, env=environment(context.settings), capture_output=True, text=True, check=False)

    wait_until(lambda: health().returncode == 0, seconds=20)
    assert health().stdout == "ok\n"
    assert isinstance(worker, Command)
    assert pool_child(worker.pid) is not None
    worker.end()
    ended = health()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "unteachable: no worker has said that it works\n"

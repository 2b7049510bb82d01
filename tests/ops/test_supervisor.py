"""`unteachable up`: it starts and stops all processes, restarts those that end, and keeps the data."""

import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from ops.instance_lock import is_ready
from store.database import Database
from store.settings import Settings
from tests.support.ports import free_port
from tests.support.private import open_to_others
from tests.support.processes import Command, command_line, family_of, is_alive
from tests.support.waiting import wait_until

START_SECONDS = 90  # on a busy machine
Start = Callable[..., Command]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def alone(make_settings: Callable[..., Settings], port: int) -> Settings:
    """Settings of a service with a port and a folder of its own."""
    return make_settings(port=port)


def started(commands: Start, settings: Settings) -> Command:
    """Start a service, and wait until it prints its address."""
    command: Command = commands(settings, "up")
    command.wait_until_up(START_SECONDS)
    return command


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def stop(command: Command, number: int = signal.SIGTERM) -> list[int]:
    """Stop a service by a signal; return its processes."""
    wait_until(lambda: len(family_of(command.pid)) >= 7, seconds=60)  # itself, broker, API, workers and their children
    family = family_of(command.pid)
    began = time.monotonic()
    command.process.send_signal(number)
    assert command.process.wait(20) == 0, command.said()
    assert time.monotonic() - began < 10
    return family


@pytest.mark.timeout(400)
def test_it_starts_restarts_a_killed_process_stops_and_keeps_its_data(commands: Start, alone: Settings) -> None:
    first = started(commands, alone)
    assert is_ready(alone.service_address)
    assert {name for name in open_to_others(alone.home) if not name.startswith("unteachable.db")} == set()  # the test's
    wait_until(lambda: "sandbox.level" in first.said())
    link = re.search(r"http://127\.0\.0\.1:\d+/sign-in\?key=[\w-]+", first.said())
    assert link is not None
    token = commands(alone, "token")
    token.process.wait(60)
    assert re.fullmatch(r"unt_[\w-]{43}\n", token.said())

    worker = wait_until(lambda: [pid for pid in family_of(first.pid)[1:] if runs(pid, "science")])[0]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "supervisor.process_ended" in first.said())
    again = wait_until(lambda: [p for p in family_of(first.pid) if p != worker and runs(p, "science")], seconds=30)
    assert again
    assert is_ready(alone.service_address)
    wait_until(lambda: len(family_of(first.pid)) >= 7, seconds=60)
    family = stop(first, signal.SIGINT)
    assert [pid for pid in family if is_alive(pid)] == []
    assert not alone.broker_socket.exists()

    second = started(commands, alone)
    request = urllib.request.Request(
        f"{alone.address}/v1/datasets", headers={"Authorization": f"Bearer {token.said().strip()}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    wait_until(lambda: len(family_of(second.pid)) >= 7, seconds=60)
    assert [pid for pid in stop(second) if is_alive(pid)] == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_process_outlives_a_killed_supervisor_and_it_can_start_again(commands: Start, alone: Settings) -> None:
    first = started(commands, alone)
    wait_until(lambda: len(family_of(first.pid)) >= 7, seconds=60)
    family = family_of(first.pid)
    first.kill()
    second = started(commands, alone)
    assert [pid for pid in family if is_alive(pid)] == []
    stop(second)


def test_a_port_in_use_is_refused(commands: Start, alone: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", alone.port))
        taken.listen()
        command = commands(alone, "up")
        assert command.process.wait(60) == 1
    assert f"cannot listen on 127.0.0.1:{alone.port} (Address already in use): set UNTEACHABLE_PORT" in command.said()


@pytest.mark.slow
def test_a_data_folder_in_use_is_refused(
    commands: Start, alone: Settings, make_settings: Callable[..., Settings]
) -> None:
    first = started(commands, alone)
    second = commands(make_settings(port=alone.port + 1 if alone.port < 65535 else alone.port - 1), "up")
    assert second.process.wait(60) == 1
    assert f"another Unteachable (process {first.pid}) uses {alone.home}" in second.said()
    assert is_ready(alone.service_address)


def runs(pid: int, queue: str) -> bool:
    """Whether this process is the parent of that queue's worker."""
    return command_line(pid).endswith(b"worker\0--queue\0" + queue.encode() + b"\0")


def test_an_invalid_setting_is_one_line(commands: Start, alone: Settings, database: Database) -> None:
    command = commands(alone.model_copy(update={"broker_url": "redis://elsewhere"}), "token")
    assert command.process.wait(60) == 2
    assert command.said().startswith("UNTEACHABLE_SECRET_KEYS must be set")
    assert command.said().count("\n") == 1

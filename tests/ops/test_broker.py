"""The broker comes back whatever happened to its files: what is to be done stands in the database."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ops.broker import broker_command, is_broker_ready, prepare_broker
from ops.instance_lock import DataDirLock
from ops.process import ManagedProcess
from store.settings import Settings
from tests.support.waiting import wait_until


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def broker(settings: Settings) -> Iterator[ManagedProcess]:
    with DataDirLock(settings.home) as lock:
        (settings.home / "logs").mkdir(exist_ok=True)
        process = ManagedProcess(
            "broker",
            broker_command(settings),
            lock=lock,
            log_bytes=1 << 20,
            prepare=partial(prepare_broker, settings),
        )
        process.start()
        wait_until(lambda: is_broker_ready(settings.broker_socket))
        yield process
        process.terminate()
        process.wait_or_kill(0)


def comes_back(broker: ManagedProcess, settings: Settings) -> None:
    def is_back() -> bool:
        broker.restart_if_ended()
        return is_broker_ready(settings.broker_socket)

    wait_until(is_back, seconds=20)


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.home / "broker").rglob("*") if path.is_file()]


def test_without_its_files(broker: ManagedProcess, settings: Settings) -> None:
    shutil.rmtree(settings.home / "broker")
    broker.wait_or_kill(0)
    comes_back(broker, settings)


def test_with_files_that_it_cannot_read(broker: ManagedProcess, settings: Settings) -> None:
    broker.terminate()
    broker.wait_or_kill(5)
    for path in files(settings):
        path.write_bytes(b"\x00no command of a broker\r\n" * 50)
    comes_back(broker, settings)
    assert list((settings.home / "broker.unreadable").rglob("*"))


def test_without_the_folder_of_its_log(broker: ManagedProcess, settings: Settings) -> None:
    shutil.rmtree(settings.home / "logs")
    broker.wait_or_kill(0)
    comes_back(broker, settings)


def test_a_process_that_cannot_be_started_is_tried_again(settings: Settings) -> None:
    with DataDirLock(settings.home) as lock:
        process = ManagedProcess("missing", ["/no/such/program"], lock=lock, log_bytes=1 << 20)
        process.restart_if_ended()
        process.restart_if_ended()
        assert process.failures == 1

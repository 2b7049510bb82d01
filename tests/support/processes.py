"""Real processes of the service for tests: start them with a test's settings, inspect them, and end them."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ops.process import terminate_with_parent
from store.settings import Settings
from tests.support.waiting import wait_until


def environment(settings: Settings) -> dict[str, str]:
    """Return this process's environment with these settings in place of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNTEACHABLE_")}
    ours = {f"UNTEACHABLE_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return clean | ours | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process, without their own children."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def pool_child(worker: int) -> int | None:
    """Return the child process in which a worker runs its jobs; None while there is none."""
    return next((pid for pid in children_of(worker) if b"spawn_main" in command_line(pid)), None)


def command_line(pid: int) -> bytes:
    """Return the command line of a process; each argument ends with a null byte."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def family_of(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    return [pid, *(below for child in children_of(pid) for below in family_of(child))]


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Command:
    """`unteachable ARGUMENTS` as a process, in its own session, with its output in a file."""

    def __init__(self, settings: Settings, *arguments: str, log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *arguments],
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=terminate_with_parent,  # also when the test run is killed
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def wait_until_up(self, seconds: float) -> None:
        """Wait until `unteachable up` prints how to stop it: then its address is printed too."""

        def is_up() -> bool:
            assert self.process.poll() is None, self.said()
            return "Stop: Ctrl-C" in self.said()

        wait_until(is_up, seconds=seconds)

    def kill(self) -> None:
        """Kill -9, the process alone."""
        self.process.kill()
        self.process.wait()

    def end(self, *, seconds: float = 15) -> int:
        """Terminate it and kill what it leaves behind; return its exit status. Raises TimeoutExpired."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)  # Celery writes the stack of every thread into the log
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            raise
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

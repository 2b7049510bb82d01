"""Real processes of the service for tests: started with a test's settings, watched, killed, and never left behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ops.process import die_with_parent
from store.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with these settings in it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UNTEACHABLE_")}
    ours = {f"UNTEACHABLE_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return clean | ours | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


def children_of(pid: int) -> list[int]:
    """The processes that this one started, without theirs."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def pool_child(worker: int) -> int | None:
    """The child in which this worker runs its jobs; None while there is none."""
    return next((pid for pid in children_of(worker) if b"spawn_main" in command_line(pid)), None)


def command_line(pid: int) -> bytes:
    """How the process was started; its words end with null bytes."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def family_of(pid: int) -> list[int]:
    """A process and everything below it."""
    return [pid, *(below for child in children_of(pid) for below in family_of(child))]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Command:
    """`unteachable WORDS` as a process, in a session of its own, with its output in a file."""

    def __init__(self, settings: Settings, *words: str, log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *words],
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=die_with_parent,  # also where the test run itself is killed
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    def said(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill -9, the process alone."""
        self.process.kill()
        self.process.wait()

    def end(self, *, seconds: float = 15) -> int:
        """Ask it to stop; its exit status. What it leaves behind is killed. Raises TimeoutExpired where it goes on."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)  # upon which Celery writes where every thread is into the log
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            raise
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

"""The processes of the service on one machine: how each is started, watched and stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog

from ops.instance_lock import DataDirLock

LOG_BYTES = 10 * 2**20  # a log longer than this is put aside at the next start
SLOWEST = 10.0  # longest pause before a child that keeps dying is started again, in seconds
STEADY = 60.0  # a child that ran this long had no trouble starting
PR_SET_PDEATHSIG = 1

log = structlog.get_logger()
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def child_command(*words: str) -> list[str]:
    """The command line of `unteachable WORDS` with this very interpreter."""
    return [sys.executable, "-m", "cli.main", *words]


def die_with_parent() -> None:
    """In the new process: be told to stop when the supervisor is gone, even by kill -9."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class ManagedProcess:
    """One process in a session of its own, so that Ctrl-C reaches the supervisor alone and it decides the order."""

    def __init__(self, name: str, command: list[str], *, folder: DataDirLock) -> None:
        self.name = name
        self.log: Path = folder.path / "logs" / f"{name}.log"
        self.deaths = 0
        self._command = command
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again = 0.0

    def start(self) -> None:
        """Start it, with its output appended to its log."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
                pass_fds=(self._folder.fd,),
                preexec_fn=die_with_parent,
            )
        self._started = time.monotonic()

    def restart_if_dead(self) -> None:
        """Start it again when it has ended, the later the more often it did."""
        if self._process is None:
            if time.monotonic() >= self._again:
                self.start()
            return
        status = self._process.poll()
        if status is None:
            if self.deaths and time.monotonic() - self._started > STEADY:
                self.deaths = 0
            return
        self._kill_group()
        self.deaths += 1
        pause = min(SLOWEST, 0.25 * 2 ** (self.deaths - 1))
        log.warning("up.child_died", child=self.name, status=status, again_in=pause, log=str(self.log))
        self._process, self._again = None, time.monotonic() + pause

    def ask_to_stop(self) -> None:
        """Tell it to end in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop_by(self, deadline: float) -> None:
        """Wait until it has ended, and kill it where it has not by then; nothing that it started stays."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("up.child_killed", child=self.name)
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def last_words(self, count: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

"""The processes of the service on a single machine: how each is started, restarted and stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from ops.instance_lock import DataDirLock
from ops.log_rotation import rotate_if_large

LOG_CHECK_SECONDS = 1.0  # between two looks at the size of a log
FIRST_RESTART_DELAY_SECONDS = 0.25
MAX_RESTART_DELAY_SECONDS = 10.0
STABLE_AFTER_SECONDS = 60.0  # a process that ran this long starts with the first delay again
PR_SET_PDEATHSIG = 1

log = structlog.get_logger()
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def cli_command(*arguments: str) -> list[str]:
    """Return the command line of `unteachable ARGUMENTS` with this interpreter and its code, in whatever folder."""
    return [sys.executable, "-P", "-m", "cli.main", *arguments]


def terminate_with_parent() -> None:
    """Let the kernel send SIGTERM to this process when its parent ends, even by SIGKILL. For `preexec_fn`."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class ManagedProcess:
    """A process that the supervisor keeps running.

    It has its own session, so that Ctrl-C reaches only the supervisor, which decides the order of stopping.

    Args:
        name: its name in logs, and the stem of its log file.
        command: its command line.
        lock: the locked data folder; the process inherits the lock.
        log_bytes: the size at which its log is rotated, also while it runs.
        prepare: called before each start with the number of failures; makes what the process needs.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        lock: DataDirLock,
        log_bytes: int,
        prepare: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.log_path: Path = lock.path / "logs" / f"{name}.log"
        self.failures = 0  # how often it ended by itself since it last ran for `STABLE_AFTER_SECONDS`
        self._command = command
        self._lock = lock
        self._log_bytes = log_bytes
        self._prepare = prepare
        self._log_checked_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._restart_at = 0.0

    def start(self) -> None:
        """Start the process. Its output is appended to its log. Raises OSError where it cannot be started."""
        self.log_path.parent.mkdir(mode=0o700, exist_ok=True)  # somebody may have removed it
        if self._prepare is not None:
            self._prepare(self.failures)
        environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}
        with self.log_path.open("ab") as out:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
                pass_fds=(self._lock.fd,),
                preexec_fn=terminate_with_parent,
            )
        self._started_at = time.monotonic()

    def rotate_log(self) -> None:
        """Rotate the log if it is large; it is looked at once a second at most."""
        if time.monotonic() - self._log_checked_at >= LOG_CHECK_SECONDS:
            self._log_checked_at = time.monotonic()
            try:
                rotate_if_large(self.log_path, max_bytes=self._log_bytes)
            except OSError as error:
                log.warning("supervisor.log_not_rotated", process=self.name, error=str(error))

    def restart_if_ended(self) -> None:
        """Start the process again if it has ended, after a delay that doubles with each failure."""
        if self._process is None:
            if time.monotonic() >= self._restart_at:
                self._try_to_start()
            return
        status = self._process.poll()
        if status is None:
            if self.failures and time.monotonic() - self._started_at > STABLE_AFTER_SECONDS:
                self.failures = 0
            return
        self._kill_group()
        delay = self._delay_restart()
        log.warning(
            "supervisor.process_ended", process=self.name, status=status, restart_in=delay, log=str(self.log_path)
        )

    def _try_to_start(self) -> None:
        """Start the process, or try again later: a full disk or a missing folder must not end the supervisor."""
        try:
            self.start()
        except OSError as error:
            delay = self._delay_restart()
            log.error("supervisor.process_not_started", process=self.name, error=str(error), restart_in=delay)

    def _delay_restart(self) -> float:
        """Count a failure; returns the seconds until the next start."""
        self.failures += 1
        delay = min(MAX_RESTART_DELAY_SECONDS, FIRST_RESTART_DELAY_SECONDS * 2.0 ** (self.failures - 1))
        self._process, self._restart_at = None, time.monotonic() + delay
        return delay

    def terminate(self) -> None:
        """Send SIGTERM, if the process runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait_or_kill(self, deadline: float) -> None:
        """Wait for the end of the process, and kill it at the deadline. Its own child processes are killed too.

        Args:
            deadline: a time of `time.monotonic`.
        """
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("supervisor.process_killed", process=self.name)
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

"""One restricted process of the sandbox, as the application sees it."""

import json
import os
import subprocess
import sys
from contextlib import suppress

from core.errors import SandboxError, SandboxTooWeak
from core.imaging.isolation.level import Isolation
from core.imaging.sandbox_protocol import FramedPipe, pack
from core.limits import Limits

ONE_WRITE_BYTES = 1 << 20  # smaller batches are joined to one write
SEND_TIMEOUT_SECONDS = 60.0
START_TIMEOUT_SECONDS = 120.0


PROBE_MEMORY = 1 << 30


class SandboxProcess:
    """A restricted process. It starts with an empty environment and inherits the module search path only.

    Args:
        limits: `pixels` is the maximum of one image, `sandbox_level` the least isolation.
        memory: Maximum address space in bytes.
    """

    def __init__(self, limits: Limits, *, memory: int) -> None:
        setup = json.dumps(
            {"path": sys.path, "pixels": limits.pixels, "memory": memory, "parent": os.getpid()}, ensure_ascii=True
        )
        start = (
            "import json,sys;s=json.loads(sys.argv[1]);sys.path[:]=s['path'];"
            "import core.imaging.sandbox_worker as w;w.main(s)"
        )
        self._level = limits.sandbox_level
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", start, setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            cwd="/",
            bufsize=0,
            umask=0o077,
            start_new_session=True,  # Ctrl-C at the terminal reaches the application only
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pipe = FramedPipe(self._process.stdin.fileno(), self._process.stdout.fileno())

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def wait_until_ready(self) -> Isolation:
        """Wait until the process has given up its rights, and return what it has given up.

        Raises:
            RuntimeError: The process does not start.
            SandboxTooWeak: This machine does not isolate it as far as the limits demand.
        """
        try:
            values, _ = self.pipe.receive(timeout=START_TIMEOUT_SECONDS)
        except SandboxError as error:
            raise RuntimeError("the restricted process that decodes images does not start") from error
        isolation = Isolation.from_values(values)
        if not isolation.reaches(self._level):
            raise SandboxTooWeak(self._level, str(isolation))
        return isolation

    def send(self, frames: list[list[bytes]]) -> None:
        """Send a batch. The process reads all of it before it answers, so neither side blocks the other.

        Args:
            frames: One packed frame for each task.

        Raises:
            SandboxError: The process has ended or does not read.
        """
        chunks = pack({"items": len(frames)}, []) + [chunk for frame in frames for chunk in frame]
        if sum(map(len, chunks)) <= ONE_WRITE_BYTES:
            chunks = [b"".join(chunks)]
        self.pipe.send(chunks, timeout=SEND_TIMEOUT_SECONDS)

    def kill(self) -> None:
        """Kill the process. If it runs as another user, it ends when its input closes or its CPU time is used up."""
        with suppress(PermissionError):
            self._process.kill()

    def close(self) -> None:
        """Kill the process and collect its exit status, so that no zombie stays."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()


def measure_isolation(limits: Limits) -> Isolation:
    """Start one process, and return how far this machine isolates it.

    Args:
        limits: `sandbox_level` is the least isolation.

    Raises:
        RuntimeError: The process does not start.
        SandboxTooWeak: This machine does not isolate it as far as the limits demand.
    """
    process = SandboxProcess(limits, memory=PROBE_MEMORY)
    try:
        return process.wait_until_ready()
    finally:
        process.close()

"""The sandbox: restricted processes in which untrusted bytes become pixels.

Decoders of pictures have holes. So no picture is ever decoded here, but in small child processes without network,
files, environment or privileges, and with little memory and time (`core.imaging.sandbox_worker` says how). A
picture that
crashes, hangs or exhausts its process costs that picture alone: it gets a reason, the process is replaced. Many small
pictures travel in one message; a big one travels alone.
"""

import hashlib
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import SandboxError
from core.imaging.sandbox_protocol import FramedPipe, pack
from core.limits import Limits

BATCH_BYTES = 256 << 10
BATCH_ITEMS = 256
READS = {"gone": "it crashed the decoder", "silent": "decoding it took too long", "nonsense": "it crashed the decoder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTask:
    """One thing to do in the sandbox: an operation of core.imaging.operations on the bytes of a file.

    extra: seconds that it may take beyond the sandbox's patience, where it is known to be large.
    """

    op: str
    file: Path
    args: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()
    extra: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxResult:
    """What became of a task. `refused` is the reason where there is no result; `sha256` is that of the file."""

    values: dict[str, Any]
    blobs: list[bytes]
    sha256: str
    refused: str | None = None


class DecoderSandbox:
    """A few child processes and the queue before them; a context manager that leaves no process behind.

    patience: seconds that one picture may take. memory: bytes of address space a child may use.
    """

    def __init__(
        self, *, children: int = 2, limits: Limits | None = None, patience: float = 120.0, memory: int | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._patience = patience
        self._memory = memory or (1 << 30) + 24 * self._limits.pixels
        self._children = children
        self._here = threading.local()
        self._alive: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(children, thread_name_prefix="sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every child at once; whatever is under way is given up."""
        with self._lock:
            self._closed = True
            alive = list(self._alive)
        for child in alive:
            child.kill()
        self._threads.shutdown(cancel_futures=True)
        for child in alive:
            child.close()

    def map(
        self, tasks: Iterable[SandboxTask], *, tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[SandboxTask, SandboxResult]]:
        """Do the tasks, in order; at most a few messages are under way, however many tasks there are.

        `tick` is called several times a second while waiting and may raise to stop.
        """
        batches = _in_batches(tasks)
        waiting: deque[tuple[list[SandboxTask], Future[list[SandboxResult]]]] = deque()
        try:
            while True:
                while len(waiting) < 3 * self._children and (batch := next(batches, None)):
                    waiting.append((batch, self._threads.submit(self._do, batch)))
                if not waiting:
                    return
                batch, future = waiting.popleft()
                yield from zip(batch, _patiently(future, tick), strict=True)
        finally:
            for _, future in waiting:
                future.cancel()

    def _do(self, batch: list[SandboxTask]) -> list[SandboxResult]:
        """One batch in this thread's child; what kills the child gets a reason, the rest goes on in a new one."""
        contents = [task.file.read_bytes() for task in batch]
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        answers: list[SandboxResult] = []
        while len(answers) < len(batch):
            child = self._child()
            try:
                todo = range(len(answers), len(batch))
                child.ask([pack(self._message(batch[i]), [contents[i], *batch[i].blobs]) for i in todo])
                for i in todo:
                    values, blobs = child.line.receive(patience=self._patience + batch[i].extra)
                    answers.append(
                        SandboxResult(values=values, blobs=blobs, sha256=digests[i], refused=values.get("refused"))
                    )
            except SandboxError as broken:
                reason = self._lose(child, str(broken))
                answers.append(SandboxResult(values={}, blobs=[], sha256=digests[len(answers)], refused=reason))
        return answers

    def _message(self, task: SandboxTask) -> dict[str, Any]:
        return {"op": task.op, "seconds": int(self._patience + task.extra) + 1, **task.args}

    def _child(self) -> "_Child":
        child: _Child | None = getattr(self._here, "child", None)
        if child is None:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the sandbox is closed")
                child = _Child(self._limits, memory=self._memory)
                self._alive.add(child)
            self._here.child = child
            try:
                child.line.receive(patience=120.0)  # it says when it is restricted, and ready
            except SandboxError as broken:
                self._lose(child, str(broken))
                raise RuntimeError("the restricted process that decodes pictures does not start") from broken
        return child

    def _lose(self, child: "_Child", how: str) -> str:
        self._here.child = None
        with self._lock:
            self._alive.discard(child)
        child.close()
        return READS.get(how, READS["gone"])


class _Child:
    """One restricted process; it starts with an empty environment, and with the search path as its only inheritance."""

    def __init__(self, limits: Limits, *, memory: int) -> None:
        setup = json.dumps(
            {"path": sys.path, "pixels": limits.pixels, "memory": memory},
            ensure_ascii=True,
        )
        start = (
            "import json,sys;s=json.loads(sys.argv[1]);sys.path[:]=s['path'];"
            "import core.imaging.sandbox_worker as c;c.main(s)"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", start, setup],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            cwd="/",
            bufsize=0,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle, not the child's
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.line = FramedPipe(self.process.stdin.fileno(), self.process.stdout.fileno())

    def ask(self, frames: list[list[bytes]]) -> None:
        """Send a batch: how many, then each; the child reads all of it before it answers."""
        pieces = pack({"items": len(frames)}, []) + [piece for frame in frames for piece in frame]
        if sum(map(len, pieces)) <= 4 * BATCH_BYTES:
            pieces = [b"".join(pieces)]
        self.line.send(pieces, patience=60.0)

    def kill(self) -> None:
        """End it; where we may not (it is another user now), its closed input or its CPU limit does."""
        with suppress(PermissionError):
            self.process.kill()

    def close(self) -> None:
        """End it, and leave no zombie."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.process.wait()


def _in_batches(tasks: Iterable[SandboxTask]) -> Iterator[list[SandboxTask]]:
    batch: list[SandboxTask] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += task.file.stat().st_size + sum(map(len, task.blobs))
        if size >= BATCH_BYTES or len(batch) >= BATCH_ITEMS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _patiently(future: "Future[list[SandboxResult]]", tick: Callable[[], None] | None) -> list[SandboxResult]:
    while True:
        try:
            return future.result(timeout=0.25)
        except StillRunning:
            if tick is not None:
                tick()

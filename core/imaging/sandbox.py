"""The sandbox: restricted processes that turn untrusted bytes into pixels.

Image decoders have security holes. Therefore the application never decodes an image itself; small processes do, without
network, files, environment or privileges, and with little memory and time (see `core.imaging.sandbox_worker`). If an
image crashes, hangs or exhausts its process, only this image is refused, and a new process takes over. Small images
travel in batches, a large one alone.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.errors import SandboxError
from core.imaging.decoder_resources import decoder_resources, machine_memory
from core.imaging.sandbox_process import SandboxProcess
from core.imaging.sandbox_protocol import Operation, pack
from core.limits import DEFAULT_LIMITS, Limits
from core.runtime.event_counts import count_event

BATCH_BYTES = 256 << 10
BATCH_ITEMS = 256
BATCHES_PER_PROCESS = 3  # in flight at once
TICK_SECONDS = 0.25
CRASHED = "it crashed the decoder"
REASONS = {"gone": CRASHED, "invalid": CRASHED, "silent": "decoding it took too long"}  # by SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTask:
    """An operation of `core.imaging.operations` on the bytes of a file.

    Attributes:
        op: The operation.
        file: The image.
        args: The operation's keyword arguments, as JSON can hold them.
        blobs: Further byte strings for the operation.
        extra_seconds: Time allowed beyond the sandbox's timeout, for an image that is known to be large.
        group: Tasks of different groups travel apart, so that the results of one do not wait for another.
    """

    op: Operation
    file: Path
    args: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[bytes, ...] = ()
    extra_seconds: float = 0.0
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxResult:
    """The result of a task. It comes from an untrusted process: check its form before use.

    Attributes:
        values: What the operation returned.
        blobs: The byte strings that it returned.
        sha256: Hash of the file that was sent, hexadecimal.
        refused: The reason if there is no result, else None.
    """

    values: dict[str, Any]
    blobs: list[bytes]
    sha256: str
    refused: str | None = None


class DecoderSandbox:
    """A few restricted processes and a queue of tasks for them. A context manager; no process outlives it.

    Args:
        processes: Number of processes; default: what the limits say, else as many as the cores and the memory of this
            machine suffice for (`core.imaging.decoder_resources`). They start when there is work for them.
        limits: `pixels` is the maximum of one image, `sandbox_level` the least isolation.
        timeout: Maximum time in seconds for one image.
        memory: Maximum address space of a process in bytes; default: what the limits say, else by this machine.
    """

    def __init__(
        self,
        *,
        processes: int | None = None,
        limits: Limits = DEFAULT_LIMITS,
        timeout: float = 120.0,
        memory: int | None = None,
    ) -> None:
        self._limits = limits
        self._timeout = timeout
        chosen = decoder_resources(limits, cores=len(os.sched_getaffinity(0)), memory=machine_memory())
        self._memory = memory or chosen.bytes
        self._process_count = processes or chosen.processes
        self._thread_local = threading.local()
        self._running: set[SandboxProcess] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(self._process_count, thread_name_prefix="sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End every process at once; tasks that are not done are dropped."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in running:
            process.close()

    def map(
        self, tasks: Iterable[SandboxTask], *, tick: Callable[[], None] | None = None
    ) -> Iterator[tuple[SandboxTask, SandboxResult]]:
        """Do tasks. Only a few batches are read ahead, however many tasks there are.

        Args:
            tasks: What to do.
            tick: Called several times a second while waiting; may raise to stop.

        Returns:
            Each task with its result, in order.

        Raises:
            OSError: A file cannot be read.
            RuntimeError: A process does not start, or the sandbox is closed.
            SandboxTooWeak: This machine does not isolate the processes as far as the limits demand.
        """
        batches = _in_batches(tasks)
        pending: deque[tuple[list[SandboxTask], Future[list[SandboxResult]]]] = deque()
        try:
            while True:
                while len(pending) < BATCHES_PER_PROCESS * self._process_count and (batch := next(batches, None)):
                    pending.append((batch, self._threads.submit(self._run_batch, batch)))
                if not pending:
                    return
                batch, future = pending.popleft()
                yield from zip(batch, _wait_for(future, tick), strict=True)
        finally:
            for _, future in pending:
                future.cancel()

    def _run_batch(self, batch: list[SandboxTask]) -> list[SandboxResult]:
        """Run a batch in this thread's process; a task that ends it is refused, a new process does the rest."""
        contents = [task.file.read_bytes() for task in batch]
        hashes = [hashlib.sha256(content).hexdigest() for content in contents]
        results: list[SandboxResult] = []
        while len(results) < len(batch):
            process = self._process()
            try:
                remaining = range(len(results), len(batch))
                process.send([pack(self._message(batch[i]), [contents[i], *batch[i].blobs]) for i in remaining])
                for i in remaining:
                    values, blobs = process.pipe.receive(timeout=self._timeout + batch[i].extra_seconds)
                    results.append(
                        SandboxResult(values=values, blobs=blobs, sha256=hashes[i], refused=values.get("refused"))
                    )
            except SandboxError as error:
                self._discard(process)
                if not self._closed:  # else its process was ended on purpose
                    count_event("sandbox_kills", "too_long" if str(error) == "silent" else "crashed")
                reason = REASONS.get(str(error), CRASHED)
                results.append(SandboxResult(values={}, blobs=[], sha256=hashes[len(results)], refused=reason))
        return results

    def _message(self, task: SandboxTask) -> dict[str, Any]:
        return {"op": task.op, "seconds": int(self._timeout + task.extra_seconds) + 1, **task.args}

    def _process(self) -> SandboxProcess:
        """This thread's process, started if there is none."""
        process: SandboxProcess | None = getattr(self._thread_local, "process", None)
        if process is None:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the sandbox is closed")
                process = SandboxProcess(self._limits, memory=self._memory)
                self._running.add(process)
            self._thread_local.process = process
            try:
                process.wait_until_ready()
            except Exception:
                self._discard(process)
                raise
        return process

    def _discard(self, process: SandboxProcess) -> None:
        self._thread_local.process = None
        with self._lock:
            self._running.discard(process)
        process.close()


@contextmanager
def sandbox_or_new(sandbox: DecoderSandbox | None, limits: Limits) -> Iterator[DecoderSandbox]:
    """A sandbox for the length of a `with` block.

    Args:
        sandbox: Used if given, and not closed at the end; None makes a new one, which is closed.
        limits: The limits of a new one.
    """
    with ExitStack() as stack:
        yield stack.enter_context(nullcontext(sandbox) if sandbox is not None else DecoderSandbox(limits=limits))


def _in_batches(tasks: Iterable[SandboxTask]) -> Iterator[list[SandboxTask]]:
    batch: list[SandboxTask] = []
    size = 0
    for task in tasks:
        if batch and task.group != batch[0].group:
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += task.file.stat().st_size + sum(map(len, task.blobs))
        if size >= BATCH_BYTES or len(batch) >= BATCH_ITEMS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _wait_for(future: "Future[list[SandboxResult]]", tick: Callable[[], None] | None) -> list[SandboxResult]:
    while True:
        try:
            return future.result(timeout=TICK_SECONDS)
        except NotDone:
            if tick is not None:
                tick()

"""Two real workers, of which one runs a job and the other helps: start them, tell them apart, kill their children."""

import json
import os
import re
import signal
from pathlib import Path

from tests.support.processes import Command, pool_child
from tests.support.waiting import wait_until
from tests.support.workers import Start, count_claims, start_worker
from worker.context import WorkerContext


def start_pair(commands: Start, context: WorkerContext) -> list[Command]:
    """Start two workers; return them once both have imported torch, so that the one without a job helps in time."""
    workers = [start_worker(commands, context, "cpu") for _ in range(2)]
    wait_until(lambda: all(map(_has_torch, workers)), seconds=120)
    return workers


def roles(workers: list[Command]) -> tuple[Command, Command]:
    """The worker that runs the job, and the one that helps."""
    owner = wait_until(lambda: next((w for w in workers if count_claims(w)), None), seconds=60)
    return owner, next(worker for worker in workers if worker is not owner)


def count_claimed_pieces(worker: Command) -> int:
    """How many pieces of another's job a worker began, according to its log."""
    return worker.said().count('"piece.claimed"')


def helped(worker: Command, outcome: str = "succeeded") -> list[str]:
    """The pieces that a worker ended for the job of another, according to its log."""
    ended = re.findall(r'^.*"piece\.ended".*$', worker.said(), re.MULTILINE)
    events = [json.loads(line) for line in ended]
    return [event["piece"] for event in events if event["outcome"] == outcome]


def kill_child(worker: Command) -> None:
    """Kill the process that computes; the worker starts another one."""
    child = pool_child(worker.pid)
    assert child is not None
    os.kill(child, signal.SIGKILL)


def _has_torch(worker: Command) -> bool:
    child = pool_child(worker.pid)
    return child is not None and b"libtorch_cpu" in Path(f"/proc/{child}/maps").read_bytes()

"""The Celery worker of one queue: a parent that receives messages and watches, and one child that runs jobs.

The child is spawned, not forked: it must not inherit torch and CUDA, and only it imports them.
"""

import os
import signal
import sys
import warnings
from typing import Any

import billiard
import structlog
from celery import Celery, signals
from celery.concurrency import get_implementation
from celery.platforms import SecurityWarning

from core.errors import SandboxTooWeak
from core.imaging.isolation.level import LEVELS
from store import task_queue
from store.settings import Settings, get_settings
from store.task_queue import CPU, SCIENCE
from store.workers import WorkerCard
from worker.child_watchdog import ChildWatchdog
from worker.context import open_worker_context
from worker.health_file import HealthFile
from worker.maintenance import MaintenanceThread
from worker.registration import WorkerRegistration
from worker.sandbox_check import check_sandbox
from worker.worker_card import NoGPU, describe_worker

NICENESS = 5  # a job that computes takes the cores that the API leaves
CHILD_START_TIMEOUT_SECONDS = 120.0  # a busy machine may take long to start an interpreter
REFUSED = 2  # exit status
LOST_CHILD_WAIT_SECONDS = 1.0  # until a killed child is replaced


def make_worker_app(settings: Settings, queue: str) -> Celery:
    """Return the Celery app of `store.task_queue`, configured to run the tasks of a queue."""
    app = task_queue.make_celery_app(settings)
    app.conf.update(
        include=[
            "worker.logging_setup",
            "worker.tasks",
            *([] if queue == task_queue.UPLOADS else ["worker.science_child"]),
        ],
        task_acks_late=False,  # leases decide which job runs again, not the broker
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # a message stays in the broker until a worker is free for it
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=CHILD_START_TIMEOUT_SECONDS,
        worker_lost_wait=LOST_CHILD_WAIT_SECONDS,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    return app


def run_worker(queue: str) -> int:
    """Run a worker until it is told to stop.

    Args:
        queue: one of `store.task_queue.WORKER_NAMES`.

    Returns:
        The exit status of the process.
    """
    settings = get_settings()
    os.nice(NICENESS)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for the child: idle threads must not use shared cores
    warnings.filterwarnings("ignore", category=SecurityWarning)  # running as root is safe: no pickles are accepted
    try:
        card = describe_worker(settings, queue)
        if queue == task_queue.UPLOADS or settings.sandbox_level != LEVELS[0]:  # one line in the logs is enough
            check_sandbox(settings)
    except (NoGPU, SandboxTooWeak) as error:
        sys.stderr.write(f"unteachable: {error}\n")
        return REFUSED
    context = open_worker_context(settings)
    health = HealthFile(settings, queue)
    maintenance, watchdog = MaintenanceThread(context), ChildWatchdog(context, health)
    registration = WorkerRegistration(context, card, works=health.is_fresh)

    def on_ready(**_: Any) -> None:
        structlog.get_logger().info("worker.ready", queue=queue, worker=card.id, device=card.device)
        maintenance.start()
        watchdog.start()
        registration.start()

    signals.worker_ready.connect(on_ready, weak=False)
    signals.worker_shutting_down.connect(_stop_children, weak=False)
    worker = _celery_worker(settings, queue, card)
    worker.start()
    registration.stop()
    maintenance.stop()
    watchdog.stop()
    context.database.dispose()
    return int(worker.exitcode or 0)


def _celery_worker(settings: Settings, queue: str, card: WorkerCard) -> Any:
    """Celery's worker, which runs one child process."""
    app = make_worker_app(settings, queue)
    app.set_default()
    return app.Worker(
        queues=message_queues(card),
        hostname=f"{queue}@{card.host}",
        pool_cls=get_implementation("prefork"),
        concurrency=1,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )


def message_queues(card: WorkerCard) -> list[str]:
    """Return the queues of the broker whose messages a worker receives.

    Args:
        card: what it says about itself.
    """
    return [*card.queues, SCIENCE] if CPU in card.queues else list(card.queues)


def _stop_children(**_: Any) -> None:
    """Tell the children to release their job, so that the worker ends within seconds and no attempt is lost."""
    for child in billiard.active_children():
        os.kill(child.pid, signal.SIGTERM)

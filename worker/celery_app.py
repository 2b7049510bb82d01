"""The Celery worker of one queue: a parent that listens and sweeps, and one child that does the work.

The child is spawned, not forked: torch and CUDA must not be inherited, and only the child imports them.
"""

import os
import signal
import socket
import warnings
from typing import Any

import billiard
import structlog
from celery import Celery, signals
from celery.concurrency import get_implementation
from celery.platforms import SecurityWarning

from store.settings import Settings, get_settings
from store.task_queue import make_celery_app
from worker.context import open_service
from worker.maintenance import MaintenanceThread

CHILD_START_SECONDS = 120.0  # a busy machine may take long to start an interpreter


def make_worker_app(settings: Settings) -> Celery:
    """The app of `store.task_queue`, with what a worker needs to run."""
    app = make_celery_app(settings)
    app.conf.update(
        include=["worker.logging_setup", "worker.tasks"],
        task_acks_late=False,  # the lease decides what runs again, not the broker
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # a message waits in the broker until a worker is free for it
        worker_pool_start_method="spawn",
        worker_proc_alive_timeout=CHILD_START_SECONDS,
        worker_lost_wait=1.0,  # seconds until a child that was killed is given up and replaced
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )
    return app


def run_worker(queue: str) -> int:
    """Run the worker of one queue until it is told to stop; returns its exit status."""
    settings = get_settings()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for the child: idle threads must not burn shared cores
    warnings.filterwarnings("ignore", category=SecurityWarning)  # root is fine: no pickles are accepted
    service = open_service(settings)
    sweeper = MaintenanceThread(service)

    def ready(**_: Any) -> None:
        structlog.get_logger().info("worker.ready", queue=queue)
        sweeper.start()

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(_stop_children, weak=False)
    app = make_worker_app(settings)
    app.set_default()
    worker = app.Worker(
        queues=[queue],
        hostname=f"{queue}@{socket.gethostname()}",
        pool_cls=get_implementation("prefork"),
        concurrency=1,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    sweeper.stop()
    service.database.dispose()
    return int(worker.exitcode or 0)


def _stop_children(**_: Any) -> None:
    """Ask the children to hand their job back, so that the worker ends within seconds and no attempt is lost."""
    for child in billiard.active_children():
        os.kill(child.pid, signal.SIGTERM)

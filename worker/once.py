"""`unteachable worker --once`: takes one job, runs it in this process, and ends. For autoscalers that start workers.

Nobody recovers lost jobs here, so a service needs a worker that stays as well, such as that of the queue `check`.
"""

import os
import signal
import sys
from typing import Any

import structlog

from core.errors import SandboxTooWeak
from store.settings import get_settings
from worker.child_status import open_child_status
from worker.claim_outage import claim_outages_logged
from worker.context import open_worker_context
from worker.lease_keeper import request_process_stop
from worker.next_job import run_any_job
from worker.registration import WorkerRegistration
from worker.sandbox_check import check_sandbox
from worker.worker_card import NoGPU, describe_worker

REFUSED, FAILED = 2, 1  # exit statuses

log = structlog.get_logger()


def run_once(queue: str) -> int:
    """Run the first job that a worker of this name would take, if there is one.

    SIGTERM and Ctrl-C put the job back into its queue, as they do for a worker that stays.

    Args:
        queue: one of `store.task_queue.WORKER_NAMES`.

    Returns:
        The exit status of the process: 0 also where no job waits, and where the job failed by its user's fault.
    """
    settings = get_settings()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        card = describe_worker(settings, queue)
        check_sandbox(settings)
    except (NoGPU, SandboxTooWeak) as error:
        sys.stderr.write(f"unteachable: {error}\n")
        return REFUSED
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _on_signal)
    context = open_worker_context(settings)
    open_child_status(settings)  # others on this machine see at once when this process is killed
    registration = WorkerRegistration(context, card, works=lambda: True)
    registration.start()
    log.info("worker.ready", queue=queue, worker=card.id, device=card.device)
    try:
        with claim_outages_logged(queue=queue):
            has_run = run_any_job(context, card.queues)
        if not has_run:
            log.info("worker.no_job")
    except Exception:  # it is logged; where a job had begun, the executor has marked it as failed
        return FAILED
    finally:
        registration.stop()
        context.database.dispose()
    return 0


def _on_signal(*_: Any) -> None:
    request_process_stop()

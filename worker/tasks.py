"""The one Celery task. Its message is the id of a job, and says that its queue has work."""

import os
import signal
from contextlib import suppress
from typing import Any

from billiard import pool
from celery import Task, shared_task, signals

from store.settings import get_settings
from store.task_queue import TASK_NAME
from worker.child_status import open_child_status
from worker.claim_outage import NothingClaimed, claim_outages_logged
from worker.context import process_context
from worker.lease_keeper import is_running, is_stopping, request_process_stop
from worker.next_job import run_first_job
from worker.preload import end_preloading

# A child that ends waits until the pool has read the results of its tasks, in rounds of 0.1 s. The pool never reads the
# result of a task that it sent just before it was told to stop, so the default of 300 rounds would delay the worker's
# end by 30 s. Nothing is lost after 1 s: the database holds the outcome of the job.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _on_child_start(**_: Any) -> None:
    open_child_status(get_settings())


@shared_task(name=TASK_NAME, bind=True)  # type: ignore[untyped-decorator]
def run_job(task: Task, job_id: str) -> None:
    """Run the first job of the queue that the message came from: it says that there is one, not which is next."""
    signal.signal(signal.SIGTERM, _on_sigterm)  # must be set here: the pool sets its own handler when it starts a child
    end_preloading()
    with suppress(NothingClaimed), claim_outages_logged(job=job_id):
        run_first_job(process_context(), job_id, queue=task.request.delivery_info["routing_key"])


def _on_sigterm(*_: Any) -> None:
    """Stop the running job. An idle child only notes the first signal, and ends at the second.

    The pool ends idle children by itself. A child that died at the first signal might be sending the result of a task,
    and the pool would wait forever for the rest of that message.
    """
    if is_stopping() and not is_running():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    request_process_stop()

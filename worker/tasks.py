"""The one task: a message is a job's id."""

import os
import signal
from typing import Any

from billiard import pool
from celery import shared_task

from store.task_queue import TASK_NAME
from worker.context import this_service
from worker.executor import execute
from worker.lease import is_running, is_stopping, request_process_stop

# Times 0.1 s for which a child that ends waits until the pool has read how its jobs ended. One that the pool sent just
# before it stopped it forgets, and never reads of; the pool's own 300 times would hold up the worker's end. What a job
# came to is in the database by then.
pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = 10


@shared_task(name=TASK_NAME)  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    """Run the job with this id, if it is there to be taken."""
    signal.signal(signal.SIGTERM, _stop)  # here, for the pool sets its own when it starts a child; and from now on
    execute(this_service(), job_id)


def _stop(*_: Any) -> None:
    """Hand back the job that runs. The pool ends a child that is idle by itself, so a first signal only keeps it idle.

    Were it to die at once, it could be while it tells the pool how a job ended, and the pool would wait for the rest of
    that message for ever. A second signal to an idle child is obeyed.
    """
    if is_stopping() and not is_running():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    request_process_stop()

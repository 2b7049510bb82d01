"""The task queue: a message with a job's id tells a worker that the job can be claimed.

The row is the truth. A lost message delays its job and does no other harm, because recovery enqueues the job again.
"""

from functools import cache
from typing import Any, NamedTuple

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from sqlalchemy import ColumnElement, and_, or_

from store.job_events import connect_broker
from store.models import CHECK, PREVIEW, PROTECT, TRAIN, TRIAL, VERIFY, Job
from store.settings import Settings

UPLOADS = "check"  # for checks of uploads and for thumbnails
SHORT = "short"  # for protections that take little time, which must not wait behind long ones
CPU = "cpu"  # for what two cores do in reasonable time
GPU = "gpu"  # for what needs a GPU; `store.workforce` says when other workers take it
# job kind -> the queue whose workers run it, unless the row names another
QUEUE_OF_KIND = {
    CHECK: UPLOADS,
    PREVIEW: UPLOADS,
    TRIAL: SHORT,
    PROTECT: CPU,
    TRAIN: CPU,
    VERIFY: CPU,
}
QUEUE_NAMES = (UPLOADS, SHORT, CPU, GPU)
SCIENCE = "science"  # a worker of every queue that its device suits; earlier versions send messages to this name
WORKER_NAMES = (SCIENCE, *QUEUE_NAMES)  # what `unteachable worker --queue` accepts
TASK_NAME = "unteachable.run_job"  # must not change: messages in a broker carry it
CONNECT_TIMEOUT_SECONDS = 2.0
WRONG_PASSWORD = "refuses the user or the password"
ANSWER_TIMEOUT_SECONDS = 10.0  # for a broker that accepts the connection and stays silent

log = structlog.get_logger()


def queue_of(job: Job) -> str:
    """Return the queue whose workers run a job."""
    return job.queue or QUEUE_OF_KIND[job.kind]


def in_queue(queue: str) -> ColumnElement[bool]:
    """Return the SQL condition for jobs whose messages go to this queue."""
    kinds = [kind for kind, name in QUEUE_OF_KIND.items() if name == queue]
    return or_(Job.queue == queue, and_(Job.queue.is_(None), Job.kind.in_(kinds)))


class JobMessage(NamedTuple):
    """The message of a job, which wakes a worker.

    Attributes:
        job_id: the job.
        kind: its kind.
        queue: whose workers may run it, or compute its pieces.
    """

    job_id: str
    kind: str
    queue: str


def make_celery_app(settings: Settings) -> Celery:
    """Return a Celery app that can send messages. It accepts JSON only, and stores no results."""
    app = Celery("unteachable", broker=settings.broker, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        broker_transport_options={
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_timeout": ANSWER_TIMEOUT_SECONDS,
            "socket_keepalive": not settings.broker.startswith("redis+socket"),
            "global_keyprefix": "unteachable:",
        },
    )
    return app


@cache
def _producer(broker: str, settings: Settings) -> Celery:
    return make_celery_app(settings)


def enqueue(settings: Settings, *, job_id: str, kind: str, queue: str | None = None) -> bool:
    """Send the message for a job. Call it after the commit.

    Args:
        settings: where the broker is.
        job_id: the job.
        kind: its kind.
        queue: where the message goes, as `store.workforce` says; None for the queue of its kind.

    Returns:
        False where the broker cannot be reached; this is logged, and recovery enqueues the job later.
    """
    app = _producer(settings.broker, settings)
    retry_once: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    try:
        app.send_task(TASK_NAME, args=[job_id], queue=queue or QUEUE_OF_KIND[kind], retry=True, retry_policy=retry_once)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("task_queue.enqueue_failed", job=job_id, kind=kind, error=str(error))
        return False
    log.debug("task_queue.enqueued", job=job_id, kind=kind)
    return True


def queue_length(settings: Settings, queue: str) -> int | None:
    """Return how many messages wait in a queue; None where the broker cannot be reached."""
    try:
        with connect_broker(settings) as broker:
            return int(broker.llen(f"unteachable:{queue}"))
    except (RedisError, OSError):
        return None


def broker_fault(settings: Settings) -> str | None:
    """Return what is wrong with the broker, without its address; None where it answers a ping."""
    try:
        with connect_broker(settings) as broker:
            return None if broker.ping() else "does not answer"
    except (AuthenticationError, AuthorizationError, NoPermissionError):
        return WRONG_PASSWORD
    except ResponseError as error:
        if str(error).startswith(("WRONGPASS", "NOAUTH", "NOPERM")) or "AUTH" in str(error):
            return WRONG_PASSWORD
        return "refuses a ping"
    except (RedisError, OSError):
        return "does not answer"

"""The doorbell: a message with a job's id wakes a worker. Losing one loses nothing, for the sweep rings again."""

from functools import cache
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from store.job_events import connect_broker
from store.models import CHECK, PROTECT, TRAIN, VERIFY
from store.settings import Settings

# job kind -> the queue whose workers run it
QUEUES = {CHECK: "check", PROTECT: "science", TRAIN: "science", VERIFY: "science"}
EVERY_QUEUE = tuple(dict.fromkeys(QUEUES.values()))
TASK = "unteachable.run_job"
PATIENCE = 2.0  # seconds an unreachable broker may hold up whoever rings; one that answers nothing, five times as long

log = structlog.get_logger()


def kinds_of(queue: str) -> list[str]:
    """The kinds of job whose bell rings in this queue."""
    return [kind for kind, rings_in in QUEUES.items() if rings_in == queue]


def make_app(settings: Settings) -> Celery:
    """A Celery app that can send; the worker adds what it needs to run. JSON only, and nothing is kept of results."""
    app = Celery("unteachable", broker=settings.broker, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        broker_transport_options={
            "socket_connect_timeout": PATIENCE,
            "socket_timeout": PATIENCE * 5,
            "socket_keepalive": not settings.broker.startswith("redis+socket"),
            "global_keyprefix": "unteachable:",
        },
    )
    return app


@cache
def _producer(broker: str, settings: Settings) -> Celery:
    return make_app(settings)


def ring(settings: Settings, *, job_id: str, kind: str) -> bool:
    """Wake a worker for this job. False, and a line in the log, where the broker cannot be reached: the row waits."""
    app = _producer(settings.broker, settings)
    once: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    try:
        app.send_task(TASK, args=[job_id], queue=QUEUES[kind], retry=True, retry_policy=once)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("bell.failed", job=job_id, kind=kind, error=str(error))
        return False
    log.debug("bell.rung", job=job_id, kind=kind)
    return True


def depth(settings: Settings, kind: str) -> int | None:
    """How many messages lie in the queue of this kind; None where the broker cannot be reached."""
    try:
        with connect_broker(settings) as broker:
            return int(broker.llen(f"unteachable:{QUEUES[kind]}"))
    except (RedisError, OSError):
        return None


def reachable(settings: Settings) -> bool:
    """Whether the broker answers."""
    try:
        with connect_broker(settings) as broker:
            return bool(broker.ping())
    except (RedisError, OSError):
        return False

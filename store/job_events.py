"""Pub/sub over Valkey: an event says that a job's row changed, and carries no data.

The row is the truth. A lost event delays a subscriber by one timeout, after which it reads the row by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from urllib.parse import urlsplit

import redis
import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from store.settings import Settings

BROKER_TIMEOUT_SECONDS = 2.0  # to connect, and for the first answer

log = structlog.get_logger()


def redis_url(settings: Settings) -> str:
    """Return the broker's URL as redis-py writes it; Celery writes sockets differently."""
    url = settings.broker
    if url.startswith("redis+socket://"):
        return f"unix://{urlsplit(url).path}?db=0"
    return url


def connect_broker(settings: Settings) -> redis.Redis:
    """Return a connection to the broker for plain commands. Use it as a context manager."""
    return redis.Redis.from_url(
        redis_url(settings), socket_connect_timeout=BROKER_TIMEOUT_SECONDS, socket_timeout=BROKER_TIMEOUT_SECONDS
    )


@cache
def _publisher(settings: Settings) -> redis.Redis:
    return connect_broker(settings)


def _channel(job_id: str) -> str:
    return f"unteachable:job:{job_id}"


def publish(settings: Settings, job_id: str) -> None:
    """Tell the subscribers of a job that its row changed. Call it after the commit. Errors of the broker are logged.

    Args:
        settings: where the broker is.
        job_id: the job.
    """
    try:
        _publisher(settings).publish(_channel(job_id), b"")
    except (RedisError, OSError) as error:
        log.debug("job_events.publish_failed", job=job_id, error=str(error))


class JobSubscription:
    """Waits for the events of one job. Without a broker every wait ends by its timeout."""

    def __init__(self, pubsub: PubSub | None) -> None:
        self._pubsub = pubsub

    async def wait(self, timeout: float) -> bool:
        """Wait for an event. Events that came together count as one.

        Args:
            timeout: seconds to wait at most; without a broker at most one second.

        Returns:
            True when the row changed, False after the timeout.
        """
        if self._pubsub is not None:
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout)
                if message is None:
                    return False
                while await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=0):
                    pass
                return True
            except (RedisError, OSError):
                self._pubsub = None
        await asyncio.sleep(min(timeout, 1.0))
        return False


@asynccontextmanager
async def subscribe(settings: Settings, job_id: str) -> AsyncIterator[JobSubscription]:
    """Subscribe to a job. Read the row after this, not before, so that no change is missed in between.

    Args:
        settings: where the broker is.
        job_id: the job.
    """
    client = redis.asyncio.Redis.from_url(redis_url(settings), socket_connect_timeout=BROKER_TIMEOUT_SECONDS)
    pubsub = client.pubsub()
    try:
        try:
            await pubsub.subscribe(_channel(job_id))
            await pubsub.get_message(timeout=BROKER_TIMEOUT_SECONDS)  # the broker confirms the subscription
            subscription = JobSubscription(pubsub)
        except (RedisError, OSError) as error:
            log.warning("job_events.broker_unavailable", job=job_id, error=str(error))
            subscription = JobSubscription(None)
        yield subscription
    finally:
        with suppress(RedisError, OSError):
            await pubsub.aclose()  # type: ignore[no-untyped-call]
        with suppress(RedisError, OSError):
            await client.aclose()

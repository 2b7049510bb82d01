"""Pub/sub over Valkey: an event says that a job's row changed, and carries no data.

The row is the truth. A lost event delays a subscriber by one timeout, after which it reads the row by itself.
"""

import asyncio
from contextlib import suppress
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


class JobChanges:
    """Waits for the events of all jobs over one connection, which is opened again after it was lost.

    Args:
        settings: where the broker is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: redis.asyncio.Redis | None = None
        self._pubsub: PubSub | None = None
        self._is_away = False

    async def wait(self, timeout: float) -> set[str]:
        """Wait for an event.

        Args:
            timeout: seconds to wait at most; without a broker at most one second.

        Returns:
            The ids of the jobs whose rows changed; empty after the timeout.
        """
        try:
            pubsub = self._pubsub or await self._subscribe()
            self._is_away = False
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout)
            changed = set()
            while message is not None:
                changed.add(message["channel"].decode().removeprefix(_channel("")))
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=0)
            return changed
        except (RedisError, OSError) as error:
            if not self._is_away:
                log.warning("job_events.broker_unavailable", error=str(error))
            self._is_away = True
            await self.close()
        await asyncio.sleep(min(timeout, 1.0))
        return set()

    async def _subscribe(self) -> PubSub:
        url = redis_url(self._settings)
        self._client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=BROKER_TIMEOUT_SECONDS)
        self._pubsub = pubsub = self._client.pubsub()
        await pubsub.psubscribe(_channel("*"))
        await pubsub.get_message(timeout=BROKER_TIMEOUT_SECONDS)  # the broker confirms the subscription
        return pubsub

    async def close(self) -> None:
        """Close the connection; the next `wait` opens another."""
        pubsub, client = self._pubsub, self._client
        self._pubsub = self._client = None
        if pubsub is not None:
            with suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
        if client is not None:
            with suppress(RedisError, OSError):
                await client.aclose()

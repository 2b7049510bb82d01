"""News of jobs for those who watch: a hint over Valkey that a row changed. The row is the truth, and a lost hint only
costs the watcher one `timeout` until it looks by itself.
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

PATIENCE = 2.0  # seconds to connect, and for the first answer

log = structlog.get_logger()


def broker_address(settings: Settings) -> str:
    """Celery's broker URL as redis-py writes it."""
    url = settings.broker
    if url.startswith("redis+socket://"):
        return f"unix://{urlsplit(url).path}?db=0"
    return url


def connect_broker(settings: Settings) -> redis.Redis:
    """A connection to the broker for plain commands; use it as a context manager."""
    return redis.Redis.from_url(broker_address(settings), socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)


@cache
def _publisher(settings: Settings) -> redis.Redis:
    return connect_broker(settings)


def _channel(job_id: str) -> str:
    return f"unteachable:job:{job_id}"


def publish(settings: Settings, job_id: str) -> None:
    """Tell the watchers of a job that its row changed; call it after the commit. Never raises for the broker's sake."""
    try:
        _publisher(settings).publish(_channel(job_id), b"")
    except (RedisError, OSError) as error:
        log.debug("feed.failed", job=job_id, error=str(error))


class JobSubscription:
    """Waits for news of one job; without a broker it is a clock that ticks at every timeout."""

    def __init__(self, pubsub: PubSub | None) -> None:
        self._pubsub = pubsub

    async def news(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; True when the row changed, False when only time passed."""
        if self._pubsub is not None:
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout)
                if message is None:
                    return False
                while await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=0):
                    pass  # several hints say no more than one: the row has it all
                return True
            except (RedisError, OSError):
                self._pubsub = None
        await asyncio.sleep(min(timeout, 1.0))
        return False


@asynccontextmanager
async def subscribe(settings: Settings, job_id: str) -> AsyncIterator[JobSubscription]:
    """Watch a job. Subscribe first and read the row then, so that no change falls between the two."""
    client = redis.asyncio.Redis.from_url(broker_address(settings), socket_connect_timeout=PATIENCE)
    pubsub = client.pubsub()
    try:
        try:
            await pubsub.subscribe(_channel(job_id))
            await pubsub.get_message(timeout=PATIENCE)  # the broker's word that it holds from here on
            watch = JobSubscription(pubsub)
        except (RedisError, OSError) as error:
            log.warning("feed.unreachable", job=job_id, error=str(error))
            watch = JobSubscription(None)
        yield watch
    finally:
        with suppress(RedisError, OSError):
            await pubsub.aclose()  # type: ignore[no-untyped-call]
        with suppress(RedisError, OSError):
            await client.aclose()

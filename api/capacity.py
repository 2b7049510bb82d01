"""How many requests use the database at the same time, so that no thread ever waits for a connection.

A request that holds a connection needs a thread for each of its further steps. If threads could wait for a connection,
all of them might, and then no request could finish and give its connection back. So requests wait here, before they
have a connection and without a thread, and the database has a connection for everyone who is let in.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread

from api.problems import busy

READERS = 6  # requests that read; more only compete for the interpreter, above all with the event loop
READERS_OF_SERVER = 16  # the same, of a database server: they wait for the network most of the time
WRITERS = 4  # requests that write; apart from the readers, because SQLite lets one write and the others wait
CALLS = 4  # short transactions of their own, such as authentication
THREADS = 40  # the default of anyio: each thread of a route may open one more transaction
TASKS = 4  # in the background, such as removing expired uploads
CONNECTIONS = READERS_OF_SERVER + WRITERS + CALLS + THREADS + TASKS
WAIT_SECONDS = 10.0  # for a slot; a database that is slower than this is not available

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Capacity:
    """The slots of one app for the work with its database.

    Args:
        embedded: Whether the database is a file that this process reads by itself.
    """

    def __init__(self, *, embedded: bool) -> None:
        self._readers = anyio.Semaphore(READERS if embedded else READERS_OF_SERVER, fast_acquire=True)
        self._writers = anyio.Semaphore(WRITERS, fast_acquire=True)
        self._calls = anyio.CapacityLimiter(CALLS)

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[None]:
        """Hold the slot of a transaction that lasts for several steps of a request.

        Args:
            writes: Whether the transaction may write.

        Raises:
            Problem: 503 where no slot is free within `WAIT_SECONDS`.
        """
        slots = self._writers if writes else self._readers
        await _acquire(slots)
        try:
            yield
        finally:
            slots.release()

    async def call(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call a function in a thread that has a connection of its own for it.

        Args:
            function: Opens and closes a transaction.
            *arguments: Its arguments.

        Returns:
            What the function returns.
        """
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._calls)


async def _acquire(slots: anyio.Semaphore) -> None:
    with anyio.move_on_after(WAIT_SECONDS) as waiting:
        await slots.acquire()
        return
    if waiting.cancelled_caught:
        raise busy("The database is too slow at the moment. Try again in a few seconds.")

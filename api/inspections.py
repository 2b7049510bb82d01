"""Who may inspect an archive, when: slow archives never hold up the others, and no user holds every slot.

An archive is inspected in the quick lane first. If it takes longer than `QUICK_SECONDS` it starts again in the slow
lane. So memory is bounded by the number of slots, and an upload waits for quick ones only.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import structlog

from api.problems import Problem
from core.errors import UploadTooLarge
from core.ingest.inspection_process import InspectionProcess, InspectionStopped, InspectionTimeout
from core.limits import Limits
from store.tally import tally

log = structlog.get_logger(__name__)

QUICK_SECONDS = 2.0
QUICK_BYTES = 64 * 2**20  # a larger archive goes to the slow lane at once
RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Lane:
    """Slots for inspections.

    Attributes:
        slots: How many run at the same time.
        slots_of_one: How many of these one user may hold.
    """

    slots: int
    slots_of_one: int
    _all: asyncio.Semaphore = field(init=False)
    _of_users: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_all", asyncio.Semaphore(self.slots))

    @asynccontextmanager
    async def slot(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it during the block.

        Args:
            user_id: The id of the user whose archive is inspected.
        """
        of_user = self._of_users.setdefault(user_id, asyncio.Semaphore(self.slots_of_one))
        async with of_user, self._all:
            yield


class Inspections:
    """Inspects archives in processes of their own.

    Args:
        seconds: The longest time that one inspection may take.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._quick, self._slow = Lane(3, 2), Lane(3, 2)
        self._threads = anyio.CapacityLimiter(self._quick.slots + self._slow.slots)

    async def inspect(self, path: Path, limits: Limits, *, user_id: str) -> None:
        """Inspect an archive as `core.ingest.inspection.inspect_upload` does.

        Args:
            path: The archive.
            limits: The maximum that it may hold.
            user_id: The id of the user who sent it.

        Raises:
            BadInput: The upload cannot be used as a whole, or takes too much time or memory.
            Problem: 503 if the inspection was ended from outside.
            OSError: The file cannot be read.
        """
        if path.stat().st_size <= QUICK_BYTES:
            async with self._quick.slot(user_id):
                try:
                    return await self._run(InspectionProcess(path, limits), min(QUICK_SECONDS, self._seconds))
                except InspectionTimeout:
                    log.info("upload.slow_inspection", owner=user_id, bytes=path.stat().st_size)
        async with self._slow.slot(user_id):
            try:
                await self._run(InspectionProcess(path, limits, is_slow=True), self._seconds)
            except InspectionTimeout:
                tally.add("sandbox_kills", "too_long")
                raise UploadTooLarge(
                    f"Reading this archive takes more than {self._seconds:,.0f} seconds; send several smaller datasets."
                ) from None

    async def _run(self, process: InspectionProcess, seconds: float) -> None:
        run = partial(process.run, seconds=seconds)
        try:
            await anyio.to_thread.run_sync(run, limiter=self._threads, abandon_on_cancel=True)
        except InspectionStopped:
            raise Problem(
                503,
                "The inspection of this upload was interrupted; try again.",
                kind="interrupted",
                headers={"Retry-After": str(RETRY_SECONDS)},
            ) from None
        finally:
            process.stop()

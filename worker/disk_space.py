"""A full disk delays a job instead of failing it: the attempt ends, and the job runs again once there is space."""

import errno
import shutil
import time
from contextlib import suppress
from pathlib import Path

import structlog

from core.runtime.awake_clock import awake_seconds
from store.settings import Settings
from worker.lease_keeper import LeaseKeeper

DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
MIN_FREE_BYTES = 64 << 20
MAX_WAIT_SECONDS = 600.0
POLL_SECONDS = 0.5

log = structlog.get_logger()


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error says that a disk of this machine is full."""
    return isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS


def wait_for_disk_space(settings: Settings, lease: LeaseKeeper) -> None:
    """Wait until the disks of this machine have some free space again, at most `MAX_WAIT_SECONDS`.

    Args:
        settings: where the data folder and the object store are.
        lease: the lease of the job, which is kept meanwhile. Raises what it raises.
    """
    log.warning("job.waits_for_disk_space")
    began = awake_seconds()
    while awake_seconds() - began < MAX_WAIT_SECONDS:
        lease.check()
        if _free_bytes(settings) >= MIN_FREE_BYTES:
            return
        time.sleep(POLL_SECONDS)


def _free_bytes(settings: Settings) -> int:
    """The least free space among the data folder and an object store on this machine."""
    free = [shutil.disk_usage(settings.home).free]
    if "://" not in settings.store:
        with suppress(OSError):
            free.append(shutil.disk_usage(Path(settings.store)).free)
    return min(free)

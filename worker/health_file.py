"""The health file of a worker: it is touched as long as the worker's child lives; `unteachable health worker` reads it.

It says that this worker works, not that what it needs can be reached: nobody may restart workers, and lose the work of
their jobs, because the database or the broker is away.
"""

import time
from contextlib import suppress
from pathlib import Path

from store.settings import Settings


def health_folder(settings: Settings) -> Path:
    """Return the folder of the health files, one for each queue that has a worker in this data folder."""
    return settings.home / "health"


class HealthFile:
    """The health file of this process.

    Args:
        settings: where the data folder is.
        queue: the queue that this worker serves.
    """

    def __init__(self, settings: Settings, queue: str) -> None:
        self._path = health_folder(settings) / queue
        self._lease_seconds = settings.lease_seconds

    def touch(self) -> None:
        """Say that this worker works. A full disk is no reason to say nothing: the file exists by then."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()

    def is_fresh(self) -> bool:
        """Whether this worker has said so within the time of a lease."""
        age = _age_seconds(self._path)
        return age is not None and age <= self._lease_seconds

    def remove(self) -> None:
        """Say that this worker has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def worker_fault(settings: Settings) -> str | None:
    """Return what is wrong with the workers of this data folder; None if they work.

    Args:
        settings: where the data folder is. A worker that was silent for longer than `lease_seconds` hangs.
    """
    ages = {path.name: age for path in health_folder(settings).glob("*") if (age := _age_seconds(path)) is not None}
    if not ages:
        return "no worker has said that it works"
    silent = [f"{queue} for {age:.0f} s" for queue, age in sorted(ages.items()) if age > settings.lease_seconds]
    return f"silent is the worker of the queue {', '.join(silent)}" if silent else None


def _age_seconds(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None

"""What every worker process holds: the settings, the database and the files, opened once."""

from dataclasses import dataclass
from functools import cache

from core.errors import BadInput
from store.database import Database, open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings, get_settings


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The outside world, as a worker sees it."""

    settings: Settings
    database: Database
    files: ObjectStore


def open_service(settings: Settings) -> WorkerContext:
    """Connect to the database and the store. Raises StoreError where the store cannot be made."""
    return WorkerContext(settings=settings, database=open_database(settings), files=open_object_store(settings))


class BadSetting(Exception):
    """A setting asks for what this machine does not have; it says which, and what there is."""


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """Where the recipes compute.

    Attributes:
        name: cpu, cuda or cuda:N; None for a GPU if there is one.
        cores: The number of CPU cores; None for all.
    """

    name: str | None
    cores: int | None


def compute_device(settings: Settings) -> ComputeDevice:
    """The device of the settings. Raises BadSetting for one that this machine does not have."""
    from core.runtime.device import Device

    name = settings.device or None
    try:
        Device(name)
    except BadInput as error:
        raise BadSetting(f"UNTEACHABLE_DEVICE: {error.reason}") from None
    return ComputeDevice(name=name, cores=settings.threads or None)


@cache
def this_service() -> WorkerContext:
    """The service of this process; a child opens its own, for connections do not cross a fork."""
    return open_service(get_settings())

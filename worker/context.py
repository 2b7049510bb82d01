"""What a worker process opens once: the settings, the database and the object store."""

from dataclasses import dataclass
from functools import cache

from core.errors import BadInput
from store.database import Database, open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings, get_settings

CONNECTIONS = 8  # to the database, of one process: two for each of its threads that use it


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The services that every job of this process uses."""

    settings: Settings
    database: Database
    files: ObjectStore


def open_worker_context(settings: Settings) -> WorkerContext:
    """Connect to the database and the object store. Raises StoreError where the object store cannot be created."""
    return WorkerContext(
        settings=settings, database=open_database(settings, connections=CONNECTIONS), files=open_object_store(settings)
    )


@cache
def process_context() -> WorkerContext:
    """Return the context of this process. Each process opens its own: connections must not cross a fork."""
    return open_worker_context(get_settings())


class InvalidSetting(Exception):
    """A setting names something that this machine does not have. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeDevice:
    """Where the recipes compute.

    Attributes:
        name: cpu, cuda or cuda:N; None for a GPU if there is one.
        cores: the number of CPU cores; None for all.
    """

    name: str | None
    cores: int | None


def compute_device(settings: Settings) -> ComputeDevice:
    """Return the device and cores of the settings. Imports torch to check the device.

    Raises:
        InvalidSetting: the machine has no such device.
    """
    from core.runtime.device import Device

    name = settings.device or None
    try:
        Device(name)
    except BadInput as error:
        raise InvalidSetting(f"UNTEACHABLE_DEVICE: {error.reason}") from None
    return ComputeDevice(name=name, cores=settings.threads or None)

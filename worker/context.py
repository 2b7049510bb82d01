"""What every worker process holds: the settings, the database and the files, opened once."""

from dataclasses import dataclass
from functools import cache
from typing import Any

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


def computer(settings: Settings) -> dict[str, Any]:
    """Where the science computes: `device` and `cores`, as its recipes take them. Raises BadSetting."""
    from core.runtime.device import Device

    name = settings.device or None
    try:
        Device(name)
    except BadInput as error:
        raise BadSetting(f"UNTEACHABLE_DEVICE: {error.reason}") from None
    return {"device": name, "cores": settings.threads or None}


@cache
def this_service() -> WorkerContext:
    """The service of this process; a child opens its own, for connections do not cross a fork."""
    return open_service(get_settings())

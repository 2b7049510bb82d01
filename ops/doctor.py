"""Checking everything the service needs, one finding a thing."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text

from store import migrate, task_queue
from store.database import open_database
from store.object_store import open_object_store
from store.settings import Settings, get_settings
from store.signing_keys import secret_keys

ENOUGH_BYTES = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is."""

    name: str
    is_well: bool
    text: str


def run_checks() -> list[Finding]:
    """Look at everything; whatever a look raises is its finding."""
    settings = get_settings()
    looks: dict[str, Callable[[Settings], str]] = {
        "python": lambda _: sys.version.split()[0],
        "data folder": _folder,
        "database": _database,
        "store": _store,
        "keys": lambda s: f"{len(secret_keys(s))} signing key(s)",
        "broker": _broker,
        "science": _science,
    }
    return [_look(name, look, settings) for name, look in looks.items()]


def _look(name: str, look: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(name, True, look(settings))
    except Exception as error:
        return Finding(name, False, str(error).splitlines()[0] if str(error) else type(error).__name__)


def _folder(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    if free < ENOUGH_BYTES:
        raise OSError(f"only {free / 2**30:.1f} GiB are free in {settings.home}")
    return f"{settings.home}, {free / 2**30:.0f} GiB free"


def _database(settings: Settings) -> str:
    database = open_database(settings)
    try:
        with database.read() as session:
            session.execute(text("SELECT 1"))
        at, wanted = migrate.current_revision(database), migrate.head_revision()
    finally:
        database.dispose()
    if at != wanted:
        raise RuntimeError(f"is at revision {at or 'nothing'}, not {wanted}: run `unteachable migrate`")
    return f"{database.engine.dialect.name}, revision {at}"


def _store(settings: Settings) -> str:
    open_object_store(settings).probe()
    return f"{settings.store} can be written and read"


def _broker(settings: Settings) -> str:
    if task_queue.is_broker_reachable(settings):
        return "answers"
    if not settings.broker_url:
        return "not running; `unteachable up` starts it"
    raise ConnectionError(f"{settings.broker_url.rsplit('@', 1)[-1]} does not answer")


def _science(settings: Settings) -> str:
    import torch

    from core.runtime.device import Device
    from worker.context import compute_device

    device = compute_device(settings)
    return f"torch {torch.__version__} on {Device(device.name, cores=device.cores).label}"

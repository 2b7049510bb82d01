"""`unteachable doctor`: checks what a process of one role needs, all at the same time."""

import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ops.data_dir import require_data_dir
from ops.preflight import PATIENCE, refusal_of
from store import deployment, maintenance_mode, migrate, task_queue
from store.database import open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings, get_settings
from store.signing_keys import secret_keys

MIN_FREE_BYTES = 5 * 2**30
CONNECT_SECONDS = 2
ROLES = ("api", "worker", "all")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        name: what was checked.
        is_ok: whether it works.
        text: what was found, or what is wrong.
    """

    name: str
    is_ok: bool
    text: str


def run_checks(role: str = "all") -> list[CheckResult]:
    """Run the checks of a role. A check that raises has failed; the first line of its error is the text.

    Args:
        role: one of `ROLES`. The API needs no torch, and a worker no signing keys.
    """
    settings = get_settings()
    shared: dict[str, Callable[[Settings], str]] = {
        "python": lambda _: sys.version.split()[0],
        "data folder": _check_data_folder,
        "database": _check_database,
        "object store": _check_object_store,
        "broker": _check_broker,
    }
    of_role: dict[str, dict[str, Callable[[Settings], str]]] = {
        "api": {
            "address": _check_address,
            "signing keys": lambda settings: f"{len(secret_keys(settings))} found",
        },
        "worker": {
            "sandbox": _check_sandbox,
            "reference images": _check_reference_images,
            "torch": _check_torch,
        },
    }
    checks = dict(shared)
    for name in of_role if role == "all" else (role,):
        checks |= of_role[name]
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(lambda name: _run(name, checks[name], settings), checks))


def _run(name: str, check: Callable[[Settings], str], settings: Settings) -> CheckResult:
    try:
        return CheckResult(name, True, check(settings))
    except Exception as error:
        return CheckResult(name, False, str(error).splitlines()[0] if str(error) else type(error).__name__)


def _check_address(settings: Settings) -> str:
    address = settings.service_address
    if address.answers_only_here:
        return f"{settings.address}, for this machine only: UNTEACHABLE_PUBLIC_URL names no address for others"
    return f"{settings.address}, as {', '.join(sorted(address.hosts))}"


def _check_data_folder(settings: Settings) -> str:
    require_data_dir(settings.home)
    free = shutil.disk_usage(settings.home).free
    if free < MIN_FREE_BYTES:
        raise OSError(f"{settings.home} has only {free / 2**30:.1f} GiB free; {MIN_FREE_BYTES / 2**30:.0f} are needed")
    return f"{settings.home}, {free / 2**30:.0f} GiB free"


def _check_database(settings: Settings) -> str:
    database = open_database(settings, connections=1, connect_seconds=CONNECT_SECONDS)
    maintenance = ""
    try:
        fault, current = migrate.schema_fault(database), migrate.current_revision(database)
        if fault is None:
            with database.read() as session:
                state = maintenance_mode.current(session)
            maintenance = "" if state is None else f"; in maintenance until {state.until:%H:%M:%S} UTC: {state.reason}"
    except SQLAlchemyError as error:
        text = str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
        raise ConnectionError(f"UNTEACHABLE_DATABASE_URL: {refusal_of(error) or text}") from None
    finally:
        database.dispose()
    if fault is not None:
        raise RuntimeError(fault)
    return f"{database.engine.dialect.name}, revision {current}{maintenance}"


def _check_object_store(settings: Settings) -> str:
    files = open_object_store(settings, PATIENCE)
    files.probe()
    return f"{settings.store} can be written and read{_cleanup_hint(settings, files)}"


def _cleanup_hint(settings: Settings, files: ObjectStore) -> str:
    """Why files without a use stay, which is no fault; empty where they go, or where the database cannot be asked."""
    database = open_database(settings, connections=1, connect_seconds=CONNECT_SECONDS)
    try:
        reason = deployment.ownership(settings, database, files).reason
    except SQLAlchemyError:
        return ""
    finally:
        database.dispose()
    return "" if reason is None else f"; files without a use stay in it: {reason}"


def _check_broker(settings: Settings) -> str:
    fault = task_queue.broker_fault(settings)
    if fault is None:
        return "answers"
    if not settings.broker_url:
        return "not running; `unteachable up` starts it"
    raise ConnectionError(f"UNTEACHABLE_BROKER_URL: {settings.broker_url.rsplit('@', 1)[-1]} {fault}")


def _check_sandbox(settings: Settings) -> str:
    from core.imaging.sandbox_process import measure_isolation
    from worker.fetch_upload import upload_limits

    return str(measure_isolation(upload_limits(settings)))


def _check_reference_images(settings: Settings) -> str:
    if not settings.reference_images:
        return "none set; albums join other datasets of their owner"
    if not Path(settings.reference_images).exists():
        raise ValueError(f"UNTEACHABLE_REFERENCE_IMAGES: there is no {settings.reference_images} on this machine")
    return settings.reference_images


def _check_torch(settings: Settings) -> str:
    import torch

    from core.runtime.device import Device
    from worker.context import compute_device

    device = compute_device(settings)
    return f"version {torch.__version__} on {Device(device.name, cores=device.cores).label}"

"""`unteachable doctor`: checks everything that the service needs."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text

from core.imaging.sandbox_process import measure_isolation
from ops.data_dir import require_data_dir
from store import migrate, task_queue
from store.database import open_database
from store.object_store import open_object_store
from store.settings import Settings, get_settings
from store.signing_keys import secret_keys
from worker.fetch_upload import upload_limits

MIN_FREE_BYTES = 5 * 2**30


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


def run_checks() -> list[CheckResult]:
    """Run all checks. A check that raises has failed; the first line of its error is the text."""
    settings = get_settings()
    checks: dict[str, Callable[[Settings], str]] = {
        "python": lambda _: sys.version.split()[0],
        "address": _check_address,
        "data folder": _check_data_folder,
        "database": _check_database,
        "object store": _check_object_store,
        "signing keys": lambda settings: f"{len(secret_keys(settings))} found",
        "broker": _check_broker,
        "sandbox": _check_sandbox,
        "torch": _check_torch,
    }
    return [_run(name, check, settings) for name, check in checks.items()]


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
    database = open_database(settings)
    try:
        with database.read() as session:
            session.execute(text("SELECT 1"))
        current, head = migrate.current_revision(database), migrate.head_revision()
    finally:
        database.dispose()
    if current is None:
        raise RuntimeError("has no tables yet: run `unteachable migrate`")
    if current != head:
        raise RuntimeError(f"is at revision {current}, but this version needs {head}: run `unteachable migrate`")
    return f"{database.engine.dialect.name}, revision {current}"


def _check_object_store(settings: Settings) -> str:
    open_object_store(settings).probe()
    return f"{settings.store} can be written and read"


def _check_broker(settings: Settings) -> str:
    if task_queue.is_broker_reachable(settings):
        return "answers"
    if not settings.broker_url:
        return "not running; `unteachable up` starts it"
    raise ConnectionError(f"{settings.broker_url.rsplit('@', 1)[-1]} does not answer")


def _check_sandbox(settings: Settings) -> str:
    return str(measure_isolation(upload_limits(settings)))


def _check_torch(settings: Settings) -> str:
    import torch

    from core.runtime.device import Device
    from worker.context import compute_device

    device = compute_device(settings)
    return f"version {torch.__version__} on {Device(device.name, cores=device.cores).label}"

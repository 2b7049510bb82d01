"""What must hold before a process of the service starts: settings that cannot work end it with one line.

A server that does not answer is no reason to end: it may start later than this process, and the process waits for it.
"""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store import migrate, task_queue
from store.database import open_database
from store.object_store import open_object_store
from store.s3 import S3Patience
from store.settings import Settings
from store.store_errors import StoreError, StoreUnavailable

CONNECT_SECONDS = 3
PATIENCE = S3Patience(connect_seconds=2, silent_seconds=3, request_seconds=3, retry_seconds=2, retries=1)
# As PostgreSQL words what no later try mends. It sends no code before a connection is made.
REFUSALS = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "no password",
)

log = structlog.get_logger()


class UnusableSetting(Exception):
    """A setting names something that cannot work. The message is one line for the operator, and names the setting."""


def require_usable_services(settings: Settings) -> None:
    """Look at the database, the broker and the object store once.

    Args:
        settings: where they are.

    Raises:
        UnusableSetting: one of them refuses what the settings say, or the database is not migrated.
    """
    _require_database(settings)
    if task_queue.broker_fault(settings) == task_queue.WRONG_PASSWORD:
        raise UnusableSetting(f"UNTEACHABLE_BROKER_URL: the broker {task_queue.WRONG_PASSWORD} that it names")
    try:
        open_object_store(settings, PATIENCE).exists("owner")
    except StoreUnavailable as error:
        log.warning("preflight.store_unavailable", error=str(error))
    except StoreError as error:
        raise UnusableSetting(f"UNTEACHABLE_STORE_URL: {error}") from None


def _require_database(settings: Settings) -> None:
    database = open_database(settings, connections=1, connect_seconds=CONNECT_SECONDS)
    try:
        fault = migrate.schema_fault(database)
    except SQLAlchemyError as error:
        reason = refusal_of(error)
        if reason is not None:
            raise UnusableSetting(f"UNTEACHABLE_DATABASE_URL: {reason}") from None
        log.warning("preflight.database_unavailable", error=_first_line(error))
        return
    finally:
        database.dispose()
    if fault is not None:
        raise UnusableSetting(f"UNTEACHABLE_DATABASE_URL: the database {fault}")


def refusal_of(error: SQLAlchemyError) -> str | None:
    """Return why a database server refuses a connection for good; None for an error that may pass.

    Args:
        error: what the connection raised.
    """
    text = _first_line(error)
    if not any(words in text for words in REFUSALS):
        return None
    return text.rsplit("FATAL:", 1)[-1].strip()


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]

"""Deleting rows together with their files, also where the disk is so full that no row can be written."""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.context import AppContext
from store.disk import is_disk_full

log = structlog.get_logger(__name__)


def delete_with_files(context: AppContext, delete_rows: Callable[[Session], None], prefix: str) -> None:
    """Delete rows in a transaction of their own, and then the files that belong to them.

    Where the disk has no room for the transaction, the files go first. A worker's garbage collection removes files
    later that the object store cannot delete now.

    Args:
        context: The application context.
        delete_rows: Deletes the rows; raises, with nothing changed, if they must stay.
        prefix: The common prefix of the files' keys.

    Raises:
        Problem: What `delete_rows` raises.
    """
    may_delete = False
    try:
        with context.db.write.begin() as session:
            delete_rows(session)
            may_delete = True
    except OperationalError as error:
        if not (may_delete and is_disk_full(error)):
            raise
        context.files.delete_prefix(prefix)
        with context.db.write.begin() as session:
            delete_rows(session)
    try:
        context.files.delete_prefix(prefix)
    except OSError as error:
        log.warning("files.delete_failed", prefix=prefix, error=str(error))

"""Deleting rows together with their files, also where the disk is so full that no row can be written."""

from collections.abc import Callable

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.context import AppContext
from store import deletions
from store.disk import is_database_disk_full


def delete_with_files(context: AppContext, delete_rows: Callable[[Session], None], prefix: str) -> None:
    """Delete rows in a transaction of their own, and then the files that belong to them.

    Where the disk has no room for the transaction, the files go first. A worker deletes files later that the object
    store cannot delete now: the deletion is noted in the same transaction (`store.deletions`).

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
            deletions.note(session, prefix, deletions.REQUESTED)
    except OperationalError as error:
        if not (may_delete and is_database_disk_full(error)):
            raise
        context.files.delete_prefix(prefix)
        with context.db.write.begin() as session:
            delete_rows(session)
    deletions.carry_out(context.db, context.files, prefix)

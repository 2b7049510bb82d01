"""Deletions: which files had to go with which row, and since when it is proven that none of them is left.

The note is written in the transaction that deletes the row. A process that dies before the files are gone leaves a note
that is not proven, and maintenance tries again. So a deletion never ends in quarantine.
"""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from store import maintenance_mode
from store import models as m
from store.clock import now
from store.database import Database
from store.object_store import ObjectStore
from store.quarantine import quarantined

REQUESTED, EXPIRED, ASSEMBLED = "requested", "expired", "assembled"
KEPT = timedelta(days=365)  # for which the notes of proven deletions stay

log = structlog.get_logger()


def note(session: Session, prefix: str, reason: str) -> None:
    """Note that the objects under a prefix must go, in the transaction that deletes their row.

    Args:
        session: the caller's transaction.
        prefix: a whole folder name.
        reason: `REQUESTED` by a user, `EXPIRED`, or `ASSEMBLED`: parts of an upload that is a dataset now.
    """
    session.add(m.Deletion(prefix=prefix, reason=reason))


def carry_out(database: Database, files: ObjectStore, prefix: str) -> bool:
    """Delete the objects under a prefix, look that none is left, and note it. Call it after the commit.

    Args:
        database: where the note is.
        files: the object store.
        prefix: a whole folder name.

    Returns:
        False where that failed, or a backup needs the objects, which is logged; maintenance tries again.
    """
    try:
        if maintenance_mode.keeps_files(database):
            log.info("deletion.waits_for_backup", prefix=prefix)
            return False
        left = 0
        for folder in (prefix, quarantined(prefix)):
            files.delete_prefix(folder)
            left += len(files.list(folder))
        if left:
            log.warning("deletion.incomplete", prefix=prefix, objects=left)
            return False
        with database.write.begin() as session:
            for row in session.scalars(select(m.Deletion).where(m.Deletion.prefix == prefix)):
                row.proven_at = now(session)
    except (OSError, SQLAlchemyError) as error:
        log.warning("files.delete_failed", prefix=prefix, error=str(error).splitlines()[0])
        return False
    log.info("deletion.proven", prefix=prefix)
    return True


def carry_out_open(database: Database, files: ObjectStore) -> list[str]:
    """Carry out the deletions that are not proven; return the prefixes that are now.

    Args:
        database: where the notes are.
        files: the object store.
    """
    with database.read() as session:
        prefixes = list(session.scalars(select(m.Deletion.prefix).where(m.Deletion.proven_at.is_(None)).distinct()))
    done = [prefix for prefix in prefixes if carry_out(database, files, prefix)]
    with database.write.begin() as session:
        session.execute(delete(m.Deletion).where(m.Deletion.proven_at < now(session) - KEPT))
    return done

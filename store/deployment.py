"""Which deployment an object store belongs to, and whether this database may remove what it does not know there.

A cloned or restored database does not know what was stored since. So the database and the store both hold the id of the
deployment and a mark that changes with each round of cleaning up: a database that is older than the store has an old
mark. The database also notes where it is: a clone elsewhere has the right mark until the first round. Where something
differs, nothing is removed until an operator says `unteachable adopt-store`.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from store import models as m
from store.clock import now
from store.database import Database
from store.object_store import ObjectStore
from store.settings import Settings

MARKER_KEY = "deployment.json"
LEGACY_OWNER_KEY = "owner"  # in which earlier versions noted the first user of the database
ROOTS = ("datasets", "jobs", "generators", "uploads")
ADOPT = "run `unteachable adopt-store` if this database is the right one"


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whether this database may remove objects that it does not know.

    Attributes:
        deployment_id: the id of this deployment; None before its first migration.
        reason: why it may not, for operators; None where it may.
    """

    deployment_id: str | None
    reason: str | None

    @property
    def is_confirmed(self) -> bool:
        """Whether it may."""
        return self.reason is None


def ownership(settings: Settings, database: Database, files: ObjectStore) -> Ownership:
    """Compare the database with the store; changes nothing.

    Args:
        settings: where both are.
        database: the database.
        files: the object store. Raises StoreError if it cannot be read.
    """
    with database.read() as session:
        row = session.scalar(select(m.Deployment))
        place = _place(settings, session)
    if row is None or row.adopted_at is None:
        return Ownership(row and row.id, f"this database has not adopted the object store: {ADOPT}")
    if row.place != place:
        return Ownership(row.id, f"this database was copied, moved or failed over since it adopted the store: {ADOPT}")
    marker = _marker(files)
    if marker is None:
        return Ownership(row.id, f"the object store has no mark of a deployment; it may be another one: {ADOPT}")
    if marker.get("deployment") != row.id:
        return Ownership(row.id, f"the object store belongs to another deployment, {marker.get('deployment')}: {ADOPT}")
    if marker.get("mark") not in (row.mark, row.next_mark):
        return Ownership(row.id, f"this database is older than the object store, as after a restore: {ADOPT}")
    return Ownership(row.id, None)


def renew_mark(database: Database, files: ObjectStore) -> None:
    """Change the mark in the database and the store. A process that is killed in between leaves both valid.

    Args:
        database: the database, which owns the store.
        files: the object store.
    """
    mark = secrets.token_hex(8)
    with database.write.begin() as session:
        row = session.scalars(select(m.Deployment)).one()
        row.next_mark, id_ = mark, row.id
    files.write(MARKER_KEY, json.dumps({"deployment": id_, "mark": mark}).encode())
    with database.write.begin() as session:
        row = session.scalars(select(m.Deployment)).one()
        row.mark, row.next_mark = mark, None


def adopt(settings: Settings, database: Database, files: ObjectStore) -> str:
    """Let this database own the store, from wherever it is now; return the id of the deployment.

    A restored or cloned database gets a new id, so that another database with the former id loses the store.

    Args:
        settings: where both are.
        database: the database.
        files: the object store.
    """
    with database.write.begin() as session:
        for earlier in session.scalars(select(m.Deployment)).all():
            session.delete(earlier)
        session.flush()
        moment = now(session)
        row = m.Deployment(id=m.new_id(), mark="", place=_place(settings, session), adopted_at=moment)
        session.add(row)
    renew_mark(database, files)
    return row.id


def adopt_if_new(settings: Settings, database: Database, files: ObjectStore) -> Ownership:
    """Adopt a store that surely belongs to this database: an empty one, or on one machine that of an earlier version.

    Args:
        settings: where both are.
        database: the migrated database.
        files: the object store.
    """
    found = ownership(settings, database, files)
    if found.is_confirmed or found.deployment_id is not None or _marker(files) is not None:
        return found
    try:
        legacy = files.load(LEGACY_OWNER_KEY).decode(errors="replace")
    except FileNotFoundError:
        is_ours = not any(files.folders(root) for root in ("datasets", "jobs"))
    else:
        with database.read() as session:
            first = session.scalar(select(m.User.id).order_by(m.User.created_at).limit(1))
        is_ours = settings.is_single_machine and first == legacy
    if is_ours:
        adopt(settings, database, files)
    return ownership(settings, database, files)


def _marker(files: ObjectStore) -> dict[str, str] | None:
    try:
        content = json.loads(files.load(MARKER_KEY))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _place(settings: Settings, session: Session) -> str:
    """Where the database is: a copy of it elsewhere, or one after a failover, has another place."""
    if session.get_bind().dialect.name == "postgresql":
        known = "has_function_privilege('pg_control_system()', 'execute')"
        cluster = f"CASE WHEN {known} THEN (SELECT system_identifier FROM pg_control_system())::text END"
        timeline = f"CASE WHEN {known} THEN (SELECT timeline_id FROM pg_control_checkpoint())::text END"
        database = "(SELECT oid FROM pg_database WHERE datname = current_database())"
        row = session.execute(text(f"SELECT {cluster}, {timeline}, {database}, current_database()")).one()
        return "postgresql:" + ":".join(str(value) for value in row)
    path = session.get_bind().engine.url.database
    if settings.s3_location is None and Path(settings.store).is_relative_to(settings.home):
        return "beside the files"  # whoever copies the data folder has a copy of both
    return f"sqlite:{Path(path).stat().st_ino}" if path else "memory"

"""`unteachable backup`: one file with the database, the signing keys, and every object that the database names.

The database is copied first, the objects afterwards. Objects are stored before a row names them and never change, so
only a deletion could take one away. The maintenance mode holds deletions back until the backup is complete.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from core.portable_names import content_disposition
from core.version import VERSION
from ops.backup_file import (
    DATABASE_FOLDER,
    OBJECTS_FOLDER,
    SECRET_KEYS,
    BackupRefused,
    BackupWriter,
    Manifest,
    new_backup,
)
from ops.database_copy import copied_columns, copy_database
from store import datasets, migrate
from store import models as m
from store.clock import utc_now
from store.database import Database
from store.maintenance_mode import NOTICE_SECONDS, MaintenanceMode
from store.object_store import ObjectStore
from store.settings import Settings
from store.signing_keys import secret_keys
from store.store_errors import StoreError
from worker.context import WorkerContext, open_worker_context
from worker.garbage_collector import named_prefixes

# Folders of the store, and the rows that they belong to. Parts of unfinished uploads are left out.
ROOTS = {"datasets": m.Dataset.id, "jobs": m.Job.id, "generators": m.Generator.id}
KEY_COLUMNS: tuple[Any, ...] = (
    m.Dataset.file_key,
    m.Generator.file_key,
    m.Job.archive_key,
    m.Job.report_key,
    m.Job.page_key,
)
REASON = "a backup"
FETCH_TRIES = 3  # of an object that is replaced while it is read, such as a checkpoint

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSummary:
    """What was backed up.

    Attributes:
        path: the backup.
        size: its bytes.
        revision: the revision of the database.
        objects: how many objects of the store.
        missing: the objects that the database names and the store does not have.
    """

    path: Path
    size: int
    revision: str
    objects: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObjects:
    """What a database says of the object store.

    Attributes:
        folders: the folder of each row, with the prefixes of its objects that are in use.
        required: the keys that stand in a row.
        dispositions: as what browsers save the archives, by key.
        deployment_id: the id of the deployment.
    """

    folders: dict[str, tuple[str, ...]]
    required: frozenset[str]
    dispositions: dict[str, str]
    deployment_id: str | None


def make_backup(settings: Settings, path: Path, *, refuses_writes: bool = False) -> BackupSummary:
    """Make a backup; the service may run meanwhile.

    Args:
        settings: where the database, the keys and the store are.
        path: the new file.
        refuses_writes: whether the API refuses writes, and workers begin no job, until the backup is complete.

    Raises:
        BackupRefused: the database has not the schema of this version, or the file cannot be made.
        AlreadyInMaintenance: another backup runs.
        MaintenanceLost: objects may have been deleted before they were copied.
        StoreError: the object store cannot be read.
    """
    context = open_worker_context(settings)
    try:
        _require_current_schema(context.database)
        with new_backup(path) as writer:
            with MaintenanceMode(context.database, reason=REASON, refuses_writes=refuses_writes) as mode:
                if refuses_writes:
                    time.sleep(2 * NOTICE_SECONDS)  # what an API accepted before it noticed is in the backup
                manifest = _write(context, writer, mode)
            writer.finish(manifest)
    finally:
        context.database.dispose()
    objects = sum(member.name.startswith(f"{OBJECTS_FOLDER}/") for member in manifest.members)
    size = path.stat().st_size
    log.info("backup.made", path=str(path), bytes=size, objects=objects, missing=len(manifest.missing))
    return BackupSummary(path=path, size=size, revision=manifest.revision, objects=objects, missing=manifest.missing)


def _require_current_schema(database: Database) -> None:
    current, head = migrate.current_revision(database), migrate.head_revision()
    if current != head:
        raise BackupRefused(
            f"the database is at revision {current or 'none'}, but this version backs up {head}: use the version of "
            "the service that runs"
        )


def _write(context: WorkerContext, writer: BackupWriter, mode: MaintenanceMode) -> Manifest:
    """Write all members but the manifest, which is returned."""
    began = utc_now()
    folder = writer.folder / DATABASE_FOLDER
    folder.mkdir()
    files, named = copy_database(context.database, folder, lambda copy: _named_objects(context, copy))
    for file in files:
        writer.add(f"{DATABASE_FOLDER}/{file.name}", file)
        file.unlink()
    writer.add_bytes(SECRET_KEYS, "".join(f"{key}\n" for key in secret_keys(context.settings)).encode())
    found = set()
    for key in _keys(context.files, named):
        if _add_object(context.files, writer, key, named.dispositions.get(key)):
            found.add(key)
    mode.check()
    return Manifest(
        version=VERSION,
        revision=migrate.head_revision(),
        database=context.database.engine.dialect.name,
        columns={} if context.database.is_embedded else copied_columns(),
        deployment_id=named.deployment_id,
        made_at=began.isoformat(timespec="seconds"),
        missing=tuple(sorted(named.required - found)),
        members=tuple(writer.members),
    )


def _named_objects(context: WorkerContext, copy: Database) -> NamedObjects:
    there = WorkerContext(settings=context.settings, database=copy, files=context.files)
    folders: dict[str, tuple[str, ...]] = {}
    for root, column in ROOTS.items():
        with copy.read() as session:
            ids = list(session.scalars(select(column)))
        for id_, prefixes in named_prefixes(there, root, ids).items():
            if prefixes:
                folders[f"{root}/{id_}"] = prefixes
    required: set[str] = set()
    with copy.read() as session:
        for named in KEY_COLUMNS:
            required.update(session.scalars(select(named).where(named.is_not(None))))
        archives = select(m.Job.archive_key, m.Dataset).select_from(m.Job)
        archives = archives.outerjoin(m.Dataset, m.Dataset.id == m.Job.dataset_id)
        dispositions = {
            str(key): content_disposition(datasets.archive_filename(dataset))
            for key, dataset in session.execute(archives.where(m.Job.archive_key.is_not(None)))
        }
        deployment_id = session.scalar(select(m.Deployment.id))
    return NamedObjects(
        folders=folders, required=frozenset(required), dispositions=dispositions, deployment_id=deployment_id
    )


def _keys(files: ObjectStore, named: NamedObjects) -> Iterator[str]:
    """The objects in use, folder by folder: a store may have more than fit into memory."""
    for folder, prefixes in named.folders.items():
        yield from (key for key in files.list(folder) if key.startswith(prefixes))


def _add_object(files: ObjectStore, writer: BackupWriter, key: str, disposition: str | None) -> bool:
    """Copy an object. False where it is gone, such as a checkpoint of a job that has ended."""
    path = writer.folder / "object"
    for attempt in range(1, FETCH_TRIES + 1):
        path.unlink(missing_ok=True)  # it may be a link to a stored object, which must not be written
        try:
            files.fetch(key, path)
            break
        except FileNotFoundError:
            return False
        except StoreError:
            if attempt == FETCH_TRIES:
                raise
    writer.add(f"{OBJECTS_FOLDER}/{key}", path, disposition=disposition)
    path.unlink()
    return True

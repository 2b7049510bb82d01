"""`unteachable restore`: a backup takes the place of the database, the keys and the objects of a service.

Everything that can be refused is refused before anything changes. Then the objects are stored, and afterwards the
database is exchanged in one step. Objects of the place before stay; cleaning up sets them aside later, as unknown ones.
"""

import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.version import VERSION
from ops.adopt_store import StoreAdoption
from ops.backup_file import DATABASE_FOLDER, OBJECTS_FOLDER, SECRET_KEYS, BackupRefused, Manifest, sync_folder
from ops.backup_reader import BackupReader
from ops.database_restore import database_contents, prepared_database, require_unused
from ops.instance_lock import DataDirLock
from store import generators, migrate
from store.database import open_database
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from store.stored_objects import Download

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSummary:
    """What was restored.

    Attributes:
        manifest: what the backup held.
        revision: the revision of the database now.
        objects: how many objects were stored.
        deployment_id: the new id of the deployment.
        other_keys: whether the settings have signing keys of their own, and not all of those in the backup.
    """

    manifest: Manifest
    revision: str
    objects: int
    deployment_id: str
    other_keys: bool


def restore_backup(settings: Settings, path: Path, *, replace: bool = False) -> RestoreSummary:
    """Restore a backup; no process of the service may run.

    Args:
        settings: where the database, the keys and the store are.
        path: the backup.
        replace: whether it may take the place of a database, keys and objects that are there.

    Raises:
        BackupRefused: the backup is damaged or does not fit, or the place is not empty or in use; nothing was changed.
        AlreadyInUse: a service runs with this data folder; nothing was changed.
        StoreError: the object store cannot be written.
    """
    with BackupReader(path) as backup, DataDirLock(settings.home):
        _require_fitting(settings, backup)
        files = open_object_store(settings)
        contents = _contents(settings, files, backup)
        if contents and not replace:
            raise BackupRefused(
                f"this place is not empty ({'; '.join(contents)}): restore into an empty data folder, database and "
                "store, or replace what is here by --replace"
            )
        require_unused(settings)
        backup.verify()
        files.probe()
        objects = _put_into_place(settings, files, backup)
        deployment_id = _adopt(settings, files)
        other_keys = not set(_keys_of(backup)) <= set(settings.configured_keys) if settings.configured_keys else False
        log.info("restore.done", path=str(path), objects=objects, deployment=deployment_id)
        return RestoreSummary(
            manifest=backup.manifest,
            revision=migrate.head_revision(),
            objects=objects,
            deployment_id=deployment_id,
            other_keys=other_keys,
        )


def _require_fitting(settings: Settings, backup: BackupReader) -> None:
    manifest = backup.manifest
    if _numbers(manifest.version) > _numbers(VERSION) or manifest.revision not in migrate.known_revisions():
        raise BackupRefused(
            f"{backup.path} was made by version {manifest.version} (database revision {manifest.revision}), which is "
            f"newer than this one, {VERSION} ({migrate.head_revision()}): update this one first"
        )
    here = "sqlite" if settings.database.startswith("sqlite") else "postgresql"
    if manifest.database != here:
        raise BackupRefused(
            f"{backup.path} holds a database of {manifest.database}, but UNTEACHABLE_DATABASE_URL names one of {here}: "
            f"name one of {manifest.database}"
        )


def _contents(settings: Settings, files: ObjectStore, backup: BackupReader) -> list[str]:
    """What is in this place already, for operators."""
    found = []
    if (rows := database_contents(settings)) is not None:
        found.append(f"the database has {rows}")
    if roots := [root for root in ("datasets", "jobs", "uploads") if files.folders(root)]:
        found.append(f"the object store has {', '.join(roots)}")
    keys = settings.home / SECRET_KEYS
    if not settings.configured_keys and keys.exists() and keys.read_bytes() != backup.load(SECRET_KEYS):
        found.append(f"{keys} has other keys")
    return found


def _put_into_place(settings: Settings, files: ObjectStore, backup: BackupReader) -> int:
    with tempfile.TemporaryDirectory(prefix="restoring-", dir=settings.home) as name:
        folder = Path(name)
        for member in backup.under(DATABASE_FOLDER):
            backup.extract(member.name, folder / Path(member.name).name)
        with prepared_database(settings, backup.manifest, folder) as prepared:
            objects = backup.under(OBJECTS_FOLDER)
            for member in objects:
                backup.extract(member.name, folder / "object")
                download = None
                if member.disposition is not None:
                    download = Download(disposition=member.disposition, media_type="application/zip")
                files.move(member.name.removeprefix(f"{OBJECTS_FOLDER}/"), folder / "object", download=download)
            prepared.install()
    if not settings.configured_keys:
        _write_keys(settings.home / SECRET_KEYS, backup.load(SECRET_KEYS))
    return len(objects)


def _adopt(settings: Settings, files: ObjectStore) -> str:
    """Let the restored database own the store, and register the generators of this version."""
    adoption = StoreAdoption(settings)
    try:
        deployment_id, _ = adoption.adopt()
    finally:
        adoption.close()
    database = open_database(settings)
    try:
        generators.register_shipped(database, files)
    finally:
        database.dispose()
    return deployment_id


def _write_keys(path: Path, keys: bytes) -> None:
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(keys)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def _keys_of(backup: BackupReader) -> list[str]:
    return backup.load(SECRET_KEYS).decode().split()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])

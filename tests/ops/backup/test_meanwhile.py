"""Backups of a service that goes on: nothing is lost meanwhile, and one that fails leaves nothing."""

from pathlib import Path
from typing import Any

import pytest

import ops.backup
from ops.backup import make_backup
from ops.backup_file import BackupRefused
from ops.restore import restore_backup
from store import deletions, jobs, maintenance_mode
from store import models as m
from store.maintenance_mode import AlreadyInMaintenance, MaintenanceLost, MaintenanceMode
from store.object_keys import job_prefix
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from store.store_errors import StoreUnavailable
from tests.ops.backup.conftest import objects_of
from worker.context import WorkerContext
from worker.maintenance import remove_unused_files


def test_what_is_deleted_meanwhile_is_in_the_backup_and_goes_afterwards(
    filled: WorkerContext, backup: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Between the copy of the database and that of the objects a user deletes a job, and workers clean up."""
    with filled.database.read() as session:
        id_ = session.query(m.Job).filter_by(state=m.SUCCEEDED).one().id
    stored = {key: filled.files.load(key) for key in filled.files.list(f"{job_prefix(id_)}/results")}

    def copy_then_delete(*arguments: Any) -> Any:
        copied = copy_database(*arguments)
        with filled.database.write.begin() as session:
            jobs.delete(session, session.get_one(m.Job, id_))
            deletions.note(session, job_prefix(id_), deletions.REQUESTED)
        assert not deletions.carry_out(filled.database, filled.files, job_prefix(id_))
        remove_unused_files(filled)
        return copied

    copy_database = ops.backup.copy_database
    monkeypatch.setattr(ops.backup, "copy_database", copy_then_delete)
    assert make_backup(filled.settings, backup).missing == ()
    remove_unused_files(filled)
    assert filled.files.list(job_prefix(id_)) == [], "the deletion was only put off"
    settings = Settings(_env_file=None, data_dir=tmp_path / "other")
    restore_backup(settings, backup)
    assert stored.items() <= objects_of(open_object_store(settings)).items()


def test_a_backup_that_fails_leaves_nothing(
    filled: WorkerContext, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnavailable(None, "the store is away")

    monkeypatch.setattr(ObjectStore, "fetch", fail)
    with pytest.raises(StoreUnavailable):
        make_backup(filled.settings, backup)
    assert list(backup.parent.iterdir()) == []
    with filled.database.read() as session:
        assert maintenance_mode.current(session) is None


def test_a_backup_whose_maintenance_mode_ended_is_not_made(
    filled: WorkerContext, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_then_end(*arguments: Any) -> Any:
        copied = copy_database(*arguments)
        with filled.database.write.begin() as session:
            session.query(m.Maintenance).delete()
        return copied

    copy_database = ops.backup.copy_database
    monkeypatch.setattr(ops.backup, "copy_database", copy_then_end)
    with pytest.raises(MaintenanceLost):
        make_backup(filled.settings, backup)
    assert list(backup.parent.iterdir()) == []


def test_one_backup_at_a_time(filled: WorkerContext, backup: Path) -> None:
    other = MaintenanceMode(filled.database, reason="a backup", refuses_writes=False)
    with other, pytest.raises(AlreadyInMaintenance, match="a backup"):
        make_backup(filled.settings, backup)
    make_backup(filled.settings, backup)
    with pytest.raises(BackupRefused, match="exists"):
        make_backup(filled.settings, backup)


def test_missing_objects_are_named(filled: WorkerContext, backup: Path) -> None:
    (key,) = [key for key in filled.files.list("jobs") if key.endswith("archive.zip")]
    filled.files.delete(key)
    assert make_backup(filled.settings, backup).missing == (key,)

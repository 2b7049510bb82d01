"""What a restore refuses, in words and before it changes anything."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ops.backup import make_backup
from ops.backup_file import BackupRefused
from ops.backup_reader import BackupReader
from ops.restore import restore_backup
from store import models as m
from store import users
from store.database import open_database
from store.object_keys import job_prefix
from store.object_store import ObjectStore
from store.settings import Settings
from store.store_errors import StoreUnavailable
from tests.ops.backup.conftest import fill
from worker.context import WorkerContext, open_worker_context


def place_of(settings: Settings) -> dict[str, str]:
    """The files of a place and the hash of each, without the lock and empty logs."""
    home = settings.home
    found = {str(path.relative_to(home)): path for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def damage(path: Path, how: str) -> str:
    """Damage a backup; return what its refusal must say."""
    with BackupReader(path) as reader:
        infos = reader._infos
        members = {name: info.offset_data for name, info in infos.items()}
        archive = next(name for name in members if name.endswith("archive.zip"))
    data = bytearray(path.read_bytes())
    if how == "short":
        path.write_bytes(data[: len(data) // 2])
        return "not complete"
    if how == "header":
        data[members[archive] - 400] ^= 1
        expected = "not complete"
    else:
        name = {"object": archive, "database": "database/unteachable.db"}.get(how, how)
        data[members[name] + 5] ^= 1
        expected = f"damaged: {name}"
    path.write_bytes(data)
    return expected


@pytest.mark.parametrize("how", ["object", "database", "secret_keys", "manifest.json", "header", "short"])
def test_a_damaged_backup_is_refused_by_name_and_changes_nothing(filled: WorkerContext, backup: Path, how: str) -> None:
    make_backup(filled.settings, backup)
    fill(filled)
    filled.database.dispose()
    expected, before = damage(backup, how), place_of(filled.settings)
    with pytest.raises(BackupRefused, match=expected):
        restore_backup(filled.settings, backup, replace=True)
    assert place_of(filled.settings) == before


def test_a_place_that_is_not_empty_is_refused_and_replaced_on_demand(filled: WorkerContext, backup: Path) -> None:
    make_backup(filled.settings, backup)
    newer = fill(filled)
    filled.database.dispose()
    before = place_of(filled.settings)
    with pytest.raises(BackupRefused, match=r"not empty \(the database has 1 users, 2 datasets, 4 jobs; the object"):
        restore_backup(filled.settings, backup)
    assert place_of(filled.settings) == before
    restore_backup(filled.settings, backup, replace=True)
    with filled.database.read() as session:
        assert session.get(m.Job, newer) is None
        assert session.query(m.Job).count() == 2
    assert filled.files.list(job_prefix(newer)), "what the backup does not know is set aside later, not deleted now"


def test_other_keys_are_not_replaced_unasked(filled: WorkerContext, backup: Path, tmp_path: Path) -> None:
    make_backup(filled.settings, backup)
    home = tmp_path / "other"
    home.mkdir(mode=0o700)
    (home / "secret_keys").write_text("0123456789abcdef0123456789abcdef\n")
    with pytest.raises(BackupRefused, match="has other keys"):
        restore_backup(Settings(_env_file=None, data_dir=home), backup)


def test_a_database_in_use_is_not_exchanged(filled: WorkerContext, backup: Path) -> None:
    make_backup(filled.settings, backup)
    with filled.database.write.begin() as session:  # a process that goes on
        users.local_admin(session)
    with pytest.raises(BackupRefused, match="another process uses"):
        restore_backup(filled.settings, backup, replace=True)
    filled.database.dispose()
    restore_backup(filled.settings, backup, replace=True)


@pytest.mark.parametrize("each_settings", [pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_on_postgresql_a_restore_that_fails_changes_nothing(
    each_settings: Settings, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_worker_context(each_settings)
    fill(context)
    make_backup(each_settings, backup)
    newer = fill(context)
    with pytest.raises(BackupRefused, match="other connections"):
        restore_backup(each_settings, backup, replace=True)
    context.database.dispose()
    fail_at = {"on": True}
    move = ObjectStore.move

    def fail(*arguments: Any, **options: Any) -> None:
        if fail_at["on"]:
            raise StoreUnavailable(None, "the store is away")
        move(*arguments, **options)

    monkeypatch.setattr(ObjectStore, "move", fail)
    with pytest.raises(StoreUnavailable):
        restore_backup(each_settings, backup, replace=True)
    assert job_ids(each_settings) >= {newer}
    context.database.dispose()
    fail_at["on"] = False
    restore_backup(each_settings, backup, replace=True)
    assert newer not in job_ids(each_settings)
    assert len(job_ids(each_settings)) == 2


def job_ids(settings: Settings) -> set[str]:
    database = open_database(settings, connections=1)
    try:
        with database.read() as session:
            return {job.id for job in session.query(m.Job)}
    finally:
        database.dispose()

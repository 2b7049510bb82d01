"""Backups: the drill (back up, destroy, restore, look), what is refused, and that nothing is lost meanwhile."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text

import ops.backup
from ops.backup import make_backup
from ops.backup_file import BackupRefused, new_backup
from ops.backup_reader import BackupReader
from ops.restore import restore_backup
from store import deletions, deployment, generators, jobs, maintenance_mode, migrate, users
from store import models as m
from store.clock import utc_now
from store.database import Database, connect, open_database
from store.leases import JobResult, succeed
from store.maintenance_mode import AlreadyInMaintenance, MaintenanceLost, MaintenanceMode
from store.object_keys import checkpoint_key, job_prefix, upload_key
from store.object_store import ObjectStore, open_object_store
from store.settings import Settings
from store.store_errors import StoreUnavailable
from tests.api.conftest import free_port, request_job, running, upload_dataset
from tests.support.broker import start_broker
from tests.support.images import write_images_zip
from tests.support.rows import must_claim, new_dataset, new_job, new_worker
from tests.support.uploads import image_file, write_zip
from worker.context import WorkerContext, open_worker_context
from worker.executor import run_job
from worker.maintenance import remove_unused_files

ARCHIVE = os.urandom(3_000_000)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Where the backup of a test goes."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "night.tar"


@pytest.fixture
def filled(settings: Settings) -> Iterator[WorkerContext]:
    """A deployment with a dataset, a finished job, and one that has begun."""
    context = open_worker_context(settings)
    fill(context)
    yield context
    context.database.dispose()


def fill(context: WorkerContext) -> str:
    """Make rows and their objects; return the id of the finished job."""
    deployment.adopt_if_new(context.settings, context.database, context.files)
    dataset_id = new_dataset(context.database)
    context.files.write(upload_key(dataset_id), b"an upload")
    with context.database.write.begin() as session:
        session.get_one(m.Dataset, dataset_id).file_key = upload_key(dataset_id)
    id_ = new_job(context.database, dataset_id=dataset_id)
    claim = must_claim(context.database, id_)
    keys = [f"jobs/{id_}/results/1/{name}" for name in ("archive.zip", "report.html", "report.json")]
    for key in keys:
        context.files.write(key, key.encode())
    result = JobResult(archive_key=keys[0], archive_bytes=len(keys[0]), page_key=keys[1], report_key=keys[2])
    with context.database.write.begin() as session:
        assert succeed(session, claim, result)
    begun = new_job(context.database, dataset_id=dataset_id)
    must_claim(context.database, begun)
    context.files.write(checkpoint_key(begun, "noise"), b"half of the noise")
    context.files.write(checkpoint_key(id_, "noise"), b"superfluous")
    return id_


def objects_of(files: ObjectStore) -> dict[str, bytes]:
    return {key: files.load(key) for root in ("datasets", "jobs") for key in files.list(root)}


def place_of(settings: Settings) -> dict[str, str]:
    """The files of a place and the hash of each, without the lock and empty logs."""
    home = settings.home
    found = {str(path.relative_to(home)): path for path in home.rglob("*") if path.is_file() and path.name != "lock"}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def empty_place(make_settings: Callable[..., Settings], folder: Path, **changes: Any) -> Settings:
    settings = make_settings(data_dir=folder, **changes)
    (folder / "unteachable.db").unlink(missing_ok=True)
    return settings


def destroy(settings: Settings) -> None:
    """Lose everything: the data folder, and the tables."""
    shutil.rmtree(settings.home)
    settings.home.mkdir(mode=0o700)
    if settings.database_url:
        engine = create_engine(settings.database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()


def test_the_drill(each_settings: Settings, backup: Path, tmp_path: Path) -> None:
    """A service with a dataset, an album and a finished job is backed up while it runs, destroyed, and restored."""
    settings = each_settings.model_copy(update={"port": free_port()})
    broker = start_broker(settings)
    try:
        with running(settings) as service:
            deployment.adopt_if_new(settings, service.db, service.files)
            generators.register_shipped(service.db, service.files)
            token = service.token("admin")
            client = service.client(token=token)
            dataset = upload_dataset(client, write_images_zip(tmp_path / "a.zip", classes=2, per_class=4).read_bytes())
            loose = {f"{number}.png": image_file(seed=number) for number in range(5)}
            album = upload_dataset(client, write_zip(tmp_path / "b.zip", loose).read_bytes(), filename="holiday.zip")
            context = open_worker_context(settings)
            with service.db.read() as session:
                checks = [job.id for job in session.query(m.Job).filter_by(kind=m.CHECK, state=m.QUEUED)]
            for check in checks:
                assert run_job(context, check)
            context.database.dispose()
            job = request_job(client, dataset["id"], evidence="none")
            service.succeed(job["id"], archive=ARCHIVE, report=b'{"a": 1}', page=b"<p>report")
            paths = [f"/v1/datasets/{dataset['id']}", f"/v1/datasets/{album['id']}", "/v1/datasets", "/v1/generators"]
            paths += [f"/v1/jobs/{job['id']}/archive", f"/v1/jobs/{job['id']}/report", "/v1/tokens"]
            states = [client.get(path).json()["state"] for path in paths[:2]]
            assert states == ["ready", "ready"]
            paths += [thumb["url"] for path in paths[:2] for thumb in client.get(path).json()["thumbnails"]]
            assert len(paths) >= 10
            before = {path: client.get(path) for path in paths}
            stored = objects_of(service.files)
            made = make_backup(settings, backup)
            assert client.get("/status").json()["maintenance"] is None
            assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"
    finally:
        broker.terminate()
        broker.wait(10)
    assert (made.missing, made.revision) == ((), migrate.head_revision())
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    keys = None if settings.configured_keys else (settings.home / "secret_keys").read_bytes()

    destroy(settings)
    done = restore_backup(settings, backup)
    assert done.objects == made.objects
    assert stored.items() <= objects_of(open_object_store(settings)).items()
    assert keys is None or (settings.home / "secret_keys").read_bytes() == keys
    with running(settings) as service:
        client = service.client(token=token)
        for path, answer in before.items():
            again = client.get(path)
            assert (again.status_code, again.status_code) == (200, answer.status_code), path
            if path != "/v1/tokens":  # which says when each was last used
                assert again.content == answer.content, path
        assert client.get(f"/v1/jobs/{job['id']}/archive").content == ARCHIVE
        found = deployment.ownership(settings, service.db, service.files)
        assert (found.reason, found.deployment_id) == (None, done.deployment_id)
        assert done.deployment_id != done.manifest.deployment_id
    assert not [path for path in settings.home.iterdir() if "restoring" in path.name]


def test_a_job_that_had_begun_goes_on(filled: WorkerContext, backup: Path, make_settings: Any, tmp_path: Path) -> None:
    new_worker(filled.database)
    with filled.database.write.begin() as session:
        owner = users.local_admin(session)
        tomorrow = utc_now() + timedelta(days=1)
        session.add(m.Upload(owner_id=owner.id, length=9, filename="a", name="a", expires_at=tomorrow))
    made = make_backup(filled.settings, backup)
    stored = objects_of(filled.files)
    settings = empty_place(make_settings, tmp_path / "other")
    restore_backup(settings, backup)
    context = open_worker_context(settings)
    restored = objects_of(context.files)
    assert {key: data for key, data in stored.items() if data != b"superfluous"} == restored, "no other object"
    assert made.objects >= len(restored)
    assert b"half of the noise" in restored.values()
    with context.database.read() as session:
        states = [job.state for job in session.query(m.Job).order_by(m.Job.created_at)]
        assert maintenance_mode.current(session) is None
        assert session.query(m.Upload).count() == 0, "its bytes are not in the backup"
        assert session.query(m.Worker).count() == 0
    assert states == [m.SUCCEEDED, m.RUNNING]
    context.database.dispose()


def test_a_store_may_be_of_another_kind(
    filled: WorkerContext, s3: Any, make_settings: Any, backup: Path, tmp_path: Path
) -> None:
    """From a folder to S3, and back to a folder."""
    make_backup(filled.settings, backup)
    on_s3 = empty_place(make_settings, tmp_path / "s3", **s3.settings(prefix=m.new_id()))
    restore_backup(on_s3, backup)
    files = open_object_store(on_s3)
    archives = [key for key in files.list("jobs") if key.endswith("archive.zip")]
    assert [files.stat(key).is_download for key in archives] == [True], "browsers get it from the server itself"
    again = backup.with_name("again.tar")
    make_backup(on_s3, again)
    folder = empty_place(make_settings, tmp_path / "folder", secret_keys=on_s3.secret_keys)
    restore_backup(folder, again)
    assert objects_of(open_object_store(folder)) == objects_of(files)


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


def rewritten(path: Path, target: Path, **changes: Any) -> Path:
    """A whole backup whose manifest says something else."""
    with BackupReader(path) as reader, new_backup(target) as writer:
        for number, member in enumerate(reader.manifest.members):
            part = writer.folder / str(number)
            reader.extract(member.name, part)
            writer.add(member.name, part, disposition=member.disposition)
        content = json.loads(reader.load("manifest.json")) | changes
        manifest = type(reader.manifest).from_json(json.dumps(content).encode())
        writer.finish(manifest)
    return target


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"revision": "9999"}, "newer than this one"),
        ({"version": "99.0.0"}, "newer than this one"),
        ({"format": 2}, "made by a newer version"),
        ({"database": "postgresql"}, "holds a database of postgresql"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(
    filled: WorkerContext, backup: Path, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    make_backup(filled.settings, backup)
    other = rewritten(backup, backup.with_name("other.tar"), **changes)
    with pytest.raises(BackupRefused, match=expected):
        restore_backup(Settings(_env_file=None, data_dir=tmp_path / "empty"), other)
    same = rewritten(backup, backup.with_name("same.tar"))
    restore_backup(Settings(_env_file=None, data_dir=tmp_path / "empty"), same)


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


def test_a_database_of_another_revision_is_not_backed_up(settings: Settings, database: Database, backup: Path) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0016'")
    with pytest.raises(BackupRefused, match="0016"):
        make_backup(settings, backup)


def test_an_earlier_revision_is_migrated(filled: WorkerContext, backup: Path, tmp_path: Path) -> None:
    """As in a backup of an earlier version: its schema has no table of the maintenance mode."""
    make_backup(filled.settings, backup)
    with BackupReader(backup) as reader:
        reader.extract("database/unteachable.db", tmp_path / "old.db")
    old = connect(f"sqlite+pysqlite:///{tmp_path / 'old.db'}")
    command.downgrade(migrate.alembic_config(old), "0016")
    old.dispose()
    earlier = backup.with_name("earlier.tar")
    with BackupReader(backup) as reader, new_backup(earlier) as writer:
        for number, member in enumerate(reader.manifest.members):
            part = writer.folder / str(number)
            reader.extract(member.name, part)
            source = tmp_path / "old.db" if member.name.startswith("database/") else part
            writer.add(member.name, source, disposition=member.disposition)
        content = json.loads(reader.load("manifest.json")) | {"revision": "0016"}
        content["members"] = [vars_of(member) for member in writer.members]
        writer.finish(type(reader.manifest).from_json(json.dumps(content).encode()))
    settings = Settings(_env_file=None, data_dir=tmp_path / "other")
    assert restore_backup(settings, earlier).revision == migrate.head_revision()
    restored = open_database(settings)
    assert migrate.current_revision(restored) == migrate.head_revision()
    restored.dispose()


def vars_of(member: Any) -> dict[str, Any]:
    return {name: getattr(member, name) for name in ("name", "size", "sha256", "disposition")}

"""The drill: back up, destroy, restore, look. Also onto another store, another database and another version."""

import os
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from ops.backup import make_backup
from ops.restore import restore_backup
from store import deployment, generators, maintenance_mode, migrate, users
from store import models as m
from store.clock import utc_now
from store.object_store import open_object_store
from store.settings import Settings
from tests.api.conftest import request_job, running, upload_dataset
from tests.ops.backup.conftest import empty_place, objects_of
from tests.support.broker import start_broker
from tests.support.images import write_images_zip
from tests.support.ports import free_port
from tests.support.rows import new_worker
from tests.support.uploads import image_file, write_zip
from worker.context import WorkerContext, open_worker_context
from worker.executor import run_job

ARCHIVE = os.urandom(3_000_000)


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

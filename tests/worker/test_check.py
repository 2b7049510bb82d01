"""Checking an upload in this process: what it finds, what it refuses, and what it says of the service's own faults."""

import errno
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import obstore
import pytest

from store import datasets
from store import models as m
from store.leases import LeaseStatus
from store.object_store import StoreError
from tests.support.processes import environment
from tests.support.rows import claim, dataset_of, job_of, new_job
from tests.worker.conftest import Upload
from worker.context import WorkerContext
from worker.executor import execute, reason_of
from worker.lease import LeaseKeeper


def test_a_good_upload_is_ready(service: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload(classes=3, per_class=5)
    execute(service, job_id)
    assert job_of(service.database, job_id).state == m.SUCCEEDED
    row = dataset_of(service.database, dataset_id)
    assert (row.state, row.images, row.error) == (m.READY, 15, None)
    assert row.classes == [{"name": f"class-{n}", "images": 5} for n in range(3)]
    assert row.thumbs
    assert all(service.files.size(thumb["key"]) > 100 for thumb in row.thumbs)
    assert list(service.settings.scratch.iterdir()) == []


def test_a_bad_upload_is_rejected_with_its_reason(service: WorkerContext, upload: Upload, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"this is no archive")
    dataset_id, job_id = upload(tmp_path / "bad")
    execute(service, job_id)
    row = dataset_of(service.database, dataset_id)
    assert row.state == m.REJECTED
    assert row.error == job_of(service.database, job_id).error
    assert "archive" in (row.error or "")
    assert list(service.settings.scratch.iterdir()) == []


def test_jobs_that_waited_for_the_check_may_run_then(service: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload()
    waiting = new_job(service.database, dataset_id=dataset_id)
    assert claim(service.database, waiting) is None
    execute(service, job_id)
    assert claim(service.database, waiting) is not None


def test_a_job_that_is_not_there_is_left_alone(service: WorkerContext, upload: Upload) -> None:
    _, job_id = upload()
    execute(service, job_id)
    before = job_of(service.database, job_id).seq
    execute(service, job_id)
    execute(service, "no-such-job")
    assert job_of(service.database, job_id).seq == before


def test_an_upload_that_is_gone(service: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload()
    service.files.delete_prefix(f"datasets/{dataset_id}")
    execute(service, job_id)
    assert "upload it again" in (dataset_of(service.database, dataset_id).error or "")


@pytest.mark.parametrize(("hears", "state"), [(False, m.SUCCEEDED), (True, m.CANCELED)])
def test_of_a_dataset_deleted_while_its_thumbnails_are_stored_nothing_stays(
    service: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch, hears: bool, state: str
) -> None:
    """The check is over before it hears of the deletion, or hears of it."""
    dataset_id, job_id = upload(classes=2, per_class=2)

    def put(store: Any, key: str, data: Any) -> Any:
        if key.endswith("thumbs/0"):
            if not hears:  # as if the heart were between two looks for all of what follows
                monkeypatch.setattr(LeaseKeeper, "_look", lambda lease: LeaseStatus.HELD)
                time.sleep(0.1)  # a look that is under way is over
            with service.database.write.begin() as session:
                assert datasets.delete(session, dataset_id)
            service.files.delete_prefix(f"datasets/{dataset_id}")
            if hears:
                time.sleep(1.5)
        return real(store, key, data)

    real = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    execute(service, job_id)
    assert job_of(service.database, job_id).state == state
    assert service.files.list("datasets") == []


def test_a_store_that_cannot_be_written_fails_the_job_clearly(service: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload()
    thumbs = Path(service.settings.store) / "datasets" / dataset_id / "thumbs"
    thumbs.write_text("a file where a folder should be")
    with pytest.raises(StoreError):
        execute(service, job_id)
    row = job_of(service.database, job_id)
    assert row.state == m.FAILED
    assert "could not read or write its files" in (row.error or "")
    assert dataset_of(service.database, dataset_id).state == m.REJECTED


FULL = """
import resource, signal, sys
from worker.executor import execute
from worker.context import this_service
service = this_service()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    execute(service, sys.argv[1])
except OSError:
    print("raised")
"""


def test_a_full_disk_fails_the_job_clearly(service: WorkerContext, upload: Upload) -> None:
    """The system's limit on file sizes stands in for a full disk: unpacking fails in the middle just the same."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    dataset_id, job_id = upload(per_class=2, size=600)
    done = subprocess.run(
        [sys.executable, "-c", FULL, job_id],
        env=environment(service.settings) | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("raised\n"), done.stderr
    assert "disk of the service is full" in (job_of(service.database, job_id).error or "")
    assert "disk of the service is full" in (dataset_of(service.database, dataset_id).error or "")
    assert list(service.settings.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk of the service is full"),
        (StoreError(errno.EROFS, "jobs/a: Read-only file system"), "Read-only file system"),
        (MemoryError(), "ran out of memory"),
        (RuntimeError("CUDA error: out of memory"), "ran out of memory"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_reasons(error: Exception, words: str) -> None:
    assert words in reason_of(error).text
    assert reason_of(error).is_ours

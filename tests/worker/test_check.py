"""Check jobs in this process: what they find, what they refuse, and which reason the user reads."""

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

from api.schemas import DatasetOut
from store import datasets
from store import models as m
from store.leases import LeaseStatus
from store.store_errors import StoreError, StoreRefused, StoreUnavailable
from tests.support.processes import environment
from tests.support.rows import claim, dataset_of, job_of, new_job
from tests.support.uploads import image_file, write_zip
from tests.support.waiting import wait_until
from tests.worker.conftest import Upload
from worker import lease_keeper
from worker.context import WorkerContext
from worker.executor import run_job
from worker.failures import describe_failure
from worker.lease_keeper import LeaseKeeper


def test_a_good_upload_becomes_ready(context: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload(classes=3, per_class=5)
    run_job(context, job_id)
    assert job_of(context.database, job_id).state == m.SUCCEEDED
    row = dataset_of(context.database, dataset_id)
    assert (row.state, row.images, row.error) == (m.READY, 15, None)
    assert row.classes == [{"name": f"class-{n}", "images": 5} for n in range(3)]
    assert (row.layout["kind"], row.layout["reason"]) == ("classes", "Each folder is one class. There are 3 classes.")
    assert {choice["layout"]: choice["classes"] for choice in row.layout["choices"]} == {
        "classes": 3, "splits": 0, "labels": 0, "album": 1,
    }  # fmt: skip
    assert row.thumbs
    assert all(context.files.size(thumb["key"]) > 100 for thumb in row.thumbs)
    assert list(context.settings.scratch.iterdir()) == []


def test_files_that_are_no_images_and_new_names_are_listed(
    context: WorkerContext, upload: Upload, tmp_path: Path
) -> None:
    files = {f"{name}/{n}": image_file(seed=n) for name in ("CON", "dog") for n in range(3)}
    files |= {"notes.txt": b"hello", "clip.mov": b"\0\0\0\x14ftypqt  " + bytes(20), "a.svg": b"<svg />"}
    dataset_id, job_id = upload(write_zip(tmp_path / "a.zip", files))
    run_job(context, job_id)
    row = dataset_of(context.database, dataset_id)
    assert (row.state, row.images) == (m.READY, 6)
    assert row.passed_through == [{"path": "notes.txt", "kind": "text"}]
    assert {file["path"] for file in row.skipped} == {"clip.mov", "a.svg"}
    assert row.renamed == [{"path": "CON_", "was": "CON", "reason": "Windows reserves the name for a device"}]
    answer = DatasetOut.of(row).model_dump()
    assert (answer["passed_through"], answer["renamed"]) == (row.passed_through, row.renamed)


def test_a_bad_upload_is_rejected_with_its_reason(context: WorkerContext, upload: Upload, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"this is no archive")
    dataset_id, job_id = upload(tmp_path / "bad")
    run_job(context, job_id)
    row = dataset_of(context.database, dataset_id)
    assert row.state == m.REJECTED
    assert row.error == job_of(context.database, job_id).error
    assert "archive" in (row.error or "")
    assert list(context.settings.scratch.iterdir()) == []


def test_jobs_that_wait_for_the_check_can_be_claimed_after_it(context: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload()
    waiting = new_job(context.database, dataset_id=dataset_id)
    assert claim(context.database, waiting) is None
    run_job(context, job_id)
    assert claim(context.database, waiting) is not None


def test_a_job_that_cannot_be_claimed_is_left_alone(context: WorkerContext, upload: Upload) -> None:
    _, job_id = upload()
    run_job(context, job_id)
    before = job_of(context.database, job_id).seq
    run_job(context, job_id)
    run_job(context, "no-such-job")
    assert job_of(context.database, job_id).seq == before


def test_an_upload_whose_file_was_deleted_is_rejected(context: WorkerContext, upload: Upload) -> None:
    dataset_id, job_id = upload()
    context.files.delete_prefix(f"datasets/{dataset_id}")
    run_job(context, job_id)
    assert "upload it again" in (dataset_of(context.database, dataset_id).error or "")


@pytest.mark.parametrize(("notices", "state"), [(False, m.SUCCEEDED), (True, m.CANCELED)])
def test_a_check_leaves_no_file_of_a_dataset_that_is_deleted_while_it_stores_thumbnails(
    context: WorkerContext, upload: Upload, monkeypatch: pytest.MonkeyPatch, notices: bool, state: str
) -> None:
    """The check may notice the deletion, or may end before it does."""
    dataset_id, job_id = upload(classes=2, per_class=2)

    def put(store: Any, key: str, data: Any) -> Any:
        if key.endswith("thumbs/0"):
            if not notices:  # as if the thread did not run again before the check ends
                monkeypatch.setattr(LeaseKeeper, "_renew_or_check", lambda _: LeaseStatus.HELD)
                time.sleep(0.1)  # longer than a round of the thread takes
            with context.database.write.begin() as session:
                assert datasets.delete(session, dataset_id)
            context.files.delete_prefix(f"datasets/{dataset_id}")
            if notices:
                wait_until(lambda: lease_keeper._running is not None and lease_keeper._running._stop_reason)
        return real(store, key, data)

    real = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    run_job(context, job_id)
    assert job_of(context.database, job_id).state == state
    assert context.files.list("datasets") == []


def test_a_check_fails_with_the_reason_when_the_object_store_cannot_be_written(
    context: WorkerContext, upload: Upload
) -> None:
    dataset_id, job_id = upload()
    thumbs = Path(context.settings.store) / "datasets" / dataset_id / "thumbs"
    thumbs.write_text("a file where a folder should be")
    with pytest.raises(StoreError):
        run_job(context, job_id)
    row = job_of(context.database, job_id)
    assert row.state == m.FAILED
    assert "could not read or write its files" in (row.error or "")
    assert dataset_of(context.database, dataset_id).state == m.REJECTED


FULL = """
import resource, signal, sys
from worker.executor import run_job
from worker.context import process_context
context = process_context()
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    run_job(context, sys.argv[1])
except OSError:
    print("raised")
"""


def test_a_check_fails_with_the_reason_when_the_disk_is_full(context: WorkerContext, upload: Upload) -> None:
    """A limit on file sizes simulates a full disk: unpacking fails in the same way."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    dataset_id, job_id = upload(per_class=2, size=600)
    done = subprocess.run(
        [sys.executable, "-c", FULL, job_id],
        env=environment(context.settings) | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("raised\n"), done.stderr
    assert "The disk of this service is full" in (job_of(context.database, job_id).error or "")
    assert "The disk of this service is full" in (dataset_of(context.database, dataset_id).error or "")
    assert list(context.settings.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of this service is full"),
        (StoreError(errno.EROFS, "jobs/a: Read-only file system"), "Read-only file system"),
        (MemoryError(), "ran out of memory"),
        (RuntimeError("CUDA error: out of memory"), "ran out of memory"),
        (ZeroDivisionError("division by zero"), "(ZeroDivisionError). Its log has the details."),
        (ConnectionError("Error 111 connecting to 10.0.0.5:6379."), "(ConnectionError). Its log has the details."),
        (FileNotFoundError(2, "No such file", "/srv/var/scratch/x"), "(FileNotFoundError). Its log has the details."),
        (StoreUnavailable(None, "jobs/a: http://10.0.0.5:9000/x"), "could not be reached"),
        (StoreRefused("jobs/a: http://10.0.0.5:9000/x", "its storage refuses access"), "its storage refuses access"),
    ],
)
def test_a_fault_of_the_service_is_described_without_an_address(error: Exception, reason: str) -> None:
    assert reason in describe_failure(error).reason
    assert "10.0.0.5" not in describe_failure(error).reason
    assert "/srv" not in describe_failure(error).reason
    assert describe_failure(error).is_service_fault

"""Checking an upload: unpack it, decode every image, find the classes, make thumbnails. Imports no torch."""

from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import structlog

from core.imaging.sandbox import DecoderSandbox
from core.ingest.archives.reader import is_zip
from core.ingest.archives.zip_locations import locate_files
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.thumbnails import make_thumbnails
from core.runtime.progress import Progress
from store import datasets, estimates, image_index, job_events, task_queue
from store import models as m
from store.image_index import IndexedImage, StoredBytes
from store.object_keys import dataset_prefix
from store.task_queue import queue_of
from store.workforce import read_workforce
from worker.fetch_upload import fetch_upload, upload_limits
from worker.job_files import purge_deleted_dataset
from worker.running_job import RunningJob
from worker.stop_reasons import LeaseLost

THUMBNAILS = 12
MAX_LISTED = 1000  # files of a kind that the row lists; the report of a protection lists all

log = structlog.get_logger()


def run_check(job: RunningJob) -> None:
    """Check the upload of a dataset, and mark the dataset as ready.

    Raises:
        BadInput: nothing in the upload can be used.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    context, claim = job.context, job.claim
    upload = fetch_upload(job)
    limits, progress = upload_limits(context.settings), Progress(job.lease.progress)
    with DecoderSandbox(limits=limits) as sandbox:
        dataset = open_dataset(
            upload.path, job.scratch / "unpacked", name=upload.name, limits=limits, progress=progress, sandbox=sandbox
        )
        images = make_thumbnails(dataset, THUMBNAILS, sandbox=sandbox)
    job.lease.check()
    image_index.write_images(context.files, str(claim.dataset_id), indexed_images(dataset, upload.path))
    numbers = {image.path: number for number, image in enumerate(dataset.images)}
    thumbs: list[dict[str, Any]] = []
    for number, (path, data) in enumerate(images):
        job.lease.check()
        key = f"{dataset_prefix(str(claim.dataset_id))}/thumbs/{number}"
        context.files.write(key, data)
        thumbs.append({"key": key, "path": path, "number": numbers[path]})
    job.lease.stop_renewing()
    with context.database.write.begin() as session:
        if not datasets.mark_ready(session, claim, contents_of(dataset, thumbs)):
            raise LeaseLost
        waiting = datasets.waiting_jobs(session, str(claim.dataset_id))
        row = session.get(m.Dataset, str(claim.dataset_id), populate_existing=True)
        if row is not None:  # else it was deleted while it was checked
            for other in waiting:
                estimates.plan_job(session, other, row, short_seconds=context.settings.short_seconds)
        woken_by = read_workforce(session, context.settings).message_queue
    purge_deleted_dataset(context, claim)
    log.info("dataset.ready", dataset=claim.dataset_id, images=len(dataset.images), skipped=len(dataset.skipped))
    for other in waiting:
        task_queue.enqueue(context.settings, job_id=other.id, kind=other.kind, queue=woken_by(queue_of(other)))
        job_events.publish(context.settings, other.id)


def indexed_images(dataset: ImageDataset, upload: Path) -> list[IndexedImage]:
    """Return the list of a dataset's images for the pages.

    Args:
        dataset: the opened dataset.
        upload: the file that it was opened from.
    """
    locations = locate_files(upload) if is_zip(upload) else {}
    return [
        IndexedImage(
            path=image.path,
            class_name=dataset.classes[image.label],
            width=image.width,
            height=image.height,
            format=image.format,
            location=StoredBytes(**asdict(locations[image.path])) if image.path in locations else None,
        )
        for image in dataset.images
    ]


def contents_of(dataset: ImageDataset, thumbs: list[dict[str, Any]]) -> datasets.DatasetContents:
    """Return the contents of a dataset for its row.

    Args:
        dataset: the opened dataset.
        thumbs: its stored thumbnails, as `{"key", "path", "number"}`.
    """
    counts = [0] * len(dataset.classes)
    for image in dataset.images:
        counts[image.label] += 1
    return datasets.DatasetContents(
        shorter_edge=float(median(min(image.width, image.height) for image in dataset.images)),
        images=len(dataset.images),
        classes=[{"name": name, "images": count} for name, count in zip(dataset.classes, counts, strict=True)],
        skipped=[{"path": skipped.path, "reason": skipped.reason} for skipped in dataset.skipped],
        thumbs=[*thumbs],
        passed_through=[{"path": file.path, "kind": file.kind} for file in dataset.passthrough[:MAX_LISTED]],
        renamed=[asdict(file) for file in dataset.renamed[:MAX_LISTED]],
        layout=asdict(dataset.layout),
    )

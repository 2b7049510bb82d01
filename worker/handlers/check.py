"""Looking an upload over: unpack it, decode every picture, find the classes, make a few thumbnails. No torch."""

from pathlib import Path

import structlog

from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.thumbnails import make_thumbnails
from core.runtime.progress import Progress
from store import datasets, job_events, task_queue
from store.leases import Claim
from store.object_keys import dataset_prefix
from worker.context import WorkerContext
from worker.fetch_upload import fetch_upload, limits_of
from worker.job_files import purge_deleted_dataset
from worker.lease import LeaseKeeper
from worker.stop_reasons import LeaseLost

THUMBNAILS = 12

log = structlog.get_logger()


def check(service: WorkerContext, claim: Claim, lease: LeaseKeeper, folder: Path) -> None:
    """Find out what a dataset holds and make it ready. Raises BadInput where nothing in it can be used."""
    upload = fetch_upload(service, claim, folder)
    limits, progress = limits_of(service.settings), Progress(lease.progress)
    with DecoderSandbox(limits=limits) as sandbox:
        dataset = open_dataset(
            upload.path, folder / "unpacked", name=upload.name, limits=limits, progress=progress, sandbox=sandbox
        )
        small = make_thumbnails(dataset, THUMBNAILS, sandbox=sandbox)
    thumbs = []
    for number, (path, data) in enumerate(small):
        lease.check()
        key = f"{dataset_prefix(str(claim.dataset_id))}/thumbs/{number}"
        service.files.write(key, data)
        thumbs.append({"key": key, "path": path})
    lease.rest()
    with service.database.write.begin() as session:
        if not datasets.mark_ready(session, claim, findings(dataset, thumbs)):
            raise LeaseLost
        waiting = datasets.waiting_jobs(session, str(claim.dataset_id))
    purge_deleted_dataset(service, claim)
    log.info("dataset.ready", dataset=claim.dataset_id, images=len(dataset.images), skipped=len(dataset.skipped))
    for job in waiting:
        task_queue.enqueue(service.settings, job_id=job.id, kind=job.kind)
        job_events.publish(service.settings, job.id)


def findings(dataset: ImageDataset, thumbs: list[dict[str, str]]) -> datasets.DatasetContents:
    """What was found, as rows keep it."""
    counts = [0] * len(dataset.classes)
    for picture in dataset.images:
        counts[picture.label] += 1
    return datasets.DatasetContents(
        images=len(dataset.images),
        classes=[{"name": name, "images": count} for name, count in zip(dataset.classes, counts, strict=True)],
        skipped=[{"path": skipped.path, "reason": skipped.reason} for skipped in dataset.skipped],
        thumbs=[*thumbs],
    )

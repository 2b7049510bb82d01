"""Making the previews of one chunk of a dataset's images: thumbnails, and views of what a browser cannot show itself.

Imports no torch.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from core.imaging.sandbox import DecoderSandbox, SandboxTask
from core.ingest.extract import extract_files
from store import image_index
from store.image_index import IndexedImage, Previews, StoredBytes
from worker.fetch_upload import fetch_upload, upload_limits
from worker.job_files import purge_deleted_dataset
from worker.running_job import RunningJob

THUMBNAIL_EDGE = 240  # pixels
VIEW_EDGE = 2048  # pixels
MAX_COPIED_BYTES = 1 << 20  # a larger file of an upload that cannot be read in parts is shown as a view

log = structlog.get_logger()


def run_preview(job: RunningJob) -> None:
    """Make the previews of the chunk that the job's spec names.

    Raises:
        BadInput: the dataset or its upload was deleted.
        Cancelled: the work must stop; see `worker.stop_reasons`.
    """
    context, claim = job.context, job.claim
    dataset_id, chunk = str(claim.dataset_id), int(claim.spec["chunk"])
    upload, limits = fetch_upload(job), upload_limits(context.settings)
    images = image_index.read_images(context.files, dataset_id, chunk)
    extracted = extract_files(upload.path, [image.path for image in images], job.make_folder("images"), limits)
    packed = job.scratch / "previews"
    with DecoderSandbox(limits=limits) as sandbox:
        previews = _make_previews(job, sandbox, images, [extracted.get(image.path) for image in images], packed)
    job.lease.check()
    image_index.write_previews(context.files, dataset_id, chunk, packed, previews)
    job.succeed()
    purge_deleted_dataset(context, claim)
    log.info("previews.made", dataset=dataset_id, chunk=chunk, images=len(images))


def _make_previews(
    job: RunningJob,
    sandbox: DecoderSandbox,
    images: Sequence[IndexedImage],
    paths: Sequence[Path | None],
    packed: Path,
) -> Previews:
    found = [path for path in paths if path is not None]
    tasks = [SandboxTask(op="thumbnail", file=path, args={"edge": THUMBNAIL_EDGE}) for path in found]
    thumbnails = {task.file: result.blobs[0] for task, result in sandbox.map(tasks) if result.refused is None}
    job.lease.check()
    reduced = [
        path
        for image, path in zip(images, paths, strict=True)
        if path is not None and _needs_view(image) and not _is_copied(image, path)
    ]
    tasks = [SandboxTask(op="thumbnail", file=path, args={"edge": VIEW_EDGE}) for path in reduced]
    views = {task.file: result.blobs[0] for task, result in sandbox.map(tasks) if result.refused is None}
    job.lease.check()
    with packed.open("wb") as out:

        def append(data: bytes | None) -> StoredBytes | None:
            if data is None:
                return None
            start = out.tell()
            out.write(data)
            return StoredBytes(start=start, packed=len(data), size=len(data))

        def view_of(image: IndexedImage, path: Path | None) -> bytes | None:
            if path is None or not _needs_view(image):
                return None
            return path.read_bytes() if _is_copied(image, path) else views.get(path)

        return Previews(
            thumbnails=tuple(append(thumbnails.get(path) if path else None) for path in paths),
            views=tuple(append(view_of(image, path)) for image, path in zip(images, paths, strict=True)),
        )


def _needs_view(image: IndexedImage) -> bool:
    """Whether the pages cannot show the file in the upload itself."""
    return image.location is None or image.format not in image_index.SHOWN_BY_BROWSERS


def _is_copied(image: IndexedImage, path: Path) -> bool:
    """Whether the view is the file itself."""
    return image.format in image_index.SHOWN_BY_BROWSERS and path.stat().st_size <= MAX_COPIED_BYTES

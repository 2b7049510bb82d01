"""The images of a dataset and of its protected archives, by number: where each lies, and whether it can be shown."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import structlog
from sqlalchemy import select

from api.after_commit import enqueue_after_commit, run_after_commit
from api.context import AppContext
from api.problems import Problem, not_found
from store import image_index, jobs
from store import models as m
from store.image_index import CHUNK_IMAGES, DeliveredImage, IndexedImage, StoredBytes, chunk_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLocation:
    """A file inside a stored object: the key of the object, and where the file lies in it."""

    key: str
    bytes: StoredBytes


def read_page(context: AppContext, dataset: m.Dataset, first: int, count: int) -> list[IndexedImage]:
    """Return some images of a dataset, in order.

    Args:
        context: The application context.
        dataset: The dataset.
        first: The number of the first image, from 0.
        count: The largest number of images.

    Raises:
        Problem: 404 if the dataset has no list of images: it is not checked yet, or an earlier release checked it.
    """
    found: list[IndexedImage] = []
    if first < dataset.images:
        last = min(first + count, dataset.images) - 1
        for chunk in range(chunk_of(first), chunk_of(last) + 1):
            found += _read_chunk(context, dataset, chunk)
    start = first % CHUNK_IMAGES
    return found[start : start + count]


def find_image(context: AppContext, dataset: m.Dataset, number: int) -> IndexedImage:
    """Return one image of a dataset. Raises Problem 404.

    Args:
        context: The application context.
        dataset: The dataset.
        number: The number of the image, from 0.
    """
    if number >= dataset.images:
        raise not_found("image")
    return _read_chunk(context, dataset, chunk_of(number))[number % CHUNK_IMAGES]


def _read_chunk(context: AppContext, dataset: m.Dataset, chunk: int) -> list[IndexedImage]:
    try:
        return image_index.read_images(context.files, dataset.id, chunk)
    except FileNotFoundError:
        if dataset.state != m.READY:
            raise Problem(404, f"The images can be listed once the dataset is ready: it is {dataset.state}.") from None
        detail = "An earlier release checked this dataset and listed no images. Upload it again to see them here."
        raise Problem(404, detail, kind="no-image-list") from None


def find_delivered(context: AppContext, job: m.Job, number: int) -> DeliveredImage:
    """Return one image of a job's protected archive.

    Args:
        context: The application context.
        job: The protect job.
        number: The number of the image in the dataset, from 0.

    Raises:
        Problem: 404 if the archive does not have it; 409 if there is no archive.
    """
    prefix = delivered_prefix(job)
    if prefix is None:
        raise Problem(409, "This job has no archive, or none yet.", kind="no-archive")
    try:
        found = image_index.read_delivered(context.files, prefix, chunk_of(number))[number % CHUNK_IMAGES]
    except (FileNotFoundError, IndexError):
        raise not_found("image") from None
    if found is None:
        raise Problem(404, "This image could not be written: it is not in the archive.", kind="not-found")
    return found


def delivered_prefix(job: m.Job) -> str | None:
    """Return the folder of a job's archive in the object store; None if it has no archive."""
    return None if job.archive_key is None else str(PurePosixPath(job.archive_key).parent)


def location_of_view(context: AppContext, dataset: m.Dataset, number: int) -> FileLocation | None:
    """Return where the form of an image lies that a browser can show: its own file, or what a worker made of it.

    Args:
        context: The application context.
        dataset: The dataset.
        number: The number of the image, from 0.

    Returns:
        None if a worker has yet to make it, or could not.
    """
    image = find_image(context, dataset, number)
    if image.location is not None and image.format in image_index.SHOWN_BY_BROWSERS and dataset.file_key:
        return FileLocation(key=dataset.file_key, bytes=image.location)
    previews = image_index.read_previews(context.files, dataset.id, chunk_of(number))
    view = previews.views[number % CHUNK_IMAGES] if previews else None
    return FileLocation(key=image_index.previews_key(dataset.id, chunk_of(number)), bytes=view) if view else None


def location_of_thumbnail(context: AppContext, dataset: m.Dataset, number: int) -> FileLocation | None:
    """Return where the thumbnail of an image lies; None if a worker has yet to make it, or could not.

    Args:
        context: The application context.
        dataset: The dataset.
        number: The number of the image, from 0.
    """
    chunk = chunk_of(number)
    previews = image_index.read_previews(context.files, dataset.id, chunk)
    if previews is None or number % CHUNK_IMAGES >= len(previews.thumbnails):
        return None
    found = previews.thumbnails[number % CHUNK_IMAGES]
    return FileLocation(key=image_index.previews_key(dataset.id, chunk), bytes=found) if found else None


def request_previews(context: AppContext, dataset: m.Dataset, chunk: int) -> bool:
    """Let a worker make the previews of a chunk, unless they are there or a worker failed to make them.

    Args:
        context: The application context.
        dataset: A dataset that is ready.
        chunk: The number of the chunk, from 0.

    Returns:
        Whether the previews are still to come.
    """
    if image_index.read_previews(context.files, dataset.id, chunk) is not None:
        return False
    with context.db.write.begin() as session:
        former = select(m.Job).where(m.Job.dataset_id == dataset.id, m.Job.kind == m.PREVIEW)
        for job in session.scalars(former):
            if job.spec.get("chunk") == chunk:
                return job.state in jobs.OPEN
        new = jobs.NewJob(owner_id=dataset.owner_id, kind=m.PREVIEW, dataset_id=dataset.id, spec={"chunk": chunk})
        job = jobs.create(session, new)
        enqueue_after_commit(session, context, job)
        log.info("previews.requested", dataset=dataset.id, chunk=chunk, job=job.id)
    run_after_commit(session)
    return True

"""The gallery of all images of a dataset or a protection, page by page, and the page of one image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api import dataset_images
from api.context import AppContext
from api.dependencies import Context, CurrentUser, Db, OwnDataset, OwnJob
from api.image_files import is_displayable
from api.pages.job_summary import request_summary
from api.pages.render import render_page
from api.problems import Problem, not_found
from api.routes.images import ImageNumber
from store import image_index
from store import models as m
from store.image_index import CHUNK_IMAGES, SHOWN_BY_BROWSERS, IndexedImage

router = APIRouter()

IMAGES_PER_PAGE = 60
assert CHUNK_IMAGES % IMAGES_PER_PAGE == 0, "the images of one page lie in one chunk"

PageNumber = Annotated[int, Query(alias="page", ge=1, le=1_000_000, description="The number of the page, from 1.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryImage:
    """An image in the gallery.

    Attributes:
        image: The image.
        page: The address of its page.
        thumbnail: The address of its thumbnail; None if there is none.
    """

    image: IndexedImage
    page: str
    thumbnail: str | None


@router.get("/datasets/{dataset_id}/images")
def show_dataset(user: CurrentUser, dataset: OwnDataset, context: Context, page: PageNumber = 1) -> Response:
    """Show one page of the images of a dataset."""
    return _gallery(context, user, dataset, None, page)


@router.get("/datasets/{dataset_id}/images/{number}")
def show_image(user: CurrentUser, dataset: OwnDataset, number: ImageNumber, context: Context) -> Response:
    """Show one image of a dataset at full size."""
    return _image_page(context, user, dataset, None, number)


@router.get("/jobs/{job_id}/images")
def show_job(user: CurrentUser, job: OwnJob, db: Db, context: Context, page: PageNumber = 1) -> Response:
    """Show one page of the images of a protection."""
    return _gallery(context, user, _dataset_of(db, job), job, page)


@router.get("/jobs/{job_id}/images/{number}")
def show_protected(user: CurrentUser, job: OwnJob, number: ImageNumber, db: Db, context: Context) -> Response:
    """Show one image before and after, at full size."""
    return _image_page(context, user, _dataset_of(db, job), job, number)


def _dataset_of(session: Session, job: m.Job) -> m.Dataset:
    """The dataset of a protect job with an archive. Raises Problem 404 or 409."""
    if job.kind != m.PROTECT:
        raise not_found("protection")
    if dataset_images.delivered_prefix(job) is None:
        raise Problem(409, "This job has no archive, or none yet.", kind="no-archive")
    dataset = session.get(m.Dataset, job.dataset_id) if job.dataset_id else None
    if dataset is None:
        detail = "The dataset of this job was deleted, with the originals. The archive can still be downloaded."
        raise Problem(404, detail, kind="dataset-deleted")
    return dataset


def _gallery(context: AppContext, user: m.User, dataset: m.Dataset, job: m.Job | None, page: int) -> Response:
    pages = max(1, -(-dataset.images // IMAGES_PER_PAGE))
    if page > pages:
        raise not_found("page")
    first = (page - 1) * IMAGES_PER_PAGE
    images = dataset_images.read_page(context, dataset, first, IMAGES_PER_PAGE)
    pending = dataset_images.request_previews(context, dataset, image_index.chunk_of(first))
    return render_page(
        "gallery.html",
        user=user,
        dataset=dataset,
        job=job,
        job_summary=request_summary(job) if job else None,
        base=_base(dataset, job),
        images=_gallery_images(context, dataset, job, first, images),
        first=first + 1,
        page=page,
        pages=pages,
        pending=pending,
    )


def _gallery_images(
    context: AppContext, dataset: m.Dataset, job: m.Job | None, first: int, images: Sequence[IndexedImage]
) -> list[GalleryImage]:
    previews = image_index.read_previews(context.files, dataset.id, image_index.chunk_of(first))
    found = []
    for number, image in enumerate(images, first):
        has_thumbnail = previews is not None and previews.thumbnails[number % CHUNK_IMAGES] is not None
        thumbnail = f"/v1/datasets/{dataset.id}/images/{number}/thumbnail" if has_thumbnail else None
        found.append(GalleryImage(image=image, page=f"{_base(dataset, job)}/images/{number}", thumbnail=thumbnail))
    return found


def _image_page(context: AppContext, user: m.User, dataset: m.Dataset, job: m.Job | None, number: int) -> Response:
    image = dataset_images.find_image(context, dataset, number)
    pending = False
    displayed = dataset_images.location_of_view(context, dataset, number) is not None
    if not displayed:
        pending = dataset_images.request_previews(context, dataset, image_index.chunk_of(number))
    delivered, shows_delivered = None, True
    if job is not None:
        delivered = dataset_images.find_delivered(context, job, number)
        if image.format not in SHOWN_BY_BROWSERS:
            shows_delivered = is_displayable(context.files, job.archive_key or "", delivered.location)
    return render_page(
        "image.html",
        user=user,
        dataset=dataset,
        job=job,
        job_summary=request_summary(job) if job else None,
        base=_base(dataset, job),
        image=image,
        delivered=delivered,
        shows_delivered=shows_delivered,
        number=number,
        gallery_page=number // IMAGES_PER_PAGE + 1,
        original=f"/v1/datasets/{dataset.id}/images/{number}" if displayed else None,
        pending=pending,
    )


def _base(dataset: m.Dataset, job: m.Job | None) -> str:
    """The address below which the images lie."""
    return f"/jobs/{job.id}" if job else f"/datasets/{dataset.id}"

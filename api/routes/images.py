"""/v1/datasets/{id}/images and /v1/jobs/{id}/images: single images, as uploaded and as protected."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter

from api import dataset_images
from api.dependencies import Context, OwnDataset, OwnJob
from api.image_files import image_response
from api.openapi import Responses, problem_responses
from api.problems import Problem, not_found
from api.schemas import ImageOut, Page
from store import image_index
from store import models as m

router = APIRouter()

ImageNumber = Annotated[int, PathParameter(ge=0, le=10_000_000, description="The number of the image, from 0.")]
_IMAGE: Responses = {200: {"content": {"image/*": {}}, "description": "The image"}}
_ERRORS = problem_responses({410: "The file was deleted.", 415: "Browsers cannot show this kind of image."})


@router.get("/v1/datasets/{dataset_id}/images", summary="List the images of a dataset", tags=["datasets"])
def list_images(
    dataset: OwnDataset,
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200, description="The largest number of items.")] = 60,
    cursor: Annotated[int, Query(ge=0, le=10_000_000, description="`next` of the page before.")] = 0,
) -> Page[ImageOut]:
    """The images in the order of their paths. A worker makes their thumbnails when they are first listed."""
    images = dataset_images.read_page(context, dataset, cursor, limit)
    for chunk in {image_index.chunk_of(cursor + offset) for offset in range(len(images))}:
        dataset_images.request_previews(context, dataset, chunk)
    following = cursor + len(images)
    return Page(
        items=[ImageOut.of(dataset.id, cursor + offset, image) for offset, image in enumerate(images)],
        next=str(following) if images and following < dataset.images else None,
    )


@router.get(
    "/v1/datasets/{dataset_id}/images/{number}",
    summary="Get an image of a dataset",
    tags=["datasets"],
    response_class=Response,
    responses=_IMAGE | _ERRORS,
)
def get_image(dataset: OwnDataset, number: ImageNumber, context: Context) -> Response:
    """One image of the upload: its own file, or what browsers can show of it if the file is a TIFF, for example."""
    image = dataset_images.find_image(context, dataset, number)
    location = dataset_images.location_of_view(context, dataset, number)
    if location is None:
        if dataset_images.request_previews(context, dataset, image_index.chunk_of(number)):
            raise Problem(404, "This image is being prepared. Try again in a few seconds.", kind="not-prepared")
        raise Problem(415, "Browsers cannot show this kind of image.", kind="not-displayable")
    return image_response(context.files, location.key, location.bytes, path=image.path)


@router.get(
    "/v1/datasets/{dataset_id}/images/{number}/thumbnail",
    summary="Get the thumbnail of an image",
    tags=["datasets"],
    response_class=Response,
    responses=_IMAGE | _ERRORS,
)
def get_image_thumbnail(dataset: OwnDataset, number: ImageNumber, context: Context) -> Response:
    """A small version of one image. It exists some seconds after the image was first listed."""
    location = dataset_images.location_of_thumbnail(context, dataset, number)
    if location is None:
        raise not_found("thumbnail")
    return image_response(context.files, location.key, location.bytes, path=f"thumbnail-{number}")


@router.get(
    "/v1/jobs/{job_id}/images/{number}",
    summary="Get an image of a protected archive",
    response_class=Response,
    responses=_IMAGE | _ERRORS | problem_responses({409: "The job has no archive, or none yet."}),
    tags=["results"],
)
def get_protected_image(job: OwnJob, number: ImageNumber, context: Context) -> Response:
    """One image as the archive of a protect job delivers it, by its number in the dataset."""
    if job.kind != m.PROTECT:
        raise not_found("protect job")
    image = dataset_images.find_delivered(context, job, number)
    return image_response(context.files, job.archive_key or "", image.location, path=image.path)

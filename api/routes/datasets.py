"""/v1/datasets: upload a dataset in one request, read it, delete it."""

from pathlib import Path
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import idempotency, lookup
from api.context import AppContext
from api.deletion import delete_with_files
from api.dependencies import Context, CurrentUser, DatasetId, Db, IdempotencyKeyHeader, OwnDataset, Pagination
from api.idempotency import StoredResponse
from api.openapi import LOCATION, problem_responses, response_headers
from api.problems import Problem, not_found
from api.schemas import DatasetOut, Page
from api.uploads import ingest, multipart
from api.uploads.disk_room import form_room, leaving_room
from api.uploads.ingest import ReceivedUpload
from api.uploads.multipart import MultipartUpload
from core.filenames import MAX_NAME_CHARS
from store import datasets
from store import models as m
from store.object_keys import dataset_prefix

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
log = structlog.get_logger(__name__)

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "One archive (zip, tar, tar.gz or tar.xz) of images, with or without classes.",
        },
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "In place of `file`: images, each with its relative name, such as `cats/a.png`.",
        },
        "name": {
            "type": "string",
            "maxLength": MAX_NAME_CHARS,
            "description": "The name of the dataset. The default is the file's name.",
        },
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}},
}


@router.post(
    "",
    summary="Upload a dataset",
    status_code=201,
    response_model=DatasetOut,
    openapi_extra=_BODY,
    responses=response_headers(201, LOCATION)
    | problem_responses(
        {
            400: "The body is not valid multipart/form-data.",
            409: "The first request with this Idempotency-Key is still in progress.",
            413: "The upload has too many bytes or files.",
            415: "The body is not multipart/form-data, or the file is no archive and no image.",
            422: "The upload cannot be a dataset, or the Idempotency-Key belongs to another request.",
            507: "The service has no room for the upload.",
        }
    ),
)
async def create_dataset(
    request: Request, user: CurrentUser, context: Context, key: IdempotencyKeyHeader = None
) -> Response:
    """Upload one archive or one image as `file`, or images with relative names as `files`.

    The upload is inspected at once, and refused if it is unusable as a whole. A worker then checks every image; the
    dataset is in the state `checking` until it is done.
    """
    _refuse_announced_excess(request, context)
    async with idempotency.reservation(context, owner_id=user.id, key=key) as stored:
        dataset_id = m.new_id()
        path = context.upload_dir / f"form-{dataset_id}"
        context.upload_dir.mkdir(parents=True, exist_ok=True)
        try:
            async with form_room(context, path, _announced_bytes(request)):
                form = await _receive(request, context, path)
            fingerprint = idempotency.fingerprint("POST /v1/datasets", form.digest)
            if stored is not None:
                return idempotency.require_same_request(stored, fingerprint).to_response(replayed=True)
            upload = ReceivedUpload(
                dataset_id=dataset_id,
                owner_id=user.id,
                path=path,
                name=ingest.dataset_name(form.name, form.filename),
                filename=ingest.clean_filename(form.filename),
                request_id=request.state.request_id,
            )
            return await _create(context, upload, key=key, fingerprint=fingerprint)
        finally:
            path.unlink(missing_ok=True)


async def _receive(request: Request, context: AppContext, path: Path) -> MultipartUpload:
    return await multipart.receive_form(
        leaving_room(context, request.stream()),
        request.headers.get("content-type", ""),
        path,
        max_bytes=context.settings.max_upload_bytes,
        max_files=context.settings.max_files,
    )


async def _create(context: AppContext, upload: ReceivedUpload, *, key: str | None, fingerprint: str) -> Response:
    def response_of(dataset: DatasetOut) -> StoredResponse:
        body = dataset.model_dump(mode="json")
        location = f"/v1/datasets/{dataset.id}"
        return StoredResponse(fingerprint=fingerprint, status=201, location=location, body=body)

    def store_response(session: Session, dataset: DatasetOut) -> None:
        if key is not None:
            idempotency.store_response(session, owner_id=upload.owner_id, key=key, response=response_of(dataset))

    dataset = await ingest.ingest_upload(context, upload, on_created=store_response)
    return response_of(dataset).to_response()


def _announced_bytes(request: Request) -> int:
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isascii() and announced.isdigit() else 0


def _refuse_announced_excess(request: Request, context: AppContext) -> None:
    """Raises Problem 413 before the body is read if its announced length exceeds the limit, 415 if it is encoded."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "Send the form as it is, without a Content-Encoding.", kind="unsupported-media-type")
    if _announced_bytes(request) > context.settings.max_upload_bytes + multipart.MAX_OVERHEAD_BYTES:
        raise multipart.too_large(context.settings.max_upload_bytes)


@router.get("", summary="List datasets")
def list_datasets(user: CurrentUser, db: Db, page: Pagination) -> Page[DatasetOut]:
    """Your datasets, newest first."""
    rows, cursor = page.select(db, select(m.Dataset).where(m.Dataset.owner_id == user.id), m.Dataset)
    return Page(items=[DatasetOut.of(row) for row in rows], next=cursor)


@router.get("/{dataset_id}", summary="Get a dataset")
def get_dataset(dataset: OwnDataset) -> DatasetOut:
    """One dataset, with its classes and the files that were skipped."""
    return DatasetOut.of(dataset)


@router.delete(
    "/{dataset_id}",
    summary="Delete a dataset",
    status_code=204,
    responses=problem_responses({409: "A job of this dataset is queued or running."}),
)
def delete_dataset(dataset_id: DatasetId, user: CurrentUser, context: Context) -> Response:
    """Delete a dataset and its files permanently. Its finished jobs stay."""

    def delete_rows(session: Session) -> None:
        lookup.own_dataset(session, user, dataset_id)
        if not datasets.delete(session, dataset_id):
            raise Problem(409, "A job of this dataset is queued or running; cancel it first.", kind="in-use")

    delete_with_files(context, delete_rows, dataset_prefix(dataset_id))
    log.info("dataset.deleted", dataset=dataset_id)
    return Response(status_code=204)


@router.get(
    "/{dataset_id}/thumbnails/{number}",
    summary="Get a thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}},
)
def get_thumbnail(
    dataset: OwnDataset,
    number: Annotated[int, PathParameter(ge=0, le=10_000, description="The index in `thumbnails`, from 0.")],
    context: Context,
) -> Response:
    """A small version of one image, as PNG or JPEG."""
    if number >= len(dataset.thumbs):
        raise not_found("thumbnail")
    try:
        data = context.files.load(dataset.thumbs[number]["key"])
    except FileNotFoundError:
        raise not_found("thumbnail") from None
    media_type = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return Response(data, media_type=media_type, headers={"Cache-Control": "private, max-age=86400, immutable"})

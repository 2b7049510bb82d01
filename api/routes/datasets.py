"""/v1/datasets: send one, see them, delete one."""

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from sqlalchemy import select
from sqlalchemy.orm import Session

from api import idempotency
from api.after_commit import delete_after_commit
from api.context import AppContext
from api.dependencies import Context, CurrentUser, Db, IdempotencyKey, OwnDataset, Pagination
from api.idempotency import StoredResponse
from api.problems import Problem, not_found
from api.schemas import DatasetOut, Page
from api.uploads import ingest, multipart
from api.uploads.ingest import ReceivedUpload
from core.filenames import MAX_NAME_CHARS
from store import datasets
from store import models as m
from store.object_keys import dataset_prefix

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
log = structlog.get_logger(__name__)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "zip, tar, tar.gz or tar.xz"},
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string", "maxLength": MAX_NAME_CHARS},
                    },
                }
            }
        },
    }
}


@router.post("", status_code=201, response_model=DatasetOut, openapi_extra=_BODY)
async def create(request: Request, user: CurrentUser, context: Context, key: IdempotencyKey = None) -> Response:
    """Send a dataset: one archive as `file`, or pictures with relative names as `files`; optionally a `name`.

    It is looked over at once (4xx where it is no good as a whole), and then checked picture by picture by a worker.
    """
    _refuse_overlong(request, context)
    async with idempotency.held(context, owner_id=user.id, key=key) as known:
        dataset_id = m.new_id()
        path = context.upload_dir / f"form-{dataset_id}"
        context.upload_dir.mkdir(parents=True, exist_ok=True)
        try:
            return await _receive(request, context, user, path, dataset_id=dataset_id, key=key, known=known)
        finally:
            path.unlink(missing_ok=True)


async def _receive(
    request: Request,
    context: AppContext,
    user: m.User,
    path: Any,
    *,
    dataset_id: str,
    key: str | None,
    known: StoredResponse | None,
) -> Response:
    parcel = await multipart.receive(
        request.stream(),
        request.headers.get("content-type", ""),
        path,
        most_bytes=context.settings.max_upload_bytes,
        most_files=context.settings.max_files,
    )
    sent = idempotency.fingerprint("POST /v1/datasets", parcel.digest)
    if known is not None:
        return idempotency.same(known, sent).response(replayed="true")
    answers: list[StoredResponse] = []

    def settle(session: Session, dataset: DatasetOut) -> None:
        location = f"/v1/datasets/{dataset.id}"
        answers.append(
            StoredResponse(request=sent, status=201, location=location, body=dataset.model_dump(mode="json"))
        )
        if key is not None:
            idempotency.settle(session, owner_id=user.id, key=key, answer=answers[0])

    upload = ReceivedUpload(
        dataset_id=dataset_id,
        owner_id=user.id,
        path=path,
        name=ingest.checked_name(parcel.name, parcel.filename),
        filename=ingest.checked_filename(parcel.filename),
        request_id=request.state.request_id,
    )
    await ingest.ingest_upload(context, upload, with_it=settle)
    return answers[0].response()


def _refuse_overlong(request: Request, context: AppContext) -> None:
    """Before anything is read, where the request says how long it is. Raises Problem 413."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > context.settings.max_upload_bytes + multipart.OVERHEAD:
        raise multipart.too_large(context.settings.max_upload_bytes)


@router.get("")
def index(user: CurrentUser, db: Db, page: Pagination) -> Page[DatasetOut]:
    """One's datasets, newest first."""
    rows, cursor = page.cut(db, select(m.Dataset).where(m.Dataset.owner_id == user.id), m.Dataset)
    return Page(items=[DatasetOut.of(row) for row in rows], next=cursor)


@router.get("/{dataset_id}")
def show(dataset: OwnDataset) -> DatasetOut:
    """One dataset, with its classes and what was skipped."""
    return DatasetOut.of(dataset)


@router.delete("/{dataset_id}", status_code=204)
def delete(dataset: OwnDataset, db: Db, context: Context) -> Response:
    """Delete a dataset and its files, for good; its finished jobs stay. 409 while a job of it waits or runs."""
    dataset_id = dataset.id
    if not datasets.delete(db, dataset_id):
        raise Problem(409, "A job of this dataset waits or runs; cancel it first.", kind="in-use")
    delete_after_commit(db, context, dataset_prefix(dataset_id))
    log.info("dataset.deleted", dataset=dataset_id)
    return Response(status_code=204)


@router.get(
    "/{dataset_id}/thumbnails/{number}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}},
)
def thumbnail(
    dataset: OwnDataset, number: Annotated[int, PathParameter(ge=0, le=10_000)], context: Context
) -> Response:
    """A small picture of one of the images."""
    if number >= len(dataset.thumbs):
        raise not_found("thumbnail")
    try:
        data = context.files.load(dataset.thumbs[number]["key"])
    except FileNotFoundError:
        raise not_found("thumbnail") from None
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=86400, immutable"})

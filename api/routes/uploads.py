"""/v1/uploads: tus 1.0, so that an upload goes on after any interruption."""

from email.utils import format_datetime
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request, Response

from api.context import AppContext
from api.dependencies import Context, CurrentUser, OwnUpload
from api.problems import Problem
from api.uploads import resumable, tus
from store import models as m

router = APIRouter(tags=["uploads"])

_BODY: dict[str, Any] = {
    "requestBody": {"content": {tus.BODY_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "required": False}
}
_OFFSET: dict[str, Any] = {"Upload-Offset": {"schema": {"type": "integer"}}}
_DATASET: dict[str, Any] = {"Upload-Dataset": {"schema": {"type": "string"}, "description": "when the upload is whole"}}


def tus_version(
    tus_resumable: Annotated[str | None, Header(alias="Tus-Resumable", description="1.0.0")] = None,
) -> None:
    """Raises Problem 412 for a client of another version."""
    if tus_resumable != tus.VERSION:
        detail = f"Send the header `Tus-Resumable: {tus.VERSION}`; this is the version spoken here."
        raise Problem(412, detail, kind="tus-version", headers={"Tus-Version": tus.VERSION})


Spoken = Depends(tus_version)


@router.options("/v1/uploads", status_code=204)
def capabilities(context: Context) -> Response:
    """What this server can do; needs no sign-in."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
            "Tus-Max-Size": str(context.settings.max_upload_bytes),
        },
    )


@router.post(
    "/v1/uploads",
    status_code=201,
    dependencies=[Spoken],
    openapi_extra=_BODY,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}} | _OFFSET | _DATASET}},
)
async def create(
    request: Request,
    user: CurrentUser,
    context: Context,
    upload_length: Annotated[str | None, Header(alias="Upload-Length", description="bytes in all")] = None,
    upload_metadata: Annotated[
        str | None, Header(alias="Upload-Metadata", description="filename and name, in base64")
    ] = None,
    upload_checksum: Annotated[str | None, Header(alias="Upload-Checksum")] = None,
) -> Response:
    """Begin an upload; a body of type application/offset+octet-stream is its first piece."""
    length = tus.parse_number(upload_length, "Upload-Length")
    metadata = tus.parse_metadata(upload_metadata)
    first = request.headers.get("content-type") == tus.BODY_TYPE
    checksum = tus.Checksum(upload_checksum) if upload_checksum and first else None
    _refuse_overlong(request, length if first else 0)

    def begin() -> m.Upload:
        return resumable.begin(context, owner_id=user.id, length=length, metadata=metadata)

    upload = await anyio.to_thread.run_sync(begin)
    headers = {"Location": f"/v1/uploads/{upload.id}", "Upload-Offset": "0", "Upload-Expires": _expires(upload)}
    if first:
        headers |= await _append(context, upload, request, offset=0, checksum=checksum)
    return Response(status_code=201, headers=headers)


@router.head("/v1/uploads/{upload_id}", dependencies=[Spoken], responses={200: {"headers": _OFFSET | _DATASET}})
def where(upload: OwnUpload, context: Context) -> Response:
    """How much has arrived."""
    headers = {
        "Upload-Offset": str(resumable.offset_of(context, upload)),
        "Upload-Length": str(upload.length),
        "Upload-Expires": _expires(upload),
        "Cache-Control": "no-store",
    }
    if upload.dataset_id is not None:
        headers["Upload-Dataset"] = f"/v1/datasets/{upload.dataset_id}"
    return Response(status_code=200, headers=headers)


@router.patch(
    "/v1/uploads/{upload_id}",
    status_code=204,
    dependencies=[Spoken],
    openapi_extra=_BODY,
    responses={204: {"headers": _OFFSET | _DATASET}},
)
async def send(
    request: Request,
    upload: OwnUpload,
    context: Context,
    upload_offset: Annotated[str | None, Header(alias="Upload-Offset", description="where this piece begins")] = None,
    upload_checksum: Annotated[str | None, Header(alias="Upload-Checksum", description="ALGORITHM BASE64")] = None,
) -> Response:
    """The next piece. The last one answers with the address of the dataset, or with what is wrong with the upload."""
    if request.headers.get("content-type") != tus.BODY_TYPE:
        raise Problem(415, f"Send the piece as {tus.BODY_TYPE}.", kind="unsupported-media-type")
    offset = tus.parse_number(upload_offset, "Upload-Offset")
    checksum = tus.Checksum(upload_checksum) if upload_checksum else None
    here = await anyio.to_thread.run_sync(resumable.offset_of, context, upload)
    if upload.dataset_id is not None:
        if offset != here:
            raise Problem(
                409, "This upload is whole already.", kind="wrong-offset", headers={"Upload-Offset": str(here)}
            )
        headers = {"Upload-Offset": str(here), "Upload-Dataset": f"/v1/datasets/{upload.dataset_id}"}
        return Response(status_code=204, headers=headers)
    if offset == here:  # another place is a 409, whatever comes with it
        _refuse_overlong(request, upload.length - offset)
    headers = await _append(context, upload, request, offset=offset, checksum=checksum)
    return Response(status_code=204, headers=headers | {"Upload-Expires": _expires(upload)})


@router.delete("/v1/uploads/{upload_id}", status_code=204, dependencies=[Spoken])
def give_up(upload: OwnUpload, context: Context) -> Response:
    """Forget an upload and what arrived of it; a dataset that it became stays."""
    resumable.remove(context, upload.id)
    return Response(status_code=204)


async def _append(
    context: AppContext, upload: m.Upload, request: Request, *, offset: int, checksum: tus.Checksum | None
) -> dict[str, str]:
    now_at, dataset_id = await resumable.append(
        context, upload, request.stream(), offset=offset, checksum=checksum, request_id=request.state.request_id
    )
    headers = {"Upload-Offset": str(now_at)}
    return headers if dataset_id is None else headers | {"Upload-Dataset": f"/v1/datasets/{dataset_id}"}


def _refuse_overlong(request: Request, room: int) -> None:
    """Before anything is read, where the request says how much it brings. Raises Problem 413."""
    announced = request.headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) > room:
        raise Problem(
            413, f"This request brings {announced} bytes; there is room for {max(0, room)}.", kind="too-large"
        )


def _expires(upload: m.Upload) -> str:
    return format_datetime(upload.expires_at, usegmt=True)

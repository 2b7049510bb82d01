"""/v1/uploads: resumable uploads by the tus 1.0 protocol."""

from email.utils import format_datetime
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Request, Response

from api.context import AppContext
from api.dependencies import Context, CurrentUser, OwnUpload
from api.openapi import LOCATION, PUBLIC, problem_responses, response_headers
from api.problems import Problem
from api.uploads import ingest, removal, resumable, tus
from api.uploads.resumable import Chunk
from store import models as m

router = APIRouter(tags=["uploads"])

_BODY: dict[str, Any] = {
    "requestBody": {"content": {tus.BODY_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "required": False}
}
_UPLOAD_HEADERS: dict[str, Any] = {
    "Upload-Offset": {"schema": {"type": "integer"}, "description": "How many bytes have arrived."},
    "Upload-Expires": {"schema": {"type": "string"}, "description": "When the unfinished upload is removed."},
    "Upload-Dataset": {
        "schema": {"type": "string"},
        "description": "The address of the dataset, once the upload is complete.",
    },
}
_APPEND_ERRORS = problem_responses(
    {
        400: "A header is not valid.",
        412: "The header Tus-Resumable is missing, or names another version.",
        413: "The upload is too large, or longer than Upload-Length.",
        415: "The body has the wrong type, or the complete upload is not an archive.",
        422: "The complete upload cannot be a dataset.",
        423: "Another request is sending to this upload.",
        460: "The body does not have the announced checksum.",
        507: "The service has no room for the upload.",
    }
)
UploadChecksum = Annotated[
    str | None,
    Header(
        alias="Upload-Checksum", description="The algorithm (sha1, sha256 or md5), and the body's digest in base64."
    ),
]


async def require_tus_version(
    tus_resumable: Annotated[
        str | None,
        Header(
            alias="Tus-Resumable",
            description=f"The version of the protocol: {tus.VERSION}.",
            json_schema_extra={"enum": [tus.VERSION]},
        ),
    ] = None,
) -> None:
    """Raises Problem 412 for a client of another version of tus, or of none."""
    if tus_resumable != tus.VERSION:
        detail = f"Send the header `Tus-Resumable: {tus.VERSION}`; this service knows no other version."
        raise Problem(412, detail, kind="tus-version", headers={"Tus-Version": tus.VERSION})


RequireTus = Depends(require_tus_version)


@router.options("/v1/uploads", summary="Get the capabilities of the tus server", status_code=204, openapi_extra=PUBLIC)
def get_tus_capabilities(context: Context) -> Response:
    """The protocol version, the extensions, the checksum algorithms and the largest size, in headers."""
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
    summary="Begin a resumable upload",
    status_code=201,
    dependencies=[RequireTus],
    openapi_extra=_BODY,
    responses=response_headers(201, LOCATION | _UPLOAD_HEADERS) | _APPEND_ERRORS,
)
async def create_upload(
    request: Request,
    user: CurrentUser,
    context: Context,
    upload_length: Annotated[
        str | None, Header(alias="Upload-Length", description="The length of the whole upload in bytes.")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        Header(alias="Upload-Metadata", description="`filename`, and optionally the dataset's `name`, in base64."),
    ] = None,
    upload_checksum: UploadChecksum = None,
) -> Response:
    """Begin an upload. A body of type application/offset+octet-stream contains its first bytes.

    `X-HTTP-Method-Override: PATCH`, `HEAD` or `DELETE` turns a POST to an upload into that method.
    """
    tus.refuse_unsupported(request.headers)
    length = tus.parse_number(upload_length, "Upload-Length")
    metadata = tus.parse_metadata(upload_metadata)
    if length == 0:
        raise Problem(422, "The file is empty; send the images as a zip, tar, tar.gz or tar.xz.", kind="bad-upload")
    ingest.refuse_unsupported_archive(metadata.get("filename", ""))
    has_content = _has_content(request)
    if upload_checksum and not has_content:
        raise tus.bad_request("Upload-Checksum is of a body, and this request has none.")
    checksum = tus.Checksum(upload_checksum) if upload_checksum else None
    _refuse_announced_excess(request, length if has_content else 0)

    def begin() -> m.Upload:
        return resumable.begin(context, owner_id=user.id, length=length, metadata=metadata)

    upload = await anyio.to_thread.run_sync(begin)
    headers = {"Location": f"/v1/uploads/{upload.id}", "Upload-Offset": "0", "Upload-Expires": _expires(upload)}
    if has_content:
        headers |= await _append(context, upload, request, offset=0, checksum=checksum)
    return Response(status_code=201, headers=headers)


@router.head(
    "/v1/uploads/{upload_id}",
    summary="Get the offset of an upload",
    dependencies=[RequireTus],
    responses=response_headers(200, _UPLOAD_HEADERS)
    | problem_responses({410: "The upload has expired.", 412: "The header Tus-Resumable is missing or wrong."}),
)
def get_upload_offset(upload: OwnUpload, context: Context) -> Response:
    """How many bytes have arrived, in `Upload-Offset`. Continue there after an interruption."""
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
    summary="Send the next bytes of an upload",
    status_code=204,
    dependencies=[RequireTus],
    openapi_extra=_BODY,
    responses=response_headers(204, _UPLOAD_HEADERS)
    | _APPEND_ERRORS
    | problem_responses({409: "Upload-Offset is not the offset of the upload.", 410: "The upload has expired."}),
)
async def append_to_upload(
    request: Request,
    upload: OwnUpload,
    context: Context,
    upload_offset: Annotated[
        str | None, Header(alias="Upload-Offset", description="The offset of the body in the upload, in bytes.")
    ] = None,
    upload_checksum: UploadChecksum = None,
) -> Response:
    """Append the body to an upload.

    The response to the last bytes names the dataset in `Upload-Dataset`, or says what is wrong with the upload.
    """
    tus.refuse_unsupported(request.headers)
    if request.headers.get("content-type") != tus.BODY_TYPE:
        raise Problem(415, f"Send the bytes as {tus.BODY_TYPE}.", kind="unsupported-media-type")
    offset = tus.parse_number(upload_offset, "Upload-Offset")
    checksum = tus.Checksum(upload_checksum) if upload_checksum else None
    current = await anyio.to_thread.run_sync(resumable.offset_of, context, upload)
    if upload.dataset_id is not None:
        if offset != current:
            detail, headers = "This upload is complete already.", {"Upload-Offset": str(current)}
            raise Problem(409, detail, kind="wrong-offset", headers=headers)
        headers = {"Upload-Offset": str(current), "Upload-Dataset": f"/v1/datasets/{upload.dataset_id}"}
        return Response(status_code=204, headers=headers)
    if offset == current:  # a wrong offset is a 409 whatever the length of the body
        _refuse_announced_excess(request, upload.length - offset)
    headers = await _append(context, upload, request, offset=offset, checksum=checksum)
    return Response(status_code=204, headers=headers | {"Upload-Expires": _expires(upload)})


@router.delete(
    "/v1/uploads/{upload_id}",
    summary="Delete an upload",
    status_code=204,
    dependencies=[RequireTus],
    responses=problem_responses({412: "The header Tus-Resumable is missing or wrong."}),
)
def delete_upload(upload: OwnUpload, context: Context) -> Response:
    """Delete an upload and the bytes that arrived. The dataset that a complete upload became stays."""
    removal.remove(context, upload.id)
    return Response(status_code=204)


async def _append(
    context: AppContext, upload: m.Upload, request: Request, *, offset: int, checksum: tus.Checksum | None
) -> dict[str, str]:
    """Append the body of a request; the headers of its response."""
    chunk = Chunk(stream=request.stream(), offset=offset, checksum=checksum, request_id=request.state.request_id)
    new_offset, dataset_id = await resumable.append(context, upload, chunk)
    headers = {"Upload-Offset": str(new_offset)}
    return headers if dataset_id is None else headers | {"Upload-Dataset": f"/v1/datasets/{dataset_id}"}


def _has_content(request: Request) -> bool:
    """Whether a creation has the first bytes of the upload. Raises Problem 415 for a body of another type."""
    if request.headers.get("content-type") == tus.BODY_TYPE:
        return True
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raise Problem(415, f"Send the first bytes as {tus.BODY_TYPE}, or none.", kind="unsupported-media-type")
    return False


def _refuse_announced_excess(request: Request, room: int) -> None:
    """Raises Problem 413 before the body is read if its announced length exceeds `room` bytes."""
    announced = request.headers.get("content-length")
    if announced is not None and announced.isdigit() and int(announced) > room:
        detail = f"This request has {announced} bytes, and the upload has room for {max(0, room)}."
        raise Problem(413, detail, kind="too-large")


def _expires(upload: m.Upload) -> str:
    return format_datetime(upload.expires_at, usegmt=True)

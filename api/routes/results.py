"""The results of a job: its report, its archive, and links to the archive that need no token."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi import Path as PathParameter

from api import downloads, signed_links
from api.accept import prefers_html
from api.context import AppContext
from api.dependencies import Context, Db, OwnJob
from api.downloads import StoredFile
from api.openapi import PUBLIC, Responses, problem_responses
from api.origins import outward_url
from api.problems import Problem, not_found
from api.schemas import LinkIn, LinkOut
from core.reports.templating import SCRIPT_SOURCE
from store import datasets
from store import models as m
from store.object_keys import checkpoint_key

router = APIRouter(tags=["results"])

REPORT_POLICY = (
    f"default-src 'none'; script-src {SCRIPT_SOURCE}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
_ZIP: dict[str, Any] = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
_REPORT: Responses = {200: {"content": {"application/json": {}, "text/html": {}}, "description": "The report"}}
_NO_RESULT = problem_responses({409: "The job has no such result, or none yet.", 410: "The file was deleted."})
_ARCHIVE: Responses = {
    200: _ZIP | {"description": "The archive"},
    206: _ZIP | {"description": "The part of the archive that `Range` requested"},
    304: {"description": "The client has the archive already"},
    307: {
        "description": "With an S3 store that browsers reach: the archive is at `Location`, for five minutes. Follow "
        "without the header `Authorization`."
    },
    **_NO_RESULT,
    **problem_responses({416: "The requested range begins after the end of the archive."}),
}
SignedPart = Annotated[str, PathParameter(description="The signed part of a link.")]


@router.get(
    "/v1/jobs/{job_id}/report",
    summary="Get the report",
    response_class=Response,
    responses=_REPORT | _NO_RESULT,
)
def get_report(job: OwnJob, request: Request, context: Context) -> Response:
    """The report of a job: an HTML page if `Accept` prefers text/html, else JSON."""
    as_page = prefers_html(request.headers.get("accept", ""))
    key = _result_key(job, job.page_key if as_page else job.report_key)
    try:
        return report_response(context.files.load(key), as_page=as_page)
    except FileNotFoundError:
        raise Problem(410, "This report was deleted.", kind="gone") from None


def report_response(data: bytes, *, as_page: bool) -> Response:
    """A report as a response.

    Args:
        data: The file of the report.
        as_page: Whether it is the HTML page. The page runs no script but the one of the
            sliders, and only pages of this service may frame it.

    Returns:
        The response.
    """
    headers = {"Vary": "Accept", "Cache-Control": "private, no-cache"}
    if not as_page:
        return Response(data, media_type="application/json", headers=headers)
    headers |= {"Content-Security-Policy": REPORT_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(data, media_type="text/html", headers=headers)


@router.get(
    "/v1/jobs/{job_id}/rows",
    summary="Get the measured rows of a verification",
    response_class=Response,
    responses=_REPORT | problem_responses({404: "The job is no verify job of yours, or no row is measured yet."}),
)
def get_rows(job: OwnJob, request: Request, context: Context) -> Response:
    """The report of a verify job with the rows that are measured so far, as JSON or HTML like the report."""
    if job.kind != m.VERIFY:
        raise not_found("verify job")
    as_page = prefers_html(request.headers.get("accept", ""))
    final_key = job.page_key if as_page else job.report_key
    try:
        data = context.files.load(final_key or checkpoint_key(job.id, "report.html" if as_page else "report.json"))
    except FileNotFoundError:
        raise Problem(404, "No row of this job has been measured yet.", kind="no-rows") from None
    return report_response(data, as_page=as_page)


@router.get(
    "/v1/jobs/{job_id}/archive",
    summary="Download the protected archive",
    response_class=Response,
    responses=_ARCHIVE,
)
@router.head("/v1/jobs/{job_id}/archive", response_class=Response, include_in_schema=False)
def get_archive(job: OwnJob, request: Request, db: Db, context: Context) -> Response:
    """The protected images as a zip, as soon as they are written (`archive_ready_at` of the job).

    While the evidence is measured, its report says so. Then an archive with the whole report takes its place, and the
    `ETag` changes. Honours `Range`, `If-Range`, `If-None-Match` and `If-Modified-Since`. A range without `If-Range`
    that begins after the images is answered by the whole archive, so that a download that resumes never mixes the two.
    """
    return _archive_response(context, request, job, db.get(m.Dataset, job.dataset_id) if job.dataset_id else None)


@router.post(
    "/v1/jobs/{job_id}/links",
    summary="Make a download link",
    status_code=201,
    responses=problem_responses({409: "The job has no archive, or none yet."}),
)
def create_link(
    job: OwnJob, request: Request, context: Context, requested: Annotated[LinkIn | None, Body()] = None
) -> LinkOut:
    """Make a link to the archive that needs no token until it expires. It leads to the archive as it then is."""
    _archive_key(job)
    link = signed_links.create(context, job.id, seconds=requested.seconds if requested else None)
    return LinkOut(url=f"{outward_url(request, context.settings)}/v1/links/{link.signed}", expires_at=link.expires_at)


@router.get(
    "/v1/links/{signed}",
    summary="Download the protected archive by a link",
    response_class=Response,
    openapi_extra=PUBLIC,
    responses=_ARCHIVE | problem_responses({410: "The link has expired, or the file was deleted."}),
)
@router.head("/v1/links/{signed}", response_class=Response, include_in_schema=False)
def get_archive_by_link(signed: SignedPart, request: Request, db: Db, context: Context) -> Response:
    """The protected archive, for everyone who has the link. Honours the same headers as the archive's own address."""
    job = db.get(m.Job, signed_links.read(context, signed))
    if job is None:
        raise not_found("link")
    return _archive_response(context, request, job, db.get(m.Dataset, job.dataset_id) if job.dataset_id else None)


def _archive_response(context: AppContext, request: Request, job: m.Job, dataset: m.Dataset | None) -> Response:
    file = StoredFile(
        key=_archive_key(job),
        size=job.archive_bytes or 0,
        modified=(job.finished_at if job.state == m.SUCCEEDED else job.archive_ready_at) or job.created_at,
        filename=datasets.archive_filename(dataset),
        common_bytes=job.archive_common_bytes,
    )
    return downloads.serve(context.files, request, file)


def _archive_key(job: m.Job) -> str:
    """The key of the archive, which may be ready before the job is over. Raises Problem 409 if there is none yet."""
    return _result_key(job, None) if job.archive_key is None else job.archive_key


def _result_key(job: m.Job, key: str | None) -> str:
    """The key of a result. Raises Problem 409 if the job has no such result, or none yet."""
    if job.kind == m.TRAIN:
        detail = f"A train job makes a generator and no archive; see /v1/generators/{job.id}."
        raise Problem(409, detail, kind="no-archive")
    if job.kind == m.VERIFY and job.state == m.SUCCEEDED and key is None:
        raise Problem(409, "A verify job makes a report and no archive.", kind="no-archive")
    if job.state != m.SUCCEEDED or key is None:
        raise Problem(409, f"This job has no result: its state is {job.state}.", kind="not-succeeded")
    return key

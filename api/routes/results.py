"""What a job that succeeded left: its report, its archive, and links to it that need no token."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from api import downloads, signed_links
from api.context import AppContext
from api.dependencies import Context, Db, OwnJob
from api.problems import Problem, not_found
from api.schemas import LinkIn, LinkOut
from store import models as m
from store.object_keys import checkpoint_key

router = APIRouter(tags=["results"])

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin"
)
_ZIP: dict[str, Any] = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
_REPORT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/html": {}}}}
_ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: _ZIP | {"description": "The archive"},
    206: _ZIP | {"description": "The part of it that Range asked for"},
    304: {"description": "The client has it"},
}


@router.get(
    "/v1/jobs/{job_id}/report",
    response_class=Response,
    responses=_REPORT,
)
def report(job: OwnJob, request: Request, context: Context) -> Response:
    """The report: as a page where `Accept` prefers text/html, else as JSON."""
    as_page = prefers_page(request.headers.get("accept", ""))
    key = _key(job, job.page_key if as_page else job.report_key)
    try:
        return report_answer(context.files.load(key), as_page=as_page)
    except FileNotFoundError:
        raise Problem(410, "This report is not here any more.", kind="gone") from None


def report_answer(data: bytes, *, as_page: bool) -> Response:
    """A report as JSON, or as a page that runs nothing and that only our own pages may frame."""
    headers = {"Vary": "Accept", "Cache-Control": "private, no-cache"}
    if not as_page:
        return Response(data, media_type="application/json", headers=headers)
    own = {"Content-Security-Policy": REPORT_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(data, media_type="text/html", headers=headers | own)


@router.get("/v1/jobs/{job_id}/rows", response_class=Response, responses=_REPORT)
def rows(job: OwnJob, request: Request, context: Context) -> Response:
    """A verify job's report as far as it is: every row that is measured. 404 before the first."""
    if job.kind != m.VERIFY:
        raise not_found("verify job")
    as_page = prefers_page(request.headers.get("accept", ""))
    done = job.page_key if as_page else job.report_key
    try:
        data = context.files.load(done or checkpoint_key(job.id, "report.html" if as_page else "report.json"))
    except FileNotFoundError:
        raise Problem(404, "No row of this job has been measured yet.", kind="no-rows") from None
    return report_answer(data, as_page=as_page)


@router.get("/v1/jobs/{job_id}/archive", response_class=Response, responses=_ARCHIVE)
@router.head("/v1/jobs/{job_id}/archive", response_class=Response, include_in_schema=False)
def archive(job: OwnJob, request: Request, db: Db, context: Context) -> Response:
    """The protected archive; takes Range, If-Range and If-None-Match."""
    return _archive(context, request, job, _filename(db.get(m.Dataset, job.dataset_id) if job.dataset_id else None))


@router.post("/v1/jobs/{job_id}/links", status_code=201)
def link(job: OwnJob, request: Request, context: Context, wanted: Annotated[LinkIn | None, Body()] = None) -> LinkOut:
    """An address of the archive that needs no token, for a while."""
    _key(job, job.archive_key)
    made = signed_links.make(context, job.id, seconds=wanted.seconds if wanted else None)
    base = context.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return LinkOut(url=f"{base}/v1/links/{made.signed}", expires_at=made.expires_at)


@router.get("/v1/links/{signed}", response_class=Response, responses=_ARCHIVE)
@router.head("/v1/links/{signed}", response_class=Response, include_in_schema=False)
def by_link(signed: str, request: Request, db: Db, context: Context) -> Response:
    """The protected archive, by a link; takes what the archive's own address takes."""
    job = db.get(m.Job, signed_links.read(context, signed))
    if job is None:
        raise not_found("link")
    return _archive(context, request, job, _filename(db.get(m.Dataset, job.dataset_id) if job.dataset_id else None))


def _archive(context: AppContext, request: Request, job: m.Job, filename: str) -> Response:
    key = _key(job, job.archive_key)
    modified = job.finished_at or job.created_at
    return downloads.serve(
        context.files, request, key=key, size=job.archive_bytes or 0, modified=modified, filename=filename
    )


def _key(job: m.Job, key: str | None) -> str:
    """Where a result is. Raises Problem 409 before there is one."""
    if job.kind == m.TRAIN:
        raise Problem(409, f"A train job makes a generator, no archive: /v1/generators/{job.id}.", kind="no-archive")
    if job.kind == m.VERIFY and job.state == m.SUCCEEDED and key is None:
        raise Problem(409, "A verify job makes a report, no archive.", kind="no-archive")
    if job.state != m.SUCCEEDED or key is None:
        detail = f"This job has no result: its state is {job.state}."
        raise Problem(409, detail, kind="not-succeeded")
    return key


def _filename(dataset: m.Dataset | None) -> str:
    name = (dataset.name if dataset else "dataset").replace("/", "_").replace("\\", "_")
    return f"{name}-protected.zip"


def prefers_page(accept: str) -> bool:
    """Whether `Accept` names text/html, and nothing with JSON in it with more weight."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        weights[kind.lower()] = next((_weight(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    page = weights.get("text/html", 0.0)
    return page > 0 and page >= weights.get("application/json", 0.0)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

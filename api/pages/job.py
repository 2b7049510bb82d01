"""One job: how far it is, how it ended, and its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import job_requests
from api.after_commit import after_commit
from api.context import AppContext
from api.dependencies import Context, CurrentRequest, CurrentUser, Db, OwnJob
from api.pages import evidence, listing
from api.pages.forms import verify as verify_form
from api.pages.forms.protect import errors as errors_of
from api.pages.labels import stage_words
from api.pages.render import page
from api.problems import not_found
from core.errors import SpecError
from core.reports.heatmap import training_label
from core.results.protection import Report
from core.specs.catalog import ARCHITECTURE_LABELS
from core.specs.presets import QUICK, has_noise_network
from core.specs.protect import EVIDENCE_AMOUNTS, INSTANT, ProtectSpec
from core.specs.verify import VerifySpec
from store import job_events, jobs
from store import models as m
from store.object_keys import checkpoint_key
from store.object_store import StoreError

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Frame:
    """One stage in the strip: done, now or to come."""

    key: str
    label: str
    state: str


@router.get("/jobs/{job_id}")
def show(user: CurrentUser, job: OwnJob, db: Db, context: Context) -> Response:
    """The job as it is now."""
    return _page(db, context, user, job)


async def _ticked(request: Request) -> dict[str, list[str]]:
    form = await request.form()
    return {name: [value for value in form.getlist(name) if isinstance(value, str)] for name in form}


Ticked = Annotated[dict[str, list[str]], Depends(_ticked)]


@router.post("/jobs/{job_id}/verify")
def verify(request: CurrentRequest, job: OwnJob, sent: Ticked) -> Response:
    """Start a verification of this job and go to its page; or show the form again, with what is wrong."""
    job_requests.check_may_request(request.user, m.VERIFY)
    try:
        started = job_requests.request_job_verification(request, job.id, verify_form.asked(sent))
    except SpecError as error:
        return _page(request.session, request.app, request.user, job, sent=sent, errors=errors_of(error))
    return RedirectResponse(f"/jobs/{started.id}", status_code=303)


def _page(
    db: Session,
    context: AppContext,
    user: m.User,
    job: m.Job,
    *,
    sent: Mapping[str, Sequence[str]] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    name = _name(db, job)
    report = _report(context, job)
    verifiable = user.role == "admin" and job.kind == m.PROTECT and job.state == m.SUCCEEDED and job.dataset_id
    return page(
        "job.html",
        user=user,
        status=422 if errors else 200,
        j=listing.values(job),
        name=name,
        title=listing.title(job, name),
        heading=listing.heading(job, name),
        strip=_strip(job),
        doing=_doing(db, job),
        asked=_asked(job),
        origin=_origin(job),
        rows_asked=listing.row_count(job.spec) if job.kind == m.VERIFY else None,
        has_rows=job.kind == m.VERIFY
        and (job.report_key or context.files.exists(checkpoint_key(job.id, "report.html"))),
        verify=_verify_form(db, job, sent, errors or {}) if verifiable else None,
        verifications=listing.job_cards(db, jobs.verifications(db, job)),
        **(evidence.context(report) if report else {"report": None}),
    )


def _origin(job: m.Job) -> str | None:
    """Where one like this is asked for; None where its dataset is gone."""
    if job.dataset_id is None:
        return None
    if job.kind == m.VERIFY:
        return f"/jobs/{job.target_job_id}#verify" if job.target_job_id else f"/datasets/{job.dataset_id}"
    return f"/datasets/{job.dataset_id}#{'train' if job.kind == m.TRAIN else 'protect'}"


def _verify_form(
    db: Session, job: m.Job, sent: Mapping[str, Sequence[str]] | None, errors: Mapping[str, str]
) -> dict[str, Any]:
    target, dataset = ProtectSpec.parse(job.spec), db.get(m.Dataset, job.dataset_id)
    return {
        "groups": verify_form.groups(target),
        "classes": verify_form.classes(target, dataset.classes if dataset else ()),
        "scales": verify_form.scales(),
        "shown": verify_form.defaults(target) if sent is None else verify_form.values(sent),
        "errors": errors,
    }


@router.post("/jobs/{job_id}/cancel")
def cancel(user: CurrentUser, job: OwnJob, db: Db, context: Context) -> Response:
    """Ask the worker to stop; nothing happens where the job is over already."""
    jobs.request_cancel(db, job.id)
    house_settings, job_id = context.settings, job.id
    after_commit(db, lambda: job_events.publish(house_settings, job_id))
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.get("/jobs/{job_id}/report")
def report(user: CurrentUser, job: OwnJob, db: Db) -> Response:
    """The report with its pictures, in a frame that runs no scripts. Raises Problem 404 before there is one."""
    if job.state != m.SUCCEEDED or job.kind == m.TRAIN:
        raise not_found("report" if job.kind == m.TRAIN else "report yet")
    name = _name(db, job)
    return page("report.html", user=user, j=listing.values(job), name=name, deed=listing.deed(job, name))


@router.get("/jobs/{job_id}/report.json")
def data(job: OwnJob, context: Context) -> Response:
    """The report's numbers, to keep."""
    if job.report_key is None:
        raise not_found("report")
    headers = {"Content-Disposition": "attachment; filename=report.json", "Cache-Control": "no-store"}
    return Response(context.files.load(job.report_key), media_type="application/json", headers=headers)


def _report(context: AppContext, job: m.Job) -> Report | None:
    if job.state != m.SUCCEEDED or job.report_key is None or job.kind == m.VERIFY:
        return None
    try:
        return Report.from_json(context.files.load(job.report_key))
    except (StoreError, FileNotFoundError):
        return None


def _name(session: Session, job: m.Job) -> str:
    dataset = session.get(m.Dataset, job.dataset_id) if job.dataset_id else None
    return dataset.name if dataset else "a deleted dataset"


def _strip(job: m.Job) -> list[Frame]:
    without = {"evidence"} if job.spec.get("evidence") == EVIDENCE_AMOUNTS[0] else set()
    trained = job.spec.get("generator_id") or job.spec.get("preset") == INSTANT
    without |= {"training"} if trained else set()
    without |= {"noise"} if job.kind == m.TRAIN and "evidence" in without else set()  # noise is made to be measured
    without |= {"training", "noise", "writing", "report"} if job.kind == m.VERIFY else set()
    without |= set() if has_noise_network(job.spec.get("preset", QUICK.name), job.spec.get("method")) else {"network"}
    without |= set() if job.spec.get("grey") else {"grey"}
    words = stage_words(job.kind)
    keys = [key for key in words if key not in without]
    at = keys.index(job.stage) if job.state == m.RUNNING and job.stage in keys else -1
    states = ["done" if n < at else "now" if n == at else "later" for n in range(len(keys))]
    return [Frame(key, words[key].label, state) for key, state in zip(keys, states, strict=True)]


def _doing(session: Session, job: m.Job) -> str:
    if job.state == m.RUNNING:
        if job.cancel_requested:
            return "Stopping"
        return listing.stage_doing(job)
    dataset = session.get(m.Dataset, job.dataset_id) if job.dataset_id else None
    if dataset is not None and dataset.state == m.CHECKING:
        return "Waiting until the upload is checked"
    return "Waiting for its turn"


def _asked(job: m.Job) -> list[tuple[str, Any]]:
    spec = job.spec
    if job.kind == m.VERIFY:
        return _asked_to_verify(VerifySpec.parse(spec))
    asked: list[tuple[str, Any]] = [("Name", spec["name"])] if spec.get("name") else []
    asked += [
        ("Strength", f"{spec.get('radius_u', 8)} of 255"),
        ("Thoroughness", spec.get("preset", "quick")),
        ("Method", spec["method"].upper() if spec.get("method") else "the preset’s"),
        ("Seed", spec.get("seed", 0)),
    ]
    if spec.get("grey"):
        asked.append(("In grey", "trained against it, too"))
    asked.append(("Measurement", spec.get("evidence", "quick")))
    if job.kind == m.PROTECT:
        asked.append(("Format", spec.get("format", "png")))
    if spec.get("generator_id"):
        asked.append(("Trained generator", spec["generator_id"]))
    if spec.get("percentage", 100) != 100:
        asked.append(("Share protected", f"{spec['percentage']} %"))
    if not spec.get("eot", True):
        asked.append(("Random crops and mirrors", "left out"))
    if spec.get("radius_a") is not None:
        asked.append(("Training to withstand", f"{spec['radius_a']} of 255"))
    return asked


def _asked_to_verify(spec: VerifySpec) -> list[tuple[str, Any]]:
    shares = ", ".join(f"{share} %" for share in spec.percentages)
    name = spec.protected_class
    return [
        ("Networks", ", ".join(ARCHITECTURE_LABELS[name] for name in spec.architectures)),
        ("Trainings", ", ".join(map(training_label, spec.trainings))),
        ("Countermeasures", ", ".join(spec.countermeasures)),
        ("Shares protected", shares) if name is None else ("Protected and tested", f"“{name}” alone"),
        ("Length of training", spec.scale),
        ("Runs of each", spec.seeds),
    ]

"""The page of one dataset: its images and classes, the files that were left out, and the forms that start jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import job_requests, trials
from api.context import AppContext
from api.dependencies import Context, CurrentRequest, CurrentUser, DatasetId, Db, OwnDataset
from api.pages import listing
from api.pages.forms import protect as protect_form
from api.pages.forms import train as train_form
from api.pages.forms.fields import error_messages
from api.pages.forms.submission import SubmittedFields
from api.pages.layout_choices import folder_choices, layout_options, left_out_by_default
from api.pages.render import render_page
from api.pages.trial import trial_view
from api.pages.waiting import estimate_in_words, form_estimates
from api.problems import field_problem
from api.routes import datasets as rest
from core.errors import SpecError
from core.specs.protect import NO_LABEL
from store import datasets, generators
from store import models as m
from store.reference_datasets import reference_datasets
from store.trials import MAX_TRIAL_IMAGES

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class _FormState:
    """The values of a form, and what is wrong by field."""

    values: Mapping[str, Any]
    errors: Mapping[str, str]


@router.get("/datasets/{dataset_id}")
def show(user: CurrentUser, dataset: OwnDataset, db: Db, context: Context) -> Response:
    """Show the dataset as it is now."""
    return _page(db, context, user, dataset)


@router.post("/datasets/{dataset_id}/protect")
def protect(request: CurrentRequest, dataset: OwnDataset, submitted: SubmittedFields) -> Response:
    """Start a protection and redirect to its page; if the form has errors, show it again."""
    try:
        job = job_requests.request_protection(request, dataset, protect_form.requested_spec(submitted))
    except SpecError as error:
        values = protect_form.submitted_values(submitted)
        state = _FormState(values=values, errors=error_messages(error))
        return _page(request.session, request.app, request.user, dataset, protect=state)
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.post("/datasets/{dataset_id}/trial")
def try_it(request: CurrentRequest, dataset: OwnDataset, submitted: SubmittedFields) -> Response:
    """Start a trial and redirect to the dataset's page, which shows it.

    Raises:
        Problem: 409 if the dataset is not ready; 422 for images that it does not have.
    """
    text = submitted.get("images", "")
    if not all(number.isascii() and number.isdigit() for number in text.split(",") if text):
        raise field_problem("images", "must be numbers, separated by commas")
    numbers = [int(number) for number in text.split(",")][:MAX_TRIAL_IMAGES] if text else None
    trials.request_trial(request, dataset, numbers)
    return RedirectResponse(f"/datasets/{dataset.id}#trial", status_code=303)


@router.post("/datasets/{dataset_id}/train")
def train(request: CurrentRequest, dataset: OwnDataset, submitted: SubmittedFields) -> Response:
    """Start to train a generator and redirect to the job's page; if the form has errors, show it again.

    Raises:
        Problem: 403 if the user is not an admin.
    """
    job_requests.check_may_request(request.user, m.TRAIN)
    try:
        job = job_requests.request_training(request, dataset, train_form.requested_spec(submitted))
    except SpecError as error:
        state = _FormState(values=train_form.submitted_values(submitted), errors=error_messages(error))
        return _page(request.session, request.app, request.user, dataset, train=state)
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.post("/datasets/{dataset_id}/delete")
def delete(dataset_id: DatasetId, user: CurrentUser, context: Context) -> Response:
    """Delete the dataset as the REST interface does, and redirect to the start page.

    Raises:
        Problem: 409 while a job of the dataset waits or runs.
    """
    rest.delete_dataset(dataset_id, user, context)
    return RedirectResponse("/", status_code=303)


def _page(
    db: Session,
    context: AppContext,
    user: m.User,
    dataset: m.Dataset,
    *,
    protect: _FormState | None = None,
    train: _FormState | None = None,
) -> Response:
    """Render the page; a form that was submitted with errors replaces the empty one."""
    status = 422 if protect or train else 200
    first = protect_form.default_values(len(dataset.classes) if dataset.state == m.READY else None)
    protect = protect or _FormState(values=first, errors={})
    train = train or _FormState(values=train_form.default_values(), errors={})
    may_train = user.role == "admin" and dataset.state != m.REJECTED
    return render_page(
        "dataset.html",
        user=user,
        status=status,
        dataset=dataset,
        thumbnails=listing.thumbnails_of(dataset),
        named_classes=sum(c["name"] != NO_LABEL for c in dataset.classes),
        largest_class=max((c["images"] for c in dataset.classes), default=1),
        check=listing.check_of_dataset(db, dataset),
        jobs=listing.job_cards(db, listing.jobs_of_dataset(db, dataset)),
        protect=protect_form.form_fields(
            protect.values,
            protect.errors,
            generators=generators.compatible_generators(db, dataset),
            references=reference_datasets(db, dataset) if datasets.classes_by(dataset, "auto") == 1 else (),
        ),
        layout_question=layout_options(dataset),
        folder_choices=folder_choices(dataset, _requested_folders(protect.values)),
        left_out_by_default="\n".join(left_out_by_default(dataset)),
        estimates=form_estimates(db, dataset),
        estimate=estimate_in_words(db, dataset, protect_form.requested_spec(_as_submitted(protect.values))),
        advanced_open=protect_form.has_advanced_changes(protect.values, first, protect.errors),
        small_images=datasets.are_small(dataset),
        trial=trial_view(db, context, dataset),
        train=train_form.form_fields(dataset.name, train.values, train.errors) if may_train else None,
    )


def _as_submitted(values: Mapping[str, Any]) -> dict[str, str]:
    """The values of a form as a browser sends them: text, without what is empty or not checked."""
    return {name: str(value) for name, value in values.items() if value not in ("", False)}


def _requested_folders(values: Mapping[str, Any]) -> list[str] | None:
    """The folders that were chosen in a submitted form; None for those that are left out by default."""
    folders = values.get("leave_out")
    return folders if isinstance(folders, list) else None

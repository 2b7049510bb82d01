"""One dataset: what is in it, what was left out, and the form that protects it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from api import job_requests
from api.dependencies import Context, CurrentRequest, CurrentUser, Db, OwnDataset
from api.pages import listing
from api.pages.forms import protect as form
from api.pages.forms import train as train_form
from api.pages.render import page
from api.routes import datasets as rest
from core.errors import SpecError
from store import generators
from store import models as m

router = APIRouter()


@router.get("/datasets/{dataset_id}")
def show(user: CurrentUser, dataset: OwnDataset, db: Db) -> Response:
    """The dataset as it is now."""
    return _page(db, user, dataset)


async def _sent(request: Request) -> dict[str, Any]:
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


Sent = Annotated[dict[str, Any], Depends(_sent)]
Shown = tuple[dict[str, Any], dict[str, str]]  # a form's values, and what is wrong by field


@router.post("/datasets/{dataset_id}/protect")
def protect(request: CurrentRequest, dataset: OwnDataset, sent: Sent) -> Response:
    """Start a job and go to its page; or show the form again, with each error at its field."""
    try:
        job = job_requests.request_protection(request, dataset, form.asked(sent))
    except SpecError as error:
        shown = form.values(sent)
        return _page(request.session, request.user, dataset, protect=(shown, form.errors_of(error, shown)))
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.post("/datasets/{dataset_id}/train")
def train(request: CurrentRequest, dataset: OwnDataset, sent: Sent) -> Response:
    """Start the training of a generator and go to its page; or show the form again, with each error at its field."""
    job_requests.check_may_request(request.user, m.TRAIN)
    try:
        job = job_requests.request_training(request, dataset, train_form.asked(sent))
    except SpecError as error:
        return _page(request.session, request.user, dataset, train=(train_form.values(sent), form.errors(error)))
    return RedirectResponse(f"/jobs/{job.id}", status_code=303)


@router.post("/datasets/{dataset_id}/delete")
def delete(dataset: OwnDataset, db: Db, context: Context) -> Response:
    """Delete the dataset, as by REST, and go home. Raises Problem 409 while a job of it waits or runs."""
    rest.delete_dataset(dataset, db, context)
    return RedirectResponse("/", status_code=303)


def _page(
    db: Session, user: m.User, dataset: m.Dataset, *, protect: Shown | None = None, train: Shown | None = None
) -> Response:
    """The page, with both forms as they are at first, or as one was sent."""
    shown, errors = protect or (form.defaults(), {})
    trainable = user.role == "admin" and dataset.state != m.REJECTED
    return page(
        "dataset.html",
        user=user,
        status=422 if protect or train else 200,
        d=listing.values(dataset),
        thumbs=listing.thumbs(dataset),
        most=max((c["images"] for c in dataset.classes), default=1),
        check=listing.check_of(db, dataset),
        jobs=listing.job_cards(db, listing.jobs_of(db, dataset)),
        protect=form.fields_of(shown, errors, generators=generators.compatible_generators(db, dataset)),
        advanced_open=form.is_advanced(shown, errors),
        train=train_form.fields_of(dataset.name, *(train or (train_form.defaults(), {}))) if trainable else None,
    )

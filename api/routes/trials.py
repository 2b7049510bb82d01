"""/v1/datasets/{id}/trial: a few images of a dataset at each strength, before a protection is requested."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from fastapi import Path as PathParameter

from api import trials
from api.dependencies import Context, CurrentRequest, Db, OwnDataset
from api.image_files import image_response
from api.openapi import LOCATION, Responses, problem_responses, response_headers
from api.problems import not_found
from api.routes.images import ImageNumber
from api.schemas_trial import TrialIn, TrialOut
from store import trials as stored
from store.image_index import StoredBytes

router = APIRouter(prefix="/v1/datasets/{dataset_id}/trial", tags=["datasets"])

_IMAGE: Responses = {200: {"content": {"image/*": {}}, "description": "The image"}}
_ERRORS = problem_responses({410: "The file was deleted.", 415: "Browsers cannot show this kind of image."})
_ORIGINAL = "original"


@router.post(
    "",
    summary="Try the protection on a few images",
    status_code=202,
    response_model=TrialOut,
    responses=response_headers(202, LOCATION) | problem_responses({409: "The dataset is not ready."}),
)
def create_trial(
    dataset: OwnDataset,
    request: CurrentRequest,
    response: Response,
    requested: Annotated[TrialIn | None, Body()] = None,
) -> TrialOut:
    """Protect up to three images at each strength with the preset `instant`, at full size, within seconds.

    A dataset has one trial: a new one replaces it. The same request again answers with the same trial.
    """
    job = trials.request_trial(request, dataset, requested.images if requested else None)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}/trial"
    return TrialOut.of(dataset, trials.find_trial(request.app, job) or trials.Trial(job=job, result=None))


@router.get("", summary="Get the trial of a dataset")
def get_trial(dataset: OwnDataset, db: Db, context: Context) -> TrialOut:
    """The newest trial, with its images once it has succeeded."""
    trial = trials.find_trial(context, stored.newest_trial(db, dataset.id))
    if trial is None:
        raise not_found("trial")
    return TrialOut.of(dataset, trial)


@router.get(
    "/{number}/{strength}",
    summary="Get an image of a trial",
    response_class=Response,
    responses=_IMAGE | _ERRORS,
)
def get_trial_image(
    dataset: OwnDataset,
    number: ImageNumber,
    strength: Annotated[str, PathParameter(max_length=16, description="A strength, or `original`.")],
    db: Db,
    context: Context,
) -> Response:
    """One image of the trial at one strength, or its original."""
    trial = trials.find_trial(context, stored.newest_trial(db, dataset.id))
    if trial is None or trial.result is None:
        raise not_found("trial image")
    for image in trial.result.images:
        locations: dict[str, StoredBytes] = {one.strength: one.location for one in image.variants}
        location = (locations | {_ORIGINAL: image.original}).get(strength)
        if image.number == number and location is not None:
            key = stored.files_key(dataset.id, trial.job.id)
            return image_response(context.files, key, location, path=image.path)
    raise not_found("trial image")

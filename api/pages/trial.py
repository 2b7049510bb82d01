"""The trial on a dataset's page: a few of the images at each strength, with how visible each change is."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api import trials
from api.context import AppContext
from api.pages.formatting import format_size
from api.pages.waiting import place_in_words
from api.schemas_trial import TrialOut
from core.reports.visibility_wording import jpeg_of_flip
from core.reports.wording import capitalize
from core.specs.visibility import VISIBILITIES
from store import datasets, jobs
from store import models as m
from store import trials as stored
from store.queue_places import queue_place
from store.trials import MAX_TRIAL_IMAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantView:
    """An image at one strength: its address, and a line on how visible the change is."""

    strength: str
    url: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialImageView:
    """An image of the trial, with the address of its original."""

    path: str
    width: int
    height: int
    original_url: str
    variants: Sequence[VariantView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """What `parts/trial.html` shows.

    Attributes:
        busy: Whether a trial waits or runs.
        progress: What it does, in words, if it is busy.
        missing: The strengths that it has not made yet, if it is busy and has made others.
        error: Why the trial failed, if it did.
        count: The number of images of a trial.
        images: What the trial made.
        others: The numbers of other images, joined by commas; empty if there are none.
    """

    busy: bool
    progress: str
    missing: Sequence[str]
    error: str
    count: int
    images: Sequence[TrialImageView]
    others: str


def trial_view(session: Session, context: AppContext, dataset: m.Dataset) -> TrialView | None:
    """Return the view of a dataset's trial; None while the dataset is not ready.

    Args:
        session: Reads the job of the trial.
        context: The application context.
        dataset: The dataset.
    """
    if dataset.state != m.READY or not dataset.images:
        return None
    trial = trials.find_trial(context, stored.newest_trial(session, dataset.id))
    small = datasets.are_small(dataset)
    images = [] if trial is None else _images(TrialOut.of(dataset, trial), small=small)
    busy = trial is not None and trial.job.state in jobs.OPEN
    failed = trial is not None and trial.job.state == m.FAILED
    count = min(MAX_TRIAL_IMAGES, dataset.images)
    made = {variant.strength for image in images for variant in image.variants}
    missing = [name for name in VISIBILITIES if name not in made] if busy and made and not small else []
    return TrialView(
        busy=busy,
        progress=_progress(session, context, trial.job, count, missing) if trial is not None and busy else "",
        missing=missing,
        error=(trial.job.error or "") if trial is not None and failed else "",
        count=count,
        images=images,
        others=_others(dataset, trial),
    )


def _progress(session: Session, context: AppContext, job: m.Job, count: int, missing: Sequence[str]) -> str:
    """What a trial does now: it waits, or makes the first strength, or the others."""
    if job.state == m.QUEUED:
        place = queue_place(session, job, context.settings)
        if place is not None and (place.position > 1 or place.starts_in_seconds is None or place.starts_in_seconds > 5):
            return f"The trial waits for other work. {place_in_words(place)}."
    if missing:
        return f"{' and '.join(missing).capitalize()} {'follows' if len(missing) == 1 else 'follow'} in a moment"
    return f"Trying it on {count} image{'' if count == 1 else 's'}: a few seconds"


def _images(displayed: TrialOut, *, small: bool) -> list[TrialImageView]:
    """The images with their variants; small ones have the same noise at each visibility, so that one is shown."""
    return [
        TrialImageView(
            path=image.path,
            width=image.width,
            height=image.height,
            original_url=image.original_url,
            variants=[
                VariantView(
                    strength=one.strength,
                    url=one.url,
                    caption=_caption("" if small else one.strength, one.flip, one.ssimulacra2, one.bytes),
                )
                for one in (image.variants[:1] if small else image.variants)
            ],
        )
        for image in displayed.images
    ]


def _caption(strength: str, flip: float, ssimulacra2: float | None, size: int) -> str:
    quality = "" if ssimulacra2 is None else f", SSIMULACRA2 {ssimulacra2:.0f}"
    measures = f"FLIP {flip:.3f}{quality}, {format_size(size)}".replace(" kB", "\N{NO-BREAK SPACE}kB")
    visible = f"as visible as {jpeg_of_flip(flip)}: {measures}"
    return capitalize(f"{strength}, {visible}" if strength else visible)


def _others(dataset: m.Dataset, trial: trials.Trial | None) -> str:
    """The numbers of images that the trial did not show, as a form sends them."""
    if trial is None or dataset.images <= MAX_TRIAL_IMAGES:
        return ""
    former = trial.job.spec["images"]
    turns = [trials.spread_numbers(dataset.images, turn) for turn in range(trials.TURNS)]
    following = (turns.index(former) + 1) % trials.TURNS if former in turns else 0
    return ",".join(map(str, turns[following]))

"""The stages of a job as its page lists them, and what the job does now."""

from dataclasses import dataclass
from typing import Literal

from api.pages.labels import stage_labels
from api.pages.waiting import place_in_words
from core.specs.presets import QUICK, has_noise_network
from core.specs.protect import EVIDENCE_AMOUNTS, INSTANT
from store import models as m
from store.queue_places import QueuePlace


@dataclass(frozen=True, slots=True)
class StageStep:
    """One stage in the list of a job's stages.

    Attributes:
        key: The name of the stage in the REST interface.
        label: The name of the stage on the page.
        state: Whether the stage is over, runs now or comes later.
    """

    key: str
    label: str
    state: Literal["done", "now", "later"]


def stage_steps(job: m.Job) -> list[StageStep]:
    """List the stages that a job goes through, in order."""
    labels = stage_labels(job.kind)
    keys = [key for key in labels if key not in _skipped_stages(job)]
    current = keys.index(job.stage) if job.state == m.RUNNING and job.stage in keys else -1
    return [
        StageStep(key, labels[key].name, "done" if n < current else "now" if n == current else "later")
        for n, key in enumerate(keys)
    ]


def _skipped_stages(job: m.Job) -> set[str]:
    skipped = set()
    if job.spec.get("evidence") == EVIDENCE_AMOUNTS[0]:
        skipped.add("evidence")
        if job.kind == m.TRAIN:
            skipped.add("noise")  # a train job makes noise only to measure it
    if job.spec.get("generator_id") or job.spec.get("preset") == INSTANT:
        skipped.add("training")
    if job.kind == m.VERIFY:
        skipped |= {"training", "noise", "writing", "report"}
    if not has_noise_network(job.spec.get("preset", QUICK.name), job.spec.get("method")):
        skipped.add("network")
    if not job.spec.get("grey"):
        skipped.add("grey")
    return skipped


def stage_activity(job: m.Job) -> str:
    """Say what a running job does in its stage."""
    return stage_labels(job.kind)[job.stage].activity if job.stage else "Starting"


def job_activity(job: m.Job, dataset: m.Dataset | None, place: QueuePlace | None) -> str:
    """Say what a job does or waits for now.

    Args:
        job: The job.
        dataset: Its dataset; None if it was deleted.
        place: Where it waits for a worker; None if it does not.
    """
    if job.state == m.RUNNING:
        return "Stopping" if job.cancel_requested else stage_activity(job)
    if dataset is not None and dataset.state == m.CHECKING:
        return "Waiting until the upload is checked"
    return place_in_words(place)

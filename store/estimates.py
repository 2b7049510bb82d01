"""How long a protection will take: a figure from the size of its dataset, corrected by the past jobs of this service.

The figure is that of two idle CPU cores. What past jobs of the same preset took on this machine corrects it, so it need
not be exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import SpecError
from core.specs.photographs import FINE_TUNING_SCHEDULES
from core.specs.presets import PRESETS
from core.specs.protect import EVIDENCE_RUNS, GPU_PRESETS, INSTANT, PAPER, TEXTURE, ProtectSpec
from core.specs.protected_class import MIN_ALBUM_IMAGES
from store import datasets
from store import models as m
from store.reference_datasets import reference_datasets
from store.task_queue import GPU, SHORT

PAST_JOBS = 20  # the newest ones correct the figure
SMALL_FILE_BYTES = 6_000  # below this on average, images are taken for 32 px, above for larger ones
START_SECONDS = 4.0  # reading the generator, starting the sandbox
UPDATE_SECONDS = {"sem": 0.25, "rem": 0.9, "em": 0.15, "tap": 0.05}  # of the surrogate, at 32 px
NOISE_SECONDS = {"sem": 0.008, "rem": 0.006, "em": 0.002, "tap": 0.004, "ntga": 0.05}  # for each image, at 32 px
LEARNER_PASS_SECONDS = 0.055  # a batch of 128, at 32 px
SIZE_FACTOR = 4.0  # for larger images, which are worked on at 64 px
NETWORK_FACTOR = {
    "instant": 1.0,
    "quick": 1.0,
    "standard": 25.0,
    "paper": 60.0,
}  # the preset's network, to the small one
FINE_TUNING_SECONDS = 1.5  # an update of a pretrained learner at 128 px; one from scratch takes about as long in sum
PHOTOGRAPH_ROWS = {"quick": 4, "full": 12}
MIN_MEASURED_IMAGES = 250  # with fewer in several classes there are too few test images
MAX_SHORT_EVIDENCE_SECONDS = 300.0
ALBUM_CLASSES = 10  # with the album
MAX_ALBUM_TRAIN_IMAGES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a job takes, in seconds.

    Attributes:
        archive: until the archive can be downloaded.
        evidence: from then on, until the evidence is measured.
    """

    archive: float
    evidence: float

    @property
    def total(self) -> float:
        """Until the job is over."""
        return self.archive + self.evidence

    @classmethod
    def of(cls, record: Mapping[str, Any] | None) -> Self | None:
        """The estimate in a column; None for a job without one."""
        return None if record is None else cls(archive=record["archive"], evidence=record["evidence"])

    def to_dict(self) -> dict[str, Any]:
        """The estimate for a column."""
        return asdict(self)


def estimate(session: Session, spec: ProtectSpec, dataset: m.Dataset) -> Estimate | None:
    """Return how long a protection will take; None while the dataset is not ready, so that its size is unknown.

    Args:
        session: reads past jobs.
        spec: the validated request.
        dataset: the dataset to protect.
    """
    found = estimates(session, [spec], dataset)
    return found[0] if found else None


def estimates(session: Session, specs: Sequence[ProtectSpec], dataset: m.Dataset) -> list[Estimate]:
    """Return how long each of several protections would take; none while the dataset is not ready.

    Args:
        session: reads past jobs, once.
        specs: the validated requests.
        dataset: the dataset to protect.
    """
    if dataset.state != m.READY or not dataset.images:
        return []
    past = _past_jobs(session)
    found = [_corrected(spec, dataset, past) for spec in specs]
    if datasets.count_classes(dataset) == 1 and not reference_datasets(session, dataset):
        found = [replace(one, evidence=0.0) for one in found]  # an album alone is not measured
    return found


def _corrected(spec: ProtectSpec, dataset: m.Dataset, past: Sequence["_PastJob"]) -> Estimate:
    figure, correction = _figure(spec, dataset), _correction(spec, past)
    evidence = figure.evidence * correction.evidence
    return Estimate(
        archive=figure.archive * correction.archive,
        evidence=min(evidence, spec.evidence_seconds or evidence),
    )


def plan_job(session: Session, job: m.Job, dataset: m.Dataset, *, short_seconds: int) -> None:
    """Set the queue of a job, and how long a protection will take, which is unknown before its dataset is ready.

    Args:
        session: the caller's transaction, in which the job's row changes.
        job: a queued job that a user requested.
        dataset: its dataset.
        short_seconds: what takes no longer goes into the queue of short jobs, and so do few images whose archive takes
            no longer, so that they do not wait behind an hour's job; 0 for no such queue.
    """
    if needs_gpu(job.spec):
        job.queue = GPU
    if job.kind != m.PROTECT:
        return
    expected = estimate(session, ProtectSpec.parse(job.spec), dataset)
    if expected is not None:
        job.estimate = expected.to_dict()
    if expected is not None and job.queue != GPU:
        few = dataset.images < MIN_MEASURED_IMAGES and expected.evidence <= MAX_SHORT_EVIDENCE_SECONDS
        job.queue = SHORT if (expected.archive if few else expected.total) <= short_seconds else None


def needs_gpu(spec: Mapping[str, Any]) -> bool:
    """Return whether a job is for workers with a GPU.

    Args:
        spec: the request of a job of any kind, as its row has it.
    """
    return spec.get("preset", spec.get("scale")) in GPU_PRESETS


def measured(stages: Mapping[str, float]) -> Estimate:
    """Return what a job took, in the parts of its estimate.

    Args:
        stages: the seconds of each stage, as its report has them.
    """
    after = ("evidence", "report")
    return Estimate(
        archive=sum(seconds for stage, seconds in stages.items() if stage not in after),
        evidence=sum(stages.get(stage, 0.0) for stage in after),
    )


def _figure(spec: ProtectSpec, dataset: m.Dataset) -> Estimate:
    """The figure of two idle cores, without a limit of time for the evidence."""
    images, megabytes = dataset.images, dataset.bytes / 1e6
    preset = PRESETS[spec.preset]
    method = spec.method or preset.method
    is_small = dataset.bytes / images < SMALL_FILE_BYTES
    has_textures = spec.method in (None, TEXTURE) and spec.preset != PAPER and not datasets.are_small(dataset)
    factor = (1.0 if is_small else SIZE_FACTOR) * NETWORK_FACTOR.get(spec.preset, 1.0)
    reading = 0.002 * images + 0.2 * megabytes
    writing = 0.004 * images + 0.4 * megabytes
    if spec.preset == INSTANT or spec.generator_id or has_textures or datasets.count_classes(dataset) == 1:
        training, noise = 0.0, 0.001 * images * factor
    else:
        config = preset.noise.get(method)
        updates = 0 if config is None else config.length.updates(images)
        training = updates * UPDATE_SECONDS.get(method, 0.0) * factor
        noise = images * NOISE_SECONDS.get(method, 0.005) * factor
    return Estimate(
        archive=START_SECONDS + reading + training + noise + writing, evidence=_evidence_figure(spec, dataset, factor)
    )


def _evidence_figure(spec: ProtectSpec, dataset: m.Dataset, factor: float) -> float:
    is_album = datasets.count_classes(dataset) == 1
    images = dataset.images
    if spec.evidence == "none" or images < (MIN_ALBUM_IMAGES if is_album else MIN_MEASURED_IMAGES):
        return 0.0
    if is_album:
        images = min(ALBUM_CLASSES * images, MAX_ALBUM_TRAIN_IMAGES)
    if spec.preset != PAPER and not datasets.are_small(dataset):
        updates = FINE_TUNING_SCHEDULES[spec.evidence].length.updates(max(1, images * 4 // 5))
        return PHOTOGRAPH_ROWS[spec.evidence] * 2 * EVIDENCE_RUNS[spec.evidence] * updates * FINE_TUNING_SECONDS
    schedule = PRESETS[spec.preset].schedules[spec.evidence]
    adversarial = {"quick": 1, "full": 2}[spec.evidence]
    plain = {"quick": 1, "full": 3}[spec.evidence]
    passes = plain + adversarial * (1 + schedule.attack_steps)
    updates = schedule.length.updates(max(1, images * 4 // 5))
    return 2 * EVIDENCE_RUNS[spec.evidence] * updates * passes * LEARNER_PASS_SECONDS * factor


@dataclass(frozen=True, slots=True)
class _PastJob:
    """A protection that has succeeded: what was asked, what it took, and the figure for it."""

    spec: ProtectSpec
    took: Estimate
    figure: Estimate


def _past_jobs(session: Session) -> list[_PastJob]:
    """The newest protections that have succeeded, whose dataset still exists."""
    done = (m.Job.kind == m.PROTECT, m.Job.state == m.SUCCEEDED, m.Job.measured.is_not(None), m.Dataset.images > 0)
    newest = select(m.Job, m.Dataset).join(m.Dataset, m.Dataset.id == m.Job.dataset_id).where(*done)
    found = []
    for job, dataset in session.execute(newest.order_by(m.Job.finished_at.desc()).limit(5 * PAST_JOBS)):
        spec, took = _parse(job.spec), Estimate.of(job.measured)
        if spec is not None and took is not None:
            found.append(_PastJob(spec, took, _figure(spec, dataset)))
    return found


def _correction(spec: ProtectSpec, past: Sequence[_PastJob]) -> Estimate:
    """How much longer past jobs of this kind took than the figure."""
    alike = [job for job in past if _is_alike(job.spec, spec)][:PAST_JOBS]
    measured = [job for job in alike if job.figure.evidence and job.took.evidence]
    return Estimate(
        archive=median(job.took.archive / job.figure.archive for job in alike) if alike else 1.0,
        evidence=median(map(_evidence_ratio, measured)) if measured else 1.0,
    )


def _evidence_ratio(job: _PastJob) -> float:
    """How much longer the evidence took than the figure; at least 1 where it was shortened to end in time."""
    ratio, allowed = job.took.evidence / job.figure.evidence, job.spec.evidence_seconds
    return max(1.0, ratio) if allowed is not None and job.took.evidence > 0.8 * allowed else ratio


def _parse(spec: Mapping[str, Any]) -> ProtectSpec | None:
    try:
        return ProtectSpec.parse(spec)
    except SpecError:  # of another version
        return None


def _is_alike(one: ProtectSpec, other: ProtectSpec) -> bool:
    trained = one.preset == INSTANT or bool(one.generator_id), other.preset == INSTANT or bool(other.generator_id)
    return trained[0] == trained[1] and (trained[0] or (one.preset, one.method) == (other.preset, other.method))

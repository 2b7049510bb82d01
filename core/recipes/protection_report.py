"""The report of a protection."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_images import DeliveredImages
from core.archive.delivery import Delivery
from core.evaluation.delivered_visibility import DeliveredVisibility, with_visibility
from core.evaluation.imperceptibility import measure_imperceptibility
from core.generators.compatibility import may_have_trained_on
from core.generators.secret_vectors import is_rotated
from core.metrics.visibility import metric_versions
from core.noise.description import describe_joint_training, describe_noise
from core.noise.generator_file import describe_use, network_for
from core.recipes.protection_data import ProtectionData
from core.recipes.report_dataset import describe_dataset, utc_timestamp
from core.reports.protection_caveats import DeliveryCounts, GeneratorUse, protection_caveats
from core.results.evidence import Evidence
from core.results.protection import ProtectionReport
from core.runtime.context import RunContext
from core.specs.protect import TEXTURE
from core.version import versions


def build_report(
    data: ProtectionData,
    archive: Delivery,
    evidence: Evidence,
    visibility: DeliveredVisibility | None,
    run: RunContext,
    *,
    job_id: str | None,
) -> ProtectionReport:
    """Build the report of a protection, and finish the last stage of its progress.

    Args:
        data: What was protected, and how.
        archive: The delivered images, and the files that were left out.
        evidence: The accuracies of learners before and after.
        visibility: How visible the noise is on the delivered files; None if that was not measured yet.
        run: The device and the seconds of each stage.
        job_id: The id of the service's job, if there is one.
    """
    dataset, delivered, progress = data.dataset, archive.delivered, run.progress
    spec, generator = data.setup.spec, data.generator
    trained_on = int(data.train_mask.sum())
    made_by = describe_noise(data.setup, size=data.work_size, trained_on=trained_on)
    if data.start is not None:
        made_by |= describe_joint_training(data.setup, data.start, trained_on=trained_on)
    if data.max_flip is not None:
        made_by |= {"visibility": spec.visibility, "max_flip": data.max_flip}
    if generator is not None:
        made_by |= describe_use(
            generator, classes=len(dataset.classes), channels=data.channels, may_know_images=_may_know_images(data)
        )
    figures = measure_imperceptibility(
        data.images.pixels, delivered.pixels, linf=delivered.linf, mae=delivered.mae, mse=delivered.mse
    )
    figures = replace(
        figures,
        above_target=_paths(delivered, delivered.missed),
        above_size=_paths(delivered, delivered.grown),
    )
    progress.finish()
    return ProtectionReport(
        job_id=job_id,
        created_at=utc_timestamp(),
        seed=spec.seed,
        versions=versions() | metric_versions(),
        device=run.device.label,
        seconds=sum(progress.seconds.values()),
        stages=dict(progress.seconds),
        dataset=describe_dataset(dataset, archive.skipped),
        spec=spec.to_dict(),
        generator=made_by,
        imperceptibility=figures if visibility is None else with_visibility(figures, visibility, delivered.paths),
        evidence=evidence,
        caveats=_caveats(data, archive, evidence),
    )


def add_measurements(
    report: ProtectionReport,
    data: ProtectionData,
    archive: Delivery,
    evidence: Evidence,
    visibility: DeliveredVisibility,
    run: RunContext,
) -> ProtectionReport:
    """Add what was measured after a report was built, and finish the last stage of the progress.

    Args:
        report: The report in the archive.
        data: What was protected, and how.
        archive: The delivered images.
        evidence: The accuracies of learners before and after.
        visibility: How visible the noise is on the delivered files.
        run: The seconds of the stages since then.
    """
    run.progress.finish()
    stages = dict(report.stages) | run.progress.seconds
    return replace(
        report,
        created_at=utc_timestamp(),
        device=run.device.label,
        seconds=sum(stages.values()),
        stages=stages,
        imperceptibility=with_visibility(report.imperceptibility, visibility, archive.delivered.paths),
        evidence=evidence,
        caveats=_caveats(data, archive, evidence),
    )


def _caveats(data: ProtectionData, archive: Delivery, evidence: Evidence) -> tuple[str, ...]:
    spec, dataset = data.setup.spec, data.dataset
    delivered = archive.delivered
    exceeded = delivered.linf > spec.radius_u
    return protection_caveats(
        spec,
        evidence,
        DeliveryCounts(
            work_size=data.work_size,
            images=len(dataset.images),
            enlarged=0 if data.setup.method == TEXTURE else _enlarged(data),
            max_flip=data.max_flip,
            faint=int(delivered.faint.sum()),
            missed=_paths(delivered, delivered.missed),
            grown=_paths(delivered, delivered.grown),
            exceeded=int(exceeded.sum()),
            beyond=float(delivered.beyond[exceeded].mean()) if exceeded.any() else 0.0,
            classes=len(dataset.named_classes),
        ),
        _generator_use(data),
    )


def _generator_use(data: ProtectionData) -> GeneratorUse | None:
    if data.generator is None:
        return None
    predicted = network_for(data.generator, channels=data.channels) is not None
    has_key = predicted and is_rotated(data.generator.card.classes)
    return GeneratorUse(card=data.generator.card, may_know_images=_may_know_images(data), has_key=has_key)


def _paths(delivered: DeliveredImages, mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """The paths in the archive of the images that the mask names."""
    return tuple(str(delivered.paths[i]) for i in np.flatnonzero(mask))


def _may_know_images(data: ProtectionData) -> bool:
    """Whether the generator may have been trained on these images."""
    generator, dataset = data.generator, data.dataset
    return generator is not None and may_have_trained_on(generator.card, name=dataset.name, classes=dataset.classes)


def _enlarged(data: ProtectionData) -> int:
    """How many images are larger than the noise."""
    return sum(max(image.width, image.height) > data.work_size for image in data.dataset.images)

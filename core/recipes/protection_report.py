"""The report of a protection."""

from core.archive.writer import ArchiveWriter
from core.evaluation.delivered_visibility import DeliveredVisibility, with_visibility
from core.evaluation.imperceptibility import measure_imperceptibility
from core.generators.compatibility import may_have_trained_on
from core.metrics.visibility import metric_versions
from core.noise.description import describe_noise
from core.noise.generator_file import describe_use
from core.recipes.protection_data import ProtectionData
from core.recipes.report_dataset import describe_dataset, utc_timestamp
from core.reports.protection_caveats import DeliveryCounts, GeneratorUse, protection_caveats
from core.results.evidence import Evidence
from core.results.protection import ProtectionReport
from core.runtime.context import RunContext
from core.version import versions


def build_report(
    data: ProtectionData,
    archive: ArchiveWriter,
    evidence: Evidence,
    visibility: DeliveredVisibility,
    run: RunContext,
    *,
    job_id: str | None,
) -> ProtectionReport:
    """Build the report of a protection, and finish the last stage of its progress.

    Args:
        data: What was protected, and how.
        archive: The delivered images, and the files that were left out.
        evidence: The accuracies of learners before and after.
        visibility: How visible the noise is on the delivered files.
        run: The device and the seconds of each stage.
        job_id: The id of the service's job, if there is one.
    """
    dataset, delivered, progress = data.dataset, archive.delivered, run.progress
    spec, generator = data.setup.spec, data.generator
    may_know_images = generator is not None and may_have_trained_on(
        generator.card, name=dataset.name, classes=dataset.classes
    )
    made_by = describe_noise(data.setup, size=data.work_size, trained_on=int(data.train_mask.sum()))
    if generator is not None:
        made_by |= describe_use(
            generator, classes=len(dataset.classes), channels=data.channels, may_know_images=may_know_images
        )
    exceeded = delivered.linf > spec.radius_u
    figures = measure_imperceptibility(
        data.images.pixels, delivered.pixels, linf=delivered.linf, mae=delivered.mae, mse=delivered.mse
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
        imperceptibility=with_visibility(figures, visibility, delivered.paths),
        evidence=evidence,
        caveats=protection_caveats(
            spec,
            evidence,
            DeliveryCounts(
                work_size=data.work_size,
                images=len(dataset.images),
                enlarged=sum(max(image.width, image.height) > data.work_size for image in dataset.images),
                exceeded=int(exceeded.sum()),
                beyond=float(delivered.beyond[exceeded].mean()) if exceeded.any() else 0.0,
            ),
            None if generator is None else GeneratorUse(card=generator.card, may_know_images=may_know_images),
        ),
    )

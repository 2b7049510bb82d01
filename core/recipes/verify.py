"""The recipe of a verification: originals and a protected archive in, the accuracies of many learners on both out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.archive.manifest import Manifest, read_manifest
from core.errors import BadInput
from core.evaluation.verification_data import VerificationData, load_verification_data, match_delivered
from core.evaluation.verification_runner import VerificationRunner
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, ReadOptions, open_dataset
from core.limits import Limits
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.report_dataset import describe_dataset, utc_timestamp
from core.reports.verification_caveats import verification_caveats
from core.results.verification import VerificationEvidence, VerificationReport
from core.results.verification_row import VerificationRow
from core.runtime.awake_clock import awake_seconds
from core.runtime.context import RunContext
from core.specs.presets import preset_for
from core.specs.protect import ProtectSpec
from core.specs.protected_class import check_archive, check_known
from core.specs.verify import SCHEDULE_OF_SCALE, VerifySpec
from core.version import versions

AS_DELIVERED = ReadOptions(layout="album", leave_out=())  # the images are matched by path
OnRow = Callable[[VerificationReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationTarget:
    """A protected archive to verify.

    Attributes:
        archive: The zip, or a folder with its files.
        job_id: The id of the job that made it, for the report.
    """

    archive: Path
    job_id: str | None = None


def verify(
    source: DatasetSource,
    target: VerificationTarget | None,
    spec: VerifySpec,
    options: RunOptions,
    *,
    on_row: OnRow | None = None,
    job_id: str | None = None,
) -> VerificationReport:
    """Train every learner of a spec on the originals and on their protected copies, and compare.

    The test images took no part in making the noise, because they are drawn by the protection's own seed.

    Args:
        source: The originals.
        target: The archive that was made of them. Without it the learners are trained on the originals alone.
        spec: The learners, the countermeasures, the percentages and the scale.
        options: Where and how to run; the checkpoints hold every finished learner. The limits are for the originals.
        on_row: Called after each row with the report so far.
        job_id: The id of the service's job, for the report.

    Raises:
        BadInput: A source cannot be used, or there are too few images to measure anything.
        SpecError: The dataset does not have the protected class, or cannot tell it apart.
        Cancelled: Or whatever else the callbacks raise.
    """
    run, began = options.context(), awake_seconds()
    manifest = None if target is None else read_manifest(target.archive)
    _check_percentages(spec, manifest)
    check_archive(spec, None if manifest is None else manifest.spec.percentage)
    dataset, data = _read(source, target, manifest, spec, options, run)
    report = VerificationReport(
        job_id=job_id,
        created_at=utc_timestamp(),
        versions=versions(),
        device=run.device.label,
        seconds=0.0,
        dataset=describe_dataset(dataset, dataset.skipped),
        spec=spec.to_dict(),
        target=None if target is None or manifest is None else _describe_target(manifest, target.job_id),
        evidence=VerificationEvidence(
            image_size=data.clean.pixels.shape[-1],
            train_images=len(data.clean),
            test_images=len(data.test),
            chance=data.chance,
            rows_requested=len(spec.rows),
            rows=(),
        ),
        caveats=(),
    )
    for row in _measure_rows(spec, data, run):
        measured = replace(report.evidence, rows=(*report.evidence.rows, row))
        report = replace(report, evidence=measured, seconds=awake_seconds() - began)
        caveats = verification_caveats(report, spec, manifest, missing=data.missing, percentage=data.percentage)
        report = replace(report, caveats=caveats)
        if on_row is not None:
            on_row(report)
    return report


def _read(
    source: DatasetSource,
    target: VerificationTarget | None,
    manifest: Manifest | None,
    spec: VerifySpec,
    options: RunOptions,
    run: RunContext,
) -> tuple[ImageDataset, VerificationData]:
    """Decode the originals and their protected copies at one size, and draw the test images."""
    with DecoderSandbox(limits=options.limits) as sandbox:

        def opened(source: DatasetSource, folder: str, reading: ReadOptions, limits: Limits) -> ImageDataset:
            return open_dataset(
                source.path,
                options.scratch / folder,
                name=source.name,
                options=reading,
                limits=limits,
                progress=run.progress,
                sandbox=sandbox,
            )

        protection = ProtectSpec() if manifest is None else manifest.spec
        reading = ReadOptions(layout=protection.layout, leave_out=protection.leave_out)
        dataset = opened(source, "originals", reading, options.limits).with_named_classes()
        check_known(spec, dataset.classes)
        copies = None
        if target is not None and manifest is not None:
            limits = manifest.reading_limits(options.limits)
            delivered = opened(DatasetSource(path=target.archive), "protected", AS_DELIVERED, limits)
            copies = match_delivered(dataset, delivered, manifest)
        data = load_verification_data(dataset, copies, spec, progress=run.progress, sandbox=sandbox)
    return dataset, data


def _measure_rows(spec: VerifySpec, data: VerificationData, run: RunContext) -> Iterator[VerificationRow]:
    """The rows of the spec in their order, one unit of progress each."""
    preset = preset_for(spec.scale, data.clean.pixels.shape[-1])
    runner = VerificationRunner(data, spec, preset, run, amount=SCHEDULE_OF_SCALE[spec.scale])
    run.progress.start("evidence", len(spec.rows))
    for row in runner.run_rows(spec.rows):
        yield row
        run.progress.advance()


def _check_percentages(spec: VerifySpec, manifest: Manifest | None) -> None:
    if spec.percentages == (100,):
        return
    if manifest is None:
        raise BadInput("Percentages are shares of protected images, and a dataset alone has none: leave them out.")
    if manifest.spec.percentage < 100:
        raise BadInput(
            f"Only {manifest.spec.percentage} % of this archive is protected, and it is tested as it is: leave the "
            "percentages out."
        )


def _describe_target(manifest: Manifest, job_id: str | None) -> dict[str, Any]:
    ran = {key: value for key, value in manifest.generator.items() if key != "card"}
    return {"job_id": job_id, "spec": manifest.spec.to_dict(), "generator": ran}

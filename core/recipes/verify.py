"""The recipe of a verification: the originals and the protected archive in, learners of many kinds trained on both."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.archive.manifest import Manifest, read_manifest
from core.errors import BadInput
from core.evaluation.verification_data import VerificationData, copies_of, sides_of
from core.evaluation.verification_runner import LearnerSetup, VerificationRunner
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.limits import Limits
from core.recipes.protect import class_counts
from core.reports.verification_caveats import verification_caveats
from core.results.protection import ReportDataset
from core.results.verification import VerificationEvidence, VerificationReport, VerificationRow
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Callback, Progress
from core.specs.presets import preset_for
from core.specs.protected_class import check_archive, check_known
from core.specs.verify import RowSpec, VerifySpec
from core.training.labelled_images import LabelledArrays
from core.version import versions

COURSES = {"quick": "quick", "standard": "full", "paper": "full"}  # how long learners train: as for this much evidence
OnRow = Callable[[VerificationReport], None]


def verify(
    source: Path,
    protected: Path | None,
    spec: VerifySpec,
    *,
    scratch: Path,
    on_progress: Callback | None = None,
    on_row: OnRow | None = None,
    checkpoints: CheckpointStore | None = None,
    device: str | None = None,
    cores: int | None = None,
    name: str | None = None,
    job_id: str | None = None,
    target_job_id: str | None = None,
    limits: Limits | None = None,
) -> VerificationReport:
    """Train every learner of `spec` on the originals and on the archive `protected` that was made of them.

    What is tested on took no part in the making of the noise: the split is drawn by the protection's own seed.
    Without `protected` the learners are trained on the dataset as it is, which has no after. `on_row` hears the report
    so far after each row; every learner is kept on `checkpoints`, so that work that broke off goes on there. Raises
    BadInput
    for sources that cannot be used or say nothing, SpecError for a protected class that these do not have or that
    cannot be told apart in them, and whatever the callbacks raise (`Cancelled`). `limits` are those of the originals.
    """
    run = RunContext(
        device=Device(device, cores=cores),
        progress=Progress(on_progress),
        checkpoints=checkpoints or NullCheckpointStore(),
    )
    progress = run.progress
    manifest = read_manifest(protected) if protected is not None else None
    _check_percentages(spec, manifest)
    check_archive(spec, None if manifest is None else manifest.spec.percentage)
    allowed, began = limits or Limits(), time.monotonic()
    with DecoderSandbox(limits=allowed) as sandbox:
        opened: Mapping[str, Any] = {"limits": allowed, "progress": progress, "sandbox": sandbox}
        dataset = open_dataset(source, scratch / "originals", name=name, **opened)
        check_known(spec, dataset.classes)
        copies = None
        if protected is not None and manifest is not None:
            own = {**opened, "limits": manifest.reading_limits(allowed)}
            copies = copies_of(dataset, open_dataset(protected, scratch / "protected", **own), manifest)
        drawn = {"seed": manifest.spec.seed, "clean": manifest.unprotected} if manifest else {"seed": 0}
        sides = sides_of(dataset, copies, spec, **drawn, **opened)
    asked = spec.rows
    size = sides.clean.shape[-1]
    report = VerificationReport(
        job_id=job_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=versions(),
        device=run.device.label,
        seconds=0.0,
        dataset=_described(dataset),
        spec=spec.to_dict(),
        target=None if manifest is None else _target(manifest, target_job_id),
        evidence=VerificationEvidence(
            image_size=size,
            train_images=len(sides.labels),
            test_images=len(sides.test.labels),
            chance=sides.chance,
            rows_requested=len(asked),
            rows=(),
        ),
        caveats=(),
    )
    school = VerificationRunner(
        LearnerSetup(test=sides.test, classes=sides.classes, train_images=len(sides.labels), only=sides.only),
        spec,
        preset_for(spec.scale, size).schedules[COURSES[spec.scale]],
        run,
    )
    for row in _rows(asked, sides, school, progress, name=spec.protected_class):
        measured = replace(report.evidence, rows=(*report.evidence.rows, row))
        report = replace(report, evidence=measured, seconds=time.monotonic() - began)
        caveats = verification_caveats(report, spec, manifest, missing=sides.missing, percentage=sides.percentage)
        report = replace(report, caveats=caveats)
        if on_row is not None:
            on_row(report)
    return report


def _rows(
    asked: tuple[RowSpec, ...],
    sides: VerificationData,
    school: VerificationRunner,
    progress: Progress,
    *,
    name: str | None,
) -> Iterator[VerificationRow]:
    """The rows in order, a unit of progress each. `name` is that of the protected class."""
    progress.start("evidence", len(asked))
    for one in asked:
        share = one.percentage

        def shown(side: str, seed: int, share: int = share) -> LabelledArrays | None:
            return sides.shown(side, share, seed=seed)

        row = school.row(one, shown)
        yield replace(row, protected_percentage=min(share, sides.percentage), protected_class=name)
        progress.advance()


def _check_percentages(spec: VerifySpec, manifest: Manifest | None) -> None:
    if spec.percentages == (100,):
        return
    if manifest is None:
        raise BadInput("Percentages are shares of protected pictures, and a dataset alone has none: leave them out.")
    if manifest.spec.percentage < 100:
        raise BadInput(
            f"Only {manifest.spec.percentage} % of this archive are protected, and it is tried as it is: leave the "
            "percentages out."
        )


def _described(dataset: ImageDataset) -> ReportDataset:
    labels = np.array([picture.label for picture in dataset.images], dtype=np.int64)
    return ReportDataset(
        name=dataset.name,
        images=len(dataset.images),
        classes=class_counts(dataset.classes, labels),
        skipped=dataset.skipped,
    )


def _target(manifest: Manifest, job_id: str | None) -> dict[str, Any]:
    ran = {key: value for key, value in manifest.generator.items() if key != "card"}
    return {"job_id": job_id, "spec": manifest.spec.to_dict(), "generator": ran}

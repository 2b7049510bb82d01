"""The recipe of a verification: the originals and the protected archive in, learners of many kinds trained on both."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.darkroom import Darkroom
from core.dataset import Dataset, Picture, load_pixels, open_dataset
from core.device import Device
from core.evidence import LEAST_TRAIN_IMAGES_A_CLASS, too_few
from core.lesson import Pictures
from core.limits import BadInput, Limits
from core.manifest import Manifest, read_manifest
from core.partial import Share, clean_rest, mixed, scraped
from core.pipeline import class_counts
from core.presets import PRESETS, preset_for
from core.progress import Callback, Progress
from core.report import ReportDataset, SkippedFile
from core.shelf import NoShelf, Shelf
from core.sizes import work_size
from core.split import held_out
from core.verify_limits import limits_of
from core.verify_report import Measured, VerifyReport, VerifyRow
from core.verify_rows import Examination, School
from core.verify_spec import RowAsked, VerifySpec
from core.version import versions

COURSES = {"quick": "quick", "standard": "full", "paper": "full"}  # how long learners train: as for this much evidence
OnRow = Callable[[VerifyReport], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The training pictures as uploaded and as delivered, uint8 (n, c, s, s), with labels (n,); and the test pictures.

    `delivered` is None for a dataset alone. `missing`: pictures of the upload that the archive does not have.
    """

    clean: NDArray[np.uint8]
    delivered: NDArray[np.uint8] | None
    labels: NDArray[np.int64]
    test: Pictures
    classes: int
    missing: int

    def shown(self, side: str, percentage: int, *, seed: int) -> Pictures | None:
        """What the learners of a side get. None where there is no such side, or too few clean pictures are left."""
        if side == "before":
            return Pictures(pixels=self.clean, labels=self.labels)
        if self.delivered is None or (side == "rest" and percentage == 100):
            return None
        share: Callable[..., Share] = mixed if side == "after" else clean_rest
        try:
            chosen = share(self.labels, percentage, seed=seed)
        except ValueError:
            return None
        if chosen.learned.sum() < LEAST_TRAIN_IMAGES_A_CLASS * self.classes:
            return None
        pixels, labels = scraped(chosen, self.clean, self.delivered, self.labels)
        return Pictures(pixels=pixels, labels=labels)


def verify(
    source: Path,
    protected: Path | None,
    spec: VerifySpec,
    *,
    scratch: Path,
    on_progress: Callback | None = None,
    on_row: OnRow | None = None,
    shelf: Shelf | None = None,
    device: str | None = None,
    cores: int | None = None,
    name: str | None = None,
    job_id: str | None = None,
    target_job_id: str | None = None,
    limits: Limits | None = None,
) -> VerifyReport:
    """Train every learner of `spec` on the originals and on the archive `protected` that was made of them.

    What is tested on took no part in the making of the noise: the split is drawn by the protection's own seed.
    Without `protected` the learners are trained on the dataset as it is, which has no after. `on_row` hears the report
    so far after each row; every learner is kept on `shelf`, so that work that broke off goes on there. Raises BadInput
    for sources that cannot be used or say nothing, and whatever the callbacks raise (`Cancelled`).
    """
    progress, shelf, where = Progress(on_progress), shelf or NoShelf(), Device(device, cores=cores)
    manifest = read_manifest(protected) if protected is not None else None
    _check_percentages(spec, manifest)
    allowed, began = limits or Limits(), time.monotonic()
    with Darkroom(limits=allowed) as darkroom:
        opened: Mapping[str, Any] = {"limits": allowed, "progress": progress, "darkroom": darkroom}
        dataset = open_dataset(source, scratch / "originals", name=name, **opened)
        copies = None
        if protected is not None and manifest is not None:
            copies = _copies(dataset, open_dataset(protected, scratch / "protected", **opened), manifest)
        sides = _sides(dataset, copies, spec, seed=manifest.spec.seed if manifest else 0, **opened)
    asked = spec.rows
    size = sides.clean.shape[-1]
    counts = np.bincount(sides.test.labels, minlength=sides.classes)
    report = VerifyReport(
        job_id=job_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=versions(),
        device=where.label,
        seconds=0.0,
        dataset=_described(dataset),
        spec=spec.to_dict(),
        target=None if manifest is None else _target(manifest, target_job_id),
        evidence=Measured(
            image_size=size,
            train_images=len(sides.labels),
            test_images=len(sides.test.labels),
            chance=float(counts.max() / counts.sum()),
            rows_asked=len(asked),
            rows=(),
        ),
        limits=(),
    )
    school = School(
        Examination(test=sides.test, classes=sides.classes, train_images=len(sides.labels)),
        spec,
        preset_for(spec.scale, size).courses[COURSES[spec.scale]],
        device=where,
        progress=progress,
        shelf=shelf,
    )
    for row in _rows(asked, sides, school, progress, percentage=manifest.spec.percentage if manifest else 100):
        measured = replace(report.evidence, rows=(*report.evidence.rows, row))
        report = replace(report, evidence=measured, seconds=time.monotonic() - began)
        report = replace(report, limits=limits_of(report, spec, manifest, missing=sides.missing))
        if on_row is not None:
            on_row(report)
    return report


def _rows(
    asked: tuple[RowAsked, ...], sides: _Sides, school: School, progress: Progress, *, percentage: int
) -> Iterator[VerifyRow]:
    """The rows in order, a unit of progress each. `percentage` is the archive's own share."""
    progress.start("evidence", len(asked))
    for one in asked:
        share = one.percentage

        def shown(side: str, seed: int, share: int = share) -> Pictures | None:
            return sides.shown(side, share, seed=seed)

        yield replace(school.row(one, shown), protected_percentage=min(share, percentage))
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


def _copies(dataset: Dataset, delivered: Dataset, manifest: Manifest) -> list[Picture | None]:
    """The delivered picture of each of the dataset's. Raises BadInput where none has one."""
    there = {picture.path: picture for picture in delivered.pictures}
    found = [there.get(manifest.delivered.get(picture.path, "")) for picture in dataset.pictures]
    if not any(found):
        raise BadInput("Not one picture of the archive was made of these originals: are they the right ones?")
    return found


def _sides(
    dataset: Dataset,
    copies: list[Picture | None] | None,
    spec: VerifySpec,
    *,
    seed: int,
    limits: Limits,
    progress: Progress,
    darkroom: Darkroom,
) -> _Sides:
    """Decode both sides at one size, and hold out what the protection held out. Raises BadInput for too few."""
    size = work_size([(p.width, p.height) for p in dataset.pictures], largest=PRESETS[spec.scale].largest)
    labels = np.array([picture.label for picture in dataset.pictures], dtype=np.int64)
    apart = held_out(labels, [picture.split for picture in dataset.pictures], seed=seed)
    there = np.array([copy is not None for copy in copies]) if copies is not None else np.ones(len(labels), bool)
    learned = ~apart & there
    if why_not := too_few(labels[apart | learned], apart[apart | learned], len(dataset.classes)):
        raise BadInput(f"There is nothing to verify with: {why_not}.")
    progress.start("decoding", 0)
    pixels = load_pixels(dataset, size, progress=progress, darkroom=darkroom)
    delivered = None
    if copies is not None:
        wanted = [copy for copy, own in zip(copies, learned, strict=True) if copy is not None and own]
        read = replace(dataset, pictures=tuple(wanted))
        pixels, delivered = _alike(pixels, load_pixels(read, size, progress=progress, darkroom=darkroom))
    return _Sides(
        clean=pixels[learned],
        delivered=delivered,
        labels=labels[learned],
        test=Pictures(pixels=pixels[apart], labels=labels[apart]),
        classes=len(dataset.classes),
        missing=int((~there).sum()),
    )


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both with the same channels: grey as three equal ones beside colour."""
    channels = max(one.shape[1], other.shape[1])
    one, other = (np.broadcast_to(p, (len(p), channels, *p.shape[2:])) for p in (one, other))
    return one, other


def _described(dataset: Dataset) -> ReportDataset:
    labels = np.array([picture.label for picture in dataset.pictures], dtype=np.int64)
    return ReportDataset(
        name=dataset.name,
        images=len(dataset.pictures),
        classes=class_counts(dataset.classes, labels),
        skipped=tuple(SkippedFile(path=one.path, reason=one.reason) for one in dataset.skipped),
    )


def _target(manifest: Manifest, job_id: str | None) -> dict[str, Any]:
    ran = {key: value for key, value in manifest.generator.items() if key != "card"}
    return {"job_id": job_id, "spec": manifest.spec.to_dict(), "generator": ran}

"""The recipes. `protect`: a dataset in, a protected archive with evidence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.archive.writer import ArchiveSettings, ArchiveWriter, DeliveredImages, write_archive
from core.errors import BadInput
from core.evaluation.evidence import EvaluationData, measure_evidence, unmeasurable
from core.evaluation.imperceptibility import measure_imperceptibility
from core.generators.card import read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities, may_have_learned
from core.generators.shipped import best_fit
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_protect_mask_by_split, select_test_mask
from core.limits import Limits
from core.noise.class_map import class_map
from core.noise.description import describe
from core.noise.generator_file import TrainedGenerator, describe_use, load, network_for, surrogate_for
from core.noise.inference import predict_noise
from core.noise.make import generate_noise
from core.noise.search import search_noise
from core.noise.setup import NoiseSetup
from core.reports.caveats import DeliveryCounts, GeneratorUse, protection_caveats
from core.reports.html import render_html
from core.reports.samples import take_samples
from core.results.evidence import Evidence
from core.results.protection import ClassCount, ProtectionReport, ReportDataset
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Callback, Progress
from core.specs.configs import Preset
from core.specs.presets import PRESETS, preset_for
from core.specs.protect import INSTANT, ProtectSpec
from core.specs.work_size import MIN_SIZE, work_size
from core.training.labelled_images import LabelledArrays
from core.version import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionResult:
    """Where the protected archive lies, and what it says of itself."""

    archive: Path
    report: ProtectionReport


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """The dataset as the science sees it: uint8 (n, c, s, s), labels (n,), bool (n,) of held out and of protected."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    chosen: NDArray[np.bool_]
    unmeasurable: str | None  # why there can be no evidence


def protect(
    source: Path,
    out: Path,
    spec: ProtectSpec,
    *,
    scratch: Path,
    on_progress: Callback | None = None,
    checkpoints: CheckpointStore | None = None,
    device: str | None = None,
    cores: int | None = None,
    name: str | None = None,
    job_id: str | None = None,
    limits: Limits | None = None,
    generator: Path | None = None,
) -> ProtectionResult:
    """Protect the images of a folder or archive into the zip `out`, which appears only when all of it is done.

    `cores` limits how many of the processor's are used; None means all. Unfinished work is kept on `checkpoints`;
    `scratch`
    is a folder of the caller's, which may be removed afterwards. With the file of a trained `generator` nothing is
    trained: it makes the noise, at its own size; the preset `instant` brings one that ships. Raises BadInput for a
    source or generator that cannot be used, SpecError where the generator was trained for another spec, and whatever
    `on_progress` raises (`Cancelled`).
    """
    run = RunContext(
        device=Device(device, cores=cores),
        progress=Progress(on_progress),
        checkpoints=checkpoints or NullCheckpointStore(),
    )
    progress, allowed = run.progress, limits or Limits()
    if generator is not None:
        spec = ProtectSpec.parse(apply_generator_constraints(spec.to_dict(), read_card(generator)))
    with DecoderSandbox(limits=allowed) as sandbox:
        dataset = open_dataset(source, scratch, name=name, limits=allowed, progress=progress, sandbox=sandbox)
        if generator is None and spec.preset == INSTANT:
            generator = _shipped(dataset)
            spec = ProtectSpec.parse(apply_generator_constraints(spec.to_dict(), read_card(generator)))
        trained = None if generator is None else load(generator, device=run.device.name)
        size = _size(dataset, spec, trained)
        preset = preset_for(spec.preset, size)
        work = _prepare(dataset, size, spec, progress, sandbox)
        noise = _noise(work, len(dataset.classes), NoiseSetup(spec=spec, preset=preset), trained, run)
        with write_archive(
            dataset,
            noise,
            out,
            ArchiveSettings(
                radius=spec.radius_u, format=spec.format, keep_exif=spec.keep_exif, protect_mask=work.chosen
            ),
            progress=progress,
            sandbox=sandbox,
        ) as archive:
            exhibit = _exhibit(work, archive.delivered, len(dataset.classes))
            evidence = measure_evidence(exhibit, spec, preset, run)
            progress.start("report", 1)
            report = _report(dataset, work, archive, evidence, spec, preset, trained, run.device, progress, job_id)
            samples = take_samples(dataset, archive, scratch, sandbox)
            _describe(archive, report, render_html(report, samples))
            progress.advance()
    return ProtectionResult(archive=out, report=report)


def _shipped(dataset: ImageDataset) -> Path:
    """The file of the generator that ships for such pictures. Raises BadInput where none fits."""
    size = work_size([(p.width, p.height) for p in dataset.images], max_size=PRESETS[INSTANT].max_size)
    return best_fit(channels=dataset.channels, size=size, classes=len(dataset.classes)).file


def _size(dataset: ImageDataset, spec: ProtectSpec, trained: TrainedGenerator | None) -> int:
    """The size to work at, in pixels: a trained generator's own. Raises BadInput where that one does not fit."""
    edges = [(picture.width, picture.height) for picture in dataset.images]
    if trained is None:
        return work_size(edges, max_size=PRESETS[spec.preset].max_size)
    own = work_size(edges, max_size=max(MIN_SIZE, trained.card.size))
    if wrong := incompatibilities(trained.card, channels=dataset.channels, size=own, classes=len(dataset.classes)):
        raise BadInput(wrong)
    return trained.card.size


def _prepare(dataset: ImageDataset, size: int, spec: ProtectSpec, progress: Progress, sandbox: DecoderSandbox) -> _Work:
    """Pixels at the work size, and who takes which part: training, testing, being protected."""
    labels = np.array([picture.label for picture in dataset.images], dtype=np.int64)
    apart = select_test_mask(labels, [picture.split for picture in dataset.images], seed=spec.seed)
    chosen = select_protect_mask_by_split(labels, apart, spec.percentage, seed=spec.seed)
    why_not = unmeasurable(spec.evidence, labels, apart, len(dataset.classes))
    if why_not:
        apart = np.zeros(len(labels), dtype=bool)  # nothing will be tested, so nothing need be kept from the surrogate
    progress.start("decoding", 0)
    return _Work(
        pixels=load_pixels(dataset, size, progress=progress, sandbox=sandbox),
        labels=labels,
        held_out=apart,
        chosen=chosen,
        unmeasurable=why_not,
    )


def _noise(
    work: _Work, classes: int, setup: NoiseSetup, trained: TrainedGenerator | None, run: RunContext
) -> NDArray[np.int8]:
    """The noise of all images to protect, by a trained generator, or by a surrogate that is trained on them."""
    images = LabelledArrays(pixels=work.pixels, labels=work.labels, classes=classes)
    if trained is None:
        return generate_noise(images, setup, run, protect_mask=work.chosen, train_mask=~work.held_out)
    channels = images.pixels.shape[1]
    outputs = class_map(classes, outputs=trained.card.classes)[images.labels]
    images = LabelledArrays(pixels=images.pixels, labels=outputs, classes=trained.card.classes)
    if network := network_for(trained, channels=channels):
        return predict_noise(network, images, run, radius=setup.spec.radius_u, protect_mask=work.chosen)
    return search_noise(surrogate_for(trained, channels=channels), images, setup, run, protect_mask=work.chosen)


def _exhibit(work: _Work, delivered: DeliveredImages, classes: int) -> EvaluationData:
    return EvaluationData(
        clean=work.pixels,
        delivered=delivered.pixels,
        labels=work.labels,
        held_out=work.held_out,
        classes=classes,
        note=work.unmeasurable,
    )


def _report(
    dataset: ImageDataset,
    work: _Work,
    archive: ArchiveWriter,
    evidence: Evidence,
    spec: ProtectSpec,
    preset: Preset,
    trained: TrainedGenerator | None,
    device: Device,
    progress: Progress,
    job_id: str | None,
) -> ProtectionReport:
    delivered, size = archive.delivered, work.pixels.shape[-1]
    made_by = describe(NoiseSetup(spec=spec, preset=preset), size=size, trained_on=int((~work.held_out).sum()))
    familiar = trained is not None and may_have_learned(trained.card, name=dataset.name, classes=dataset.classes)
    if trained is not None:
        channels = work.pixels.shape[1]
        made_by |= describe_use(trained, classes=len(dataset.classes), channels=channels, familiar=familiar)
    progress.finish()
    return ProtectionReport(
        job_id=job_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        seed=spec.seed,
        versions=versions(),
        device=device.label,
        seconds=sum(progress.seconds.values()),
        stages=dict(progress.seconds),
        dataset=ReportDataset(
            name=dataset.name,
            images=len(dataset.images),
            classes=class_counts(dataset.classes, work.labels),
            skipped=tuple(archive.skipped),
        ),
        spec=spec.to_dict(),
        generator=made_by,
        imperceptibility=measure_imperceptibility(
            work.pixels, delivered.pixels, linf=delivered.linf, mae=delivered.mae, mse=delivered.mse
        ),
        evidence=evidence,
        caveats=protection_caveats(
            spec,
            evidence,
            DeliveryCounts(
                work_size=size,
                images=len(dataset.images),
                enlarged=sum(max(p.width, p.height) > size for p in dataset.images),
                exceeded=int((delivered.linf > spec.radius_u).sum()),
            ),
            None if trained is None else GeneratorUse(card=trained.card, may_know_images=familiar),
        ),
    )


def _describe(archive: ArchiveWriter, report: ProtectionReport, page: str) -> None:
    """Put into the archive what says how it was made."""
    archive.add("report.json", report.to_json())
    archive.add("report.html", page)
    archive.about.update(
        spec=report.spec, seed=report.seed, versions=dict(report.versions), generator=dict(report.generator)
    )


def class_counts(classes: Sequence[str], labels: NDArray[np.int64]) -> tuple[ClassCount, ...]:
    """How many pictures each class has."""
    counts = np.bincount(labels, minlength=len(classes))
    return tuple(ClassCount(name, int(count)) for name, count in zip(classes, counts, strict=True))

"""The recipe of a protection: a dataset in, a protected archive with its evidence out."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.archive.delivery import load_delivery, save_delivery
from core.errors import BadInput
from core.evaluation.evaluation_data import unmeasurable
from core.evaluation.evidence import measure_evidence
from core.evaluation.sample_size import too_few_images_of_album
from core.generators.card import read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities
from core.generators.shipped import select_shipped_generator
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, ReadOptions, open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_album_test_mask, select_protect_mask_by_split, select_test_mask
from core.noise.generator_file import TrainedGenerator, load_generator
from core.noise.setup import NoiseSetup
from core.recipes.evidence_images import EvidenceImages
from core.recipes.joint_start import joint_start
from core.recipes.options import DatasetSource, ReferenceSource, RunOptions
from core.recipes.protection_archive import ProtectionArchive, report_in
from core.recipes.protection_data import ProtectionData
from core.recipes.protection_noise import TEXTURE_WORK_SIZE, noise_source, with_method
from core.recipes.report_dataset import labels_of
from core.results.protection import ProtectionReport
from core.runtime.context import RunContext
from core.specs.presets import PRESETS, preset_for
from core.specs.protect import INSTANT, TEXTURE, ProtectSpec
from core.specs.small_images import are_photographs
from core.specs.work_size import MIN_SIZE, work_size
from core.training.labelled_images import LabelledArrays

NO_OTHER_CLASSES = (
    "an album is measured as one class among others, and there were no others here. Upload another dataset, such as "
    "photographs of other things, and protect the album again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionResult:
    """The protected archive, and the report in it.

    Attributes:
        archive: The zip.
        report: Its report.
        common_bytes: How many first bytes it has in common with the archive that `on_archive` got before the evidence
            was measured; None if there was no such archive.
    """

    archive: Path
    report: ProtectionReport
    common_bytes: int | None = None


def protect(
    source: DatasetSource,
    out: Path,
    spec: ProtectSpec,
    options: RunOptions,
    *,
    generator: Path | None = None,
    job_id: str | None = None,
    on_archive: Callable[[Path], None] | None = None,
) -> ProtectionResult:
    """Protect a dataset with noise, and measure what learners make of it before and after.

    The archive is complete as soon as the images are written. Its report then says that nothing is measured yet. After
    the measurement an archive with the whole report takes its place.

    Args:
        source: The images to protect.
        out: The zip to write. It is never incomplete. If an earlier attempt with the same checkpoints completed it,
            only the measurement is left to do.
        spec: The method, the radii, the share of protected images, the evidence and the seed.
        options: Where and how to run.
        generator: The file of a trained generator, which makes the noise at its own size; nothing is trained. The
            preset `instant` chooses a shipped generator by itself for images that are no photographs.
        job_id: The id of the service's job, for the report.
        on_archive: Called with `out` when the images are written and the measurement begins. It must not change it.

    Raises:
        BadInput: The source, the generator or the device cannot be used.
        SpecError: The generator was trained for another spec.
        Cancelled: Or whatever else `options.on_progress` raises.
    """
    run = options.context()
    if generator is not None:
        spec = _constrained_spec(spec, generator)
    with DecoderSandbox(limits=options.limits) as sandbox:
        dataset = open_dataset(
            source.path,
            options.scratch,
            name=source.name,
            options=ReadOptions(layout=spec.layout, leave_out=spec.leave_out, pass_through=spec.pass_through),
            limits=options.limits,
            progress=run.progress,
            sandbox=sandbox,
        )
        if generator is None:
            spec = with_method(spec, photographs=are_photographs(_edges(dataset)))
        trains = generator is None and spec.method != TEXTURE
        if trains and len(dataset.classes) == 1 and spec.preset != INSTANT:
            dataset, spec = _without_training(dataset, spec)
        if trains and spec.preset == INSTANT:
            generator = _shipped_generator(dataset)
            spec = _constrained_spec(spec, generator)
        trained = None if generator is None else load_generator(generator, device=run.device.name)
        data = _prepare(dataset, spec, trained, run, sandbox)
        data = _as_album(data, source.reference) if len(dataset.classes) == 1 else data
        writing = ProtectionArchive(data=data, out=out, run=run, scratch=options.scratch, sandbox=sandbox)
        archive = load_delivery(out, run.checkpoints)
        if archive is None:
            archive = writing.write(noise_source(data, run), job_id=job_id)
            if data.unmeasurable is not None:
                return ProtectionResult(archive=out, report=report_in(archive))
            save_delivery(archive, run.checkpoints)
            if on_archive is not None:
                on_archive(out)
        with zipfile.ZipFile(out) as delivered:
            images = EvidenceImages(
                data,
                archive.delivered,
                delivered.read,
                scratch=options.scratch,
                sandbox=sandbox,
                progress=run.progress,
            )
            evidence = measure_evidence(images.evaluation_data(), spec, data.setup.preset, run)
        report, common_bytes = writing.complete(archive, evidence)
    return ProtectionResult(archive=out, report=report, common_bytes=common_bytes)


def _constrained_spec(spec: ProtectSpec, generator: Path) -> ProtectSpec:
    return ProtectSpec.parse(apply_generator_constraints(spec.to_dict(), read_card(generator)))


def _without_training(dataset: ImageDataset, spec: ProtectSpec) -> tuple[ImageDataset, ProtectSpec]:
    """The preset `instant` in place of one that trains: a network learns nothing from images of one class."""
    note = (
        f"All images are of one class, from which nothing can be trained. So the preset {INSTANT} replaced "
        f"{spec.preset}: the noise is that of a generator which was trained on other images."
    )
    layout = replace(dataset.layout, notes=(*dataset.layout.notes, note))
    return replace(dataset, layout=layout), ProtectSpec.parse(spec.to_dict() | {"preset": INSTANT})


def _shipped_generator(dataset: ImageDataset) -> Path:
    """The file of the shipped generator that fits best. Raises BadInput where none fits."""
    size = work_size(_edges(dataset), max_size=PRESETS[INSTANT].max_size)
    return select_shipped_generator(channels=dataset.channels, size=size, classes=len(dataset.classes)).file


def _edges(dataset: ImageDataset) -> list[tuple[int, int]]:
    return [(image.width, image.height) for image in dataset.images]


def _prepare(
    dataset: ImageDataset,
    spec: ProtectSpec,
    trained: TrainedGenerator | None,
    run: RunContext,
    sandbox: DecoderSandbox,
) -> ProtectionData:
    """Choose the work size, decode the images, and draw the test images and the images to protect."""
    size = _choose_size(dataset, spec, trained)
    labels, splits = labels_of(dataset), [image.split for image in dataset.images]
    test_mask = select_test_mask(labels, splits, seed=spec.seed)
    protect_mask = select_protect_mask_by_split(labels, test_mask, spec.percentage, seed=spec.seed)
    named = labels < len(dataset.named_classes)
    reason = unmeasurable(spec.evidence, labels[named], test_mask[named], len(dataset.named_classes))
    if reason is not None:
        test_mask = np.zeros_like(test_mask)  # nothing will be tested, so the surrogate may learn from all images
    run.progress.start("decoding", 0)
    pixels = load_pixels(dataset, size, progress=run.progress, sandbox=sandbox)
    setup = NoiseSetup(spec=spec, preset=preset_for(spec.preset, size))
    return ProtectionData(
        dataset=dataset,
        images=LabelledArrays(pixels=pixels, labels=labels, classes=len(dataset.classes)),
        test_mask=test_mask,
        protect_mask=protect_mask,
        setup=setup,
        generator=trained,
        start=None if trained is not None else joint_start(dataset, setup, run, size=size),
        photographs=are_photographs(_edges(dataset)),
        unmeasurable=reason,
    )


def _as_album(data: ProtectionData, reference: ReferenceSource | None) -> ProtectionData:
    """An album that joins other classes in its evidence; without them, or with too few images, nothing is measured."""
    images = len(data.dataset.images)
    reason = too_few_images_of_album(images) or (NO_OTHER_CLASSES if reference is None else None)
    if data.setup.spec.evidence == "none":
        return data
    if reason is not None:
        return replace(data, unmeasurable=reason)
    test_mask = select_album_test_mask(images, seed=data.setup.spec.seed)
    return replace(data, test_mask=test_mask, unmeasurable=None, reference=reference)


def _choose_size(dataset: ImageDataset, spec: ProtectSpec, trained: TrainedGenerator | None) -> int:
    """The work size in pixels: that of the generator, if there is one. Raises BadInput where that does not fit."""
    if trained is None:
        largest = TEXTURE_WORK_SIZE if spec.method == TEXTURE else PRESETS[spec.preset].max_size
        return work_size(_edges(dataset), max_size=largest)
    size = work_size(_edges(dataset), max_size=max(MIN_SIZE, trained.card.size))
    if wrong := incompatibilities(trained.card, channels=dataset.channels, size=size, classes=len(dataset.classes)):
        raise BadInput(wrong)
    return trained.card.size

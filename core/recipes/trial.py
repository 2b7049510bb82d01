"""The recipe of a trial: a few images, protected at each visibility as a whole dataset would be, without evidence."""

import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from core.archive.delivered_files import DeliveredFiles
from core.archive.delivery import WrittenArchive
from core.archive.manifest import read_manifest
from core.archive.noise_source import ClassTextures
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.evaluation.trial_visibility import TrialScorer
from core.imaging.sandbox import DecoderSandbox
from core.imaging.texture_codebook import KEY_BYTES, TextureCodebook
from core.ingest.dataset import ImageDataset, open_dataset
from core.metrics.visibility import VisibilityScore
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.recipes.protection_noise import with_method
from core.recipes.report_dataset import labels_of
from core.results.protection import ImageVisibility
from core.runtime.progress import Progress
from core.specs.protect import TEXTURE, ProtectSpec
from core.specs.small_images import are_photographs
from core.specs.visibility import DEFAULT_VISIBILITY, VISIBILITIES, VISIBILITY_TARGETS
from core.specs.work_size import MIN_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFile:
    """One image at one visibility.

    Attributes:
        path: Its path in the folder that was tried.
        visibility: A value of the spec key.
        data: The file as a protection delivers it.
        flip: FLIP against the original, from 0 (invisible) to 1.
        ssimulacra2: SSIMULACRA2 against the original; None for a small image.
    """

    path: str
    visibility: str
    data: bytes
    flip: float
    ssimulacra2: float | None


IN_TURN = (DEFAULT_VISIBILITY, *(name for name in VISIBILITIES if name != DEFAULT_VISIBILITY))
"""The order in which the visibilities are made: first the one that a form shows first."""


def make_trial(folder: Path, spec: ProtectSpec, options: RunOptions) -> Iterator[list[TrialFile]]:
    """Protect a few images at each visibility.

    Photographs get their textures directly: a report, and a sandbox for each visibility, would take most of the time.

    Args:
        folder: The images, as a dataset.
        spec: Everything but the visibility. Nothing is measured but how visible the change is.
        options: Where and how to run.

    Returns:
        For each of `IN_TURN`, as soon as it is made, the images at this visibility. An image that cannot be written is
        left out.

    Raises:
        BadInput: None of the images can be used, or no generator fits them.
        Cancelled: Or whatever else `options.on_progress` raises.
    """
    run = options.context()
    with DecoderSandbox(limits=options.limits) as sandbox:
        unpacked = options.scratch / "unpacked"
        unpacked.mkdir()
        dataset = open_dataset(
            folder, unpacked, name="trial", limits=options.limits, progress=run.progress, sandbox=sandbox
        )
        photographs = are_photographs([(image.width, image.height) for image in dataset.images])
        if with_method(spec, photographs=photographs).method == TEXTURE:
            yield from _with_textures(dataset, spec, options, run.progress, sandbox)
            return
    yield from _with_generator(folder, spec, options)


def _with_textures(
    dataset: ImageDataset, spec: ProtectSpec, options: RunOptions, progress: Progress, sandbox: DecoderSandbox
) -> Iterator[list[TrialFile]]:
    """While the images at a later visibility are measured, those at the next one are written."""
    codebook = TextureCodebook(len(dataset.classes), secrets.token_bytes(KEY_BYTES))
    noise = ClassTextures(labels=labels_of(dataset), codebook=codebook, channels=dataset.channels, size=MIN_SIZE)

    def write(visibility: str) -> WrittenArchive:
        settings = ArchiveSettings(
            radius=spec.radius_u,
            format=spec.format,
            keep_exif=spec.keep_exif,
            max_flip=VISIBILITY_TARGETS[visibility].flip,
        )
        out = options.scratch / f"{visibility}.zip"
        with write_archive(dataset, noise, out, settings, progress=progress, sandbox=sandbox) as archive:
            return WrittenArchive(path=out, delivered=archive.delivered, skipped=archive.skipped)

    scorer = TrialScorer(threads=options.context().device.cores)
    with ThreadPoolExecutor(1, "trial") as writer:
        written = writer.submit(write, IN_TURN[0])
        for visibility, following in zip_longest(IN_TURN, IN_TURN[1:]):
            archive = written.result()
            files = DeliveredFiles(
                dataset=dataset, archive=archive, scratch=options.scratch, sandbox=sandbox, progress=progress
            )
            windows = scorer.read(files)
            first = scorer.scores(windows) if visibility == IN_TURN[0] else None  # alone, as a person waits for them
            if following is not None:
                written = writer.submit(write, following)
            yield _scored_files(files, first or scorer.scores(windows), visibility)


def _scored_files(files: DeliveredFiles, scores: Mapping[int, VisibilityScore], visibility: str) -> list[TrialFile]:
    return [
        TrialFile(
            path=files.dataset.images[index].path,
            visibility=visibility,
            data=files.archive.read(path),
            flip=scores[index].flip,
            ssimulacra2=scores[index].ssimulacra2,
        )
        for index, path in enumerate(files.archive.delivered.paths)
        if path is not None and index in scores
    ]


def _with_generator(folder: Path, spec: ProtectSpec, options: RunOptions) -> Iterator[list[TrialFile]]:
    """By the recipe of a protection, as other noise is made for the whole dataset."""
    for visibility in IN_TURN:
        scratch = options.scratch / visibility
        scratch.mkdir()
        result = protect(
            DatasetSource(path=folder, name="trial"),
            scratch / "protected.zip",
            ProtectSpec.parse(spec.to_dict() | {"visibility": visibility, "evidence": "none"}),
            replace(options, scratch=scratch),
        )
        yield _read_files(result.archive, visibility, result.report.imperceptibility.worst_images)


def _read_files(archive: Path, visibility: str, scores: Sequence[ImageVisibility]) -> list[TrialFile]:
    by_path = {score.path: score for score in scores}
    unchanged = ImageVisibility(path="", flip=0.0, ssimulacra2=None)
    with zipfile.ZipFile(archive) as opened:
        return [
            TrialFile(
                path=path,
                visibility=visibility,
                data=opened.read(delivered),
                flip=by_path.get(delivered, unchanged).flip,
                ssimulacra2=by_path.get(delivered, unchanged).ssimulacra2,
            )
            for path, delivered in read_manifest(archive).delivered.items()
        ]

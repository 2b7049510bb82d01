"""The recipe of a trial: a few images, protected at each visibility as a whole dataset would be, without evidence."""

import secrets
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from core.archive.files_at_targets import FileAtTarget, files_at_targets
from core.archive.manifest import read_manifest
from core.archive.noise_source import ClassTextures
from core.archive.write_images import ArchiveSettings
from core.imaging.sandbox import DecoderSandbox
from core.imaging.texture_codebook import KEY_BYTES, TextureCodebook
from core.ingest.dataset import ImageDataset, open_dataset
from core.metrics.visibility import window_ssimulacra2
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

    Photographs get their textures directly: a report, and decoding each image for each visibility, would take most of
    the time.

    Args:
        folder: The images, as a dataset.
        spec: Everything but the visibility. Nothing is measured but how visible the change is.
        options: Where and how to run.

    Returns:
        The images at the first visibility of `IN_TURN` as soon as they are made, then those at the others. An image
        that cannot be written is left out.

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
    """The first visibility is made alone, as a person waits for it; the others follow together while it is measured."""
    codebook = TextureCodebook(len(dataset.classes), secrets.token_bytes(KEY_BYTES))
    noise = ClassTextures(labels=labels_of(dataset), codebook=codebook, channels=dataset.channels, size=MIN_SIZE)
    settings = ArchiveSettings(radius=spec.radius_u, format=spec.format, keep_exif=spec.keep_exif)

    first, *others = [VISIBILITY_TARGETS[name].flip for name in IN_TURN]
    threads = options.context().device.cores
    progress.start("writing", 0)
    for made in files_at_targets(dataset, noise, settings, [[first], others], sandbox=sandbox, progress=progress):
        yield _scored_files(dataset, made, threads)


def _scored_files(dataset: ImageDataset, files: Sequence[FileAtTarget], threads: int) -> list[TrialFile]:
    """FLIP was measured as the files were made; SSIMULACRA2, which takes a dozen times as long, of the middles only."""
    names = {target.flip: target.name for target in VISIBILITY_TARGETS.values()}
    with ThreadPoolExecutor(threads, "visibility") as pool:
        qualities = pool.map(lambda file: window_ssimulacra2(file.middle.original, file.middle.delivered), files)
        return [
            TrialFile(
                path=dataset.images[file.index].path,
                visibility=names[file.target],
                data=file.data,
                flip=file.flip,
                ssimulacra2=quality,
            )
            for file, quality in zip(files, qualities, strict=True)
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

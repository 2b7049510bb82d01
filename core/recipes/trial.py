"""The recipe of a trial: a few images, protected at each visibility as a whole dataset would be, without evidence."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.archive.manifest import read_manifest
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.protect import protect
from core.results.protection import ImageVisibility
from core.specs.protect import ProtectSpec
from core.specs.visibility import VISIBILITIES


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


def make_trial(folder: Path, spec: ProtectSpec, options: RunOptions) -> list[TrialFile]:
    """Protect a few images at each visibility.

    Args:
        folder: The images, as a dataset.
        spec: Everything but the visibility. Nothing is measured but how visible the change is.
        options: Where and how to run.

    Returns:
        Each image at each visibility. An image that cannot be written is left out.

    Raises:
        BadInput: None of the images can be used, or no generator fits them.
        Cancelled: Or whatever else `options.on_progress` raises.
    """
    found: list[TrialFile] = []
    for visibility in VISIBILITIES:
        scratch = options.scratch / visibility
        scratch.mkdir()
        result = protect(
            DatasetSource(path=folder, name="trial"),
            scratch / "protected.zip",
            ProtectSpec.parse(spec.to_dict() | {"visibility": visibility, "evidence": "none"}),
            replace(options, scratch=scratch),
        )
        found += _read_files(result.archive, visibility, result.report.imperceptibility.worst_images)
    return found


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

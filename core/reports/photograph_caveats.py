"""What is true of the noise on photographs alone: its target of visibility, and textures."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.imaging.formats import MAX_GROWTH
from core.specs.protect import TEXTURE, ProtectSpec

NAMED_FILES = 5
TEXTURES_UNDONE = (
    "A radius of 4 of 255 in Linf undid even plainly visible textures: of 64 % that a fine-tuned model reached on "
    "grocery photographs, 61 were left. "
)
"""How far adversarial training is known to go (docs/lab/photographs.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCounts:
    """How the images met a target of visibility.

    Attributes:
        images: Images in all.
        faint: Images of which the target left next to no noise.
        missed: Paths of images that compression alone changes more visibly than the target.
        grown: Paths of files that are larger than lossy files are by default.
    """

    images: int
    faint: int
    missed: tuple[str, ...]
    grown: tuple[str, ...]


def target_caveats(spec: ProtectSpec, counts: TargetCounts) -> Iterator[str]:
    """What a target of visibility costs.

    Args:
        spec: How the noise was made.
        counts: How the images met it.
    """
    if counts.missed:
        yield (
            f"{len(counts.missed):,} of {counts.images:,} images miss the visibility “{spec.visibility}” and have no "
            "noise: their format alone changes them more, at every quality that was tried. As png they meet it. "
            f"{_list_files(counts.missed)}."
        )
    if counts.grown:
        yield (
            f"{len(counts.grown):,} of {counts.images:,} files are more than {MAX_GROWTH:g} times as large as the "
            f"uploaded ones, because their noise needs finer compression. {_list_files(counts.grown)}."
        )
    if faint := counts.faint - len(counts.missed):
        yield (
            f"{faint:,} of {counts.images:,} images carry next to no noise, because they would show more: smooth "
            f"images hide little at the visibility “{spec.visibility}”. Models learn from them nearly as from "
            "unprotected images."
        )
    if spec.method != TEXTURE:
        yield (
            "The noise of each image was scaled down until the image met the visibility "
            f"“{spec.visibility}”. The scaled noise protects less than published measurements of the method say."
        )


def _list_files(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - NAMED_FILES:,} more, which report.json names" if len(paths) > NAMED_FILES else ""
    return f"{'File' if len(paths) == 1 else 'Files'}: {', '.join(paths[:NAMED_FILES])}{more}"


def texture_caveats(spec: ProtectSpec) -> Iterator[str]:
    """What is known of the method `texture`.

    Args:
        spec: How the noise was made.
    """
    if spec.method != TEXTURE:
        return
    yield (
        "On a public set of 2,387 grocery photographs, textures at FLIP 0.04 left 69 of 70 % to a fine-tuned model, "
        "those at 0.07 left 68 of 71, and plainly visible ones at 0.20 left 44. On another set textures at 0.05 took a "
        "third from a weaker fine-tuned model. Only evidence on these images says what they do here."
    )
    yield (
        "The textures use no gradients and know no adversary. Filters that remove fine regular structure weaken them."
    )
    yield (
        "All images of a class have similar textures. Someone who knows the method can estimate them from the "
        "protected images and filter a part of them out, even without the secret key. Not measured."
    )


def texture_countermeasures(here: str) -> str:
    """What countermeasures do to textures.

    Args:
        here: A sentence that says which of them were measured.
    """
    return (
        "A texture is the same in all colours, so conversion to greyscale keeps it. Blur, strong JPEG compression and "
        f"reduction to a small size weaken it. {here}"
    )

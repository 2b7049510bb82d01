"""FLIP and SSIMULACRA2 in words: the JPEG quality that gives the same score, and what the score means.

No numpy, so that the API can use it. The scale was measured with `core.metrics.visibility` on 40 photographs of
groceries (345 x 345 pixels, cut so that the blocks of their first compression do not match), which Pillow saved as JPEG
with its default subsampling.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from core.results.protection import Imperceptibility


@dataclass(frozen=True, slots=True)
class JpegPoint:
    """What JPEG does to photographs.

    Attributes:
        quality: Of the JPEG encoder.
        flip: The mean FLIP.
        ssimulacra2: The mean SSIMULACRA2.
    """

    quality: int
    flip: float
    ssimulacra2: float


JPEG_SCALE = (
    JpegPoint(10, 0.167, 14.1),
    JpegPoint(20, 0.116, 48.2),
    JpegPoint(30, 0.093, 61.4),
    JpegPoint(40, 0.081, 68.1),
    JpegPoint(50, 0.073, 72.3),
    JpegPoint(60, 0.065, 75.5),
    JpegPoint(70, 0.057, 79.1),
    JpegPoint(75, 0.052, 81.0),
    JpegPoint(80, 0.047, 83.2),
    JpegPoint(85, 0.041, 85.4),
    JpegPoint(90, 0.035, 88.1),
    JpegPoint(95, 0.028, 91.1),
)

SSIMULACRA2_GRADES = (  # from the documentation of SSIMULACRA2, for compressed photographs at their own size
    (90.0, "not to be told from the original even where the two flicker"),
    (85.0, "not to be told from the original where the two are shown in turn"),
    (80.0, "not to be told from the original side by side"),
    (70.0, "hard to notice without the original"),
    (50.0, "of medium quality: noticeable"),
    (30.0, "of low quality: plainly visible"),
)


def jpeg_of_flip(flip: float) -> str:
    """The JPEG quality that changes photographs as visibly by FLIP, such as 'JPEG at quality 75'.

    Args:
        flip: From 0 to 1.
    """
    return _jpeg_of(flip, lambda point: point.flip)


def jpeg_of_ssimulacra2(score: float) -> str:
    """The JPEG quality that changes photographs as visibly by SSIMULACRA2, such as 'JPEG at quality 75'.

    Args:
        score: At most 100.
    """
    return _jpeg_of(-score, lambda point: -point.ssimulacra2)


def grade_of_ssimulacra2(score: float) -> str:
    """What the authors of SSIMULACRA2 call a score, in lower case.

    Args:
        score: At most 100.
    """
    return next((grade for least, grade in SSIMULACRA2_GRADES if score >= least), "of very low quality")


def describe_visibility(figures: Imperceptibility) -> tuple[str, ...]:
    """Sentences on how visible the noise is; none where it was not measured.

    Args:
        figures: The figures of a report.
    """
    return tuple(_sentences(figures))


def _sentences(figures: Imperceptibility) -> Iterator[str]:
    if figures.flip is None or figures.flip_worst is None:
        return
    by_flip = _mean_and_worst(jpeg_of_flip(figures.flip), jpeg_of_flip(figures.flip_worst))
    yield f"By FLIP, the noise is as visible on these images as JPEG is on photographs: {by_flip}."
    if figures.ssimulacra2 is not None and figures.ssimulacra2_worst is not None:
        mean, worst = (jpeg_of_ssimulacra2(score) for score in (figures.ssimulacra2, figures.ssimulacra2_worst))
        yield (
            f"By SSIMULACRA2, it is as visible as {_mean_and_worst(mean, worst)}. In the words of its authors the "
            f"average is {grade_of_ssimulacra2(figures.ssimulacra2)}."
        )


def _mean_and_worst(mean: str, worst: str) -> str:
    return f"{mean}, on average and at worst" if mean == worst else f"{mean} on average, {worst} at worst"


def describe_measuring(figures: Imperceptibility) -> str | None:
    """Which images FLIP and SSIMULACRA2 were measured on; None where they were not.

    Args:
        figures: The figures of a report.
    """
    measured, changed = figures.measured_images, figures.changed_images
    if not measured or changed is None:
        return None
    if measured >= changed:
        text = (
            f"Measured on all {changed:,} images that changed" if changed > 1 else "Measured on the image that changed"
        )
    else:
        text = (
            f"Measured on {measured:,} of the {changed:,} images that changed: images drawn by the seed, which give "
            "the averages, and images that changed most"
        )
    if not figures.ssimulacra2_images:
        return f"{text}. SSIMULACRA2 needs images of at least 225 pixels, and these are smaller."
    if figures.ssimulacra2_images < measured:
        return f"{text}; SSIMULACRA2 on the {figures.ssimulacra2_images:,} that have the 225 pixels that it needs."
    return f"{text}."


def _jpeg_of(visibility: float, of: Callable[[JpegPoint], float]) -> str:
    """The quality by linear interpolation, in steps of 5; `of` gives the visibility of a point, which falls."""
    if visibility > of(JPEG_SCALE[0]):
        return f"JPEG below quality {JPEG_SCALE[0].quality}"
    for low, high in pairwise(JPEG_SCALE):
        if visibility >= of(high):
            share = (of(low) - visibility) / (of(low) - of(high))
            return f"JPEG at quality {5 * round((low.quality + share * (high.quality - low.quality)) / 5)}"
    return f"JPEG above quality {JPEG_SCALE[-1].quality}"

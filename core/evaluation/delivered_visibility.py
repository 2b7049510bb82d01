"""How visible the noise is on the delivered files, at full size.

FLIP and SSIMULACRA2 take about 3 microseconds a pixel on one core. So of many images a sample is measured: images that
are drawn by the seed, whose means stand for all, and the images with the largest mean squared change besides, among
which the most visible ones are likely to be. The number of images follows from their sizes and not from a clock, so
that the same seed gives the same figures.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.archive.delivered_files import DeliveredFiles, WindowPair
from core.metrics.visibility import VisibilityScore, mean_score, score_window
from core.metrics.windows import Window, windows_of
from core.results.protection import ImageVisibility, Imperceptibility
from core.runtime.progress import Progress

DRAWN_PIXELS, DRAWN_IMAGES = 7_500_000, 400  # the most that is drawn by the seed; 62 photographs of 348 x 348 pixels
LARGEST_PIXELS, LARGEST_IMAGES = 2_500_000, 100  # the most that is measured besides
NAMED_WORST = 10
TICK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredImage:
    """One image that was measured.

    Attributes:
        index: Of the image in the dataset.
        score: The means over its windows.
        worst_window: The window with the largest FLIP.
        drawn: Whether the seed drew it; the others are measured because they changed much.
    """

    index: int
    score: VisibilityScore
    worst_window: Window
    drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredVisibility:
    """The scores of the images that were measured.

    Attributes:
        images: Worst first, by FLIP.
        changed: Number of images that changed.
    """

    images: tuple[MeasuredImage, ...]
    changed: int


def measure_visibility(files: DeliveredFiles, *, seed: int, threads: int) -> DeliveredVisibility:
    """Measure images that changed, in the stage "report" of the progress, which it starts with one unit to spare.

    Args:
        files: The uploaded and the delivered files.
        seed: Draws the images.
        threads: How many images are measured at once.
    """
    delivered = files.archive.delivered
    is_written = np.array([path is not None for path in delivered.paths])
    changed = np.flatnonzero(is_written & (delivered.linf > 0))
    windows = {int(i): windows_of(files.dataset.images[i].width, files.dataset.images[i].height) for i in changed}
    drawn, largest = _choose(changed, delivered.mse, windows, seed=seed)
    wanted = [(i, windows[i]) for i in (*drawn, *largest)]
    files.progress.start("report", len(wanted) + 1)
    scores = dict(_score(files, wanted, threads))
    images = [
        MeasuredImage(index=i, score=mean_score(parts), worst_window=_worst_window(windows[i], parts), drawn=i in drawn)
        for i, parts in scores.items()
    ]
    return DeliveredVisibility(
        images=tuple(sorted(images, key=lambda image: (-image.score.flip, image.index))), changed=len(changed)
    )


def with_visibility(
    figures: Imperceptibility, visibility: DeliveredVisibility, paths: Sequence[str | None]
) -> Imperceptibility:
    """The figures of a report with FLIP and SSIMULACRA2.

    Args:
        figures: The figures that are known of every image.
        visibility: What was measured.
        paths: The path of each image in the archive.
    """
    images = visibility.images
    if not images:
        return replace(figures, changed_images=visibility.changed)
    qualities = [image.score.ssimulacra2 for image in images if image.score.ssimulacra2 is not None]
    mean = mean_score([image.score for image in images if image.drawn] or [image.score for image in images])
    worst = tuple(
        ImageVisibility(path=str(paths[image.index]), flip=image.score.flip, ssimulacra2=image.score.ssimulacra2)
        for image in images[:NAMED_WORST]
    )
    return replace(
        figures,
        flip=mean.flip,
        flip_worst=images[0].score.flip,
        ssimulacra2=mean.ssimulacra2,
        ssimulacra2_worst=min(qualities) if qualities else None,
        changed_images=visibility.changed,
        measured_images=len(images),
        ssimulacra2_images=len(qualities),
        worst_images=worst,
    )


def _choose(
    changed: NDArray[np.intp], mse: NDArray[np.floating], windows: dict[int, tuple[Window, ...]], *, seed: int
) -> tuple[list[int], list[int]]:
    """The images that the seed draws, and those with the largest mean squared change among the rest."""
    pixels = {i: sum(window.pixels for window in parts) for i, parts in windows.items()}
    order = [int(i) for i in np.random.default_rng(seed).permutation(changed)]
    drawn = _within(order, pixels, max_pixels=DRAWN_PIXELS, max_images=DRAWN_IMAGES)
    rest = sorted(set(order) - set(drawn), key=lambda i: (-mse[i], i))
    return drawn, _within(rest, pixels, max_pixels=LARGEST_PIXELS, max_images=LARGEST_IMAGES)


def _within(order: list[int], pixels: dict[int, int], *, max_pixels: int, max_images: int) -> list[int]:
    """The first images of an order, at least one, whose pixels are no more than `max_pixels`."""
    totals = np.cumsum([pixels[i] for i in order])
    count = int(np.searchsorted(totals, max_pixels, side="right"))
    return order[: max(1, min(count, max_images))]


def _score(
    files: DeliveredFiles, wanted: Sequence[tuple[int, Sequence[Window]]], threads: int
) -> Iterator[tuple[int, list[VisibilityScore]]]:
    """The scores of each image's windows; an image that cannot be decoded any more has none."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="visibility")
    try:
        futures = [(i, pool.submit(_score_pairs, pairs)) for i, pairs in files.read(wanted)]
        for i, future in futures:
            yield i, _wait_for(future, files.progress)
            files.progress.advance()
    finally:
        pool.shutdown(cancel_futures=True)


def _score_pairs(pairs: list[WindowPair]) -> list[VisibilityScore]:
    return [score_window(pair.original, pair.delivered) for pair in pairs]


def _wait_for(future: "Future[list[VisibilityScore]]", progress: Progress) -> list[VisibilityScore]:
    while True:
        try:
            return future.result(timeout=TICK_SECONDS)
        except NotDone:
            progress.tick()


def _worst_window(windows: Sequence[Window], scores: Sequence[VisibilityScore]) -> Window:
    return max(zip(windows, scores, strict=True), key=lambda pair: pair[1].flip)[0]

"""What the pages of every experiment are written from."""

from dataclasses import dataclass
from pathlib import Path

from experiments.measure import ExperimentCache


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderContext:
    """The results to show, and where to write the pages.

    Attributes:
        cache: the noises and measurements.
        out: folder of the pages.
        seeds: show the results of seeds 0 to `seeds` - 1.
        dataset: the paper's dataset to compare with, a key of DATASETS; None for no comparison.
    """

    cache: ExperimentCache
    out: Path
    seeds: int
    dataset: str | None

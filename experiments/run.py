"""Run one experiment from images to pages: make every noise and train every learner that is missing, then write."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.limits import DEFAULT_LIMITS, Limits
from core.runtime.device import Device
from core.runtime.distributed import on_rank_0, rank
from core.runtime.progress import Callback, Progress
from experiments.catalogue import Experiment
from experiments.cells import Cell, Noise
from experiments.datasets import fingerprint, guess_dataset, load_images
from experiments.measure import ExperimentCache
from experiments.paper.curve_figure import CurveFigure
from experiments.paper.grid import DATASETS, Table
from experiments.paper.image_figure import ImageFigure
from experiments.paper.table5 import SearchSettings
from experiments.paper.table6 import TimeCosts
from experiments.render.context import RenderContext
from experiments.render.curve_figure import write_curve_figure
from experiments.render.image_figure import write_image_figure
from experiments.render.settings import write_settings, write_times
from experiments.render.tables import write_table
from experiments.results_folder import check_or_create, check_or_save_settings
from experiments.scale import Scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What `reproduce` calls while it runs.

    Attributes:
        on_message: receives a line when a noise is made or a cell is measured.
        on_progress: receives each step of the progress.
    """

    on_message: Callable[[str], None] | None = None
    on_progress: Callback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproduceConfig:
    """Which part of an experiment to measure, and at which scale.

    Attributes:
        scale: how much of the paper's setting a run takes.
        seeds: how often to repeat everything, with seeds 0 to `seeds` - 1.
        dataset: the paper's dataset to compare with, a key of DATASETS; None to guess it from the images.
        rows: labels of the only rows of a table to measure; empty for all.
        columns: names of the only columns of a table to measure; empty for all.
        limits: what the images may take, and how the processes that decode them are isolated.
    """

    scale: Scale
    seeds: int = 1
    dataset: str | None = None
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    limits: Limits = DEFAULT_LIMITS


def reproduce(
    experiment: Experiment,
    source: Path,
    out: Path,
    config: ReproduceConfig,
    *,
    device: Device,
    callbacks: Callbacks | None = None,
) -> list[Path]:
    """Measure what is missing of an experiment and write its pages.

    Several processes (`core.runtime.distributed`) share each noise and each learner. Process 0 alone writes pages and
    sends messages.

    Args:
        experiment: a table or figure of the paper.
        source: images, as `load_images` takes them.
        out: folder of the results. A second run continues there.
        config: what to measure, and how large.
        device: where to compute.
        callbacks: what to call with messages and progress.

    Returns:
        The pages. The page of a table shows every measured cell, also outside the rows and columns of `config`.

    Raises:
        BadInput: the images, the folder, or the rows and columns cannot be used; nothing was measured.
    """
    selected, callbacks = _select(experiment, config), callbacks or Callbacks()
    progress, scale = Progress(callbacks.on_progress), config.scale
    on_rank_0(lambda: check_or_create(out, data=fingerprint(source), scale=scale.name))
    images = load_images(source, out / "images", scale, progress=progress, limits=config.limits)
    on_rank_0(lambda: check_or_save_settings(out, scale.settings(images.size)))
    dataset = config.dataset or guess_dataset(images)
    if isinstance(experiment, ImageFigure) and experiment.dataset not in (None, dataset):
        difference = f"{experiment.name} shows {DATASETS[str(experiment.dataset)]}"
        raise BadInput(f"{difference}; name it with --dataset if {source} stands for it")
    seeds = 1 if isinstance(experiment, ImageFigure) else config.seeds
    cache = ExperimentCache(out, images, scale, device=device, progress=progress)
    context = RenderContext(cache=cache, out=out, seeds=seeds, dataset=dataset)

    def write() -> list[Path]:
        return on_rank_0(lambda: write_pages_of(experiment, context))

    steps = [(step, seed) for seed in range(seeds) for step in steps_of(selected)]
    for number, (step, seed) in enumerate(steps, 1):
        message = run_step(cache, step, seed)
        if message is not None:
            if callbacks.on_message is not None and rank() == 0:
                callbacks.on_message(f"[{number}/{len(steps)}] {step.name}, seed {seed}: {message}")
            if not isinstance(experiment, ImageFigure):  # an image figure needs every noise
                write()
    return write()


def _select(experiment: Experiment, config: ReproduceConfig) -> Experiment:
    if not config.rows and not config.columns:
        return experiment
    if not isinstance(experiment, Table):
        raise BadInput(f"{experiment.name} is no table of learners, and has no rows and columns to choose")
    return experiment.select(rows=config.rows, columns=config.columns)


def steps_of(experiment: Experiment) -> list[Noise | Cell]:
    """What an experiment needs: the clean cells, then each noise, followed by the cells that need it.

    Args:
        experiment: a table or figure of the paper.
    """
    cells = experiment.cells
    steps: list[Noise | Cell] = [cell for cell in cells if cell.noise is None]
    for noise in experiment.noises:
        steps += [noise, *(cell for cell in cells if cell.noise == noise)]
    return steps


def run_step(cache: ExperimentCache, step: Noise | Cell, seed: int) -> str | None:
    """Make a noise or measure a cell.

    Args:
        cache: makes and measures what is missing.
        step: the noise or the cell.
        seed: of all random numbers.

    Returns:
        A message, or None if the result existed.
    """
    if isinstance(step, Noise):
        if on_rank_0(lambda: cache.has_noise(step, seed)):
            return None
        cache.noise(step, seed)
        return f"noise made in {cache.noise_seconds(step, seed):.0f} s"
    if on_rank_0(lambda: cache.load_measurement(step, seed)) is not None:
        return None
    measurement = cache.measure(step, seed)
    return f"{100 * measurement.accuracy:.1f} % in {measurement.seconds:.0f} s"


def write_pages_of(experiment: Experiment, context: RenderContext) -> list[Path]:
    """Write the pages of an experiment with the results that exist.

    Args:
        experiment: the experiment.
        context: the results to show, and where to write the pages.

    Returns:
        The files that were written.
    """
    match experiment:
        case Table():
            return write_table(experiment, context)
        case CurveFigure():
            return write_curve_figure(experiment, context)
        case ImageFigure():
            return write_image_figure(experiment, context)
        case SearchSettings():
            return write_settings(experiment, context)
        case TimeCosts():
            return write_times(experiment, context)

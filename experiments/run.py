"""One experiment from images to pages: every noise and learner that is not there yet, then what the paper shows."""

from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import BadInput
from core.runtime.device import Device
from core.runtime.distributed import on_rank_0, rank
from core.runtime.progress import Callback, Progress
from experiments.cache import ExperimentCache
from experiments.catalogue import Experiment
from experiments.cells import Cell, Noise
from experiments.datasets import fingerprint, guess_dataset, load_images
from experiments.paper.curves import Curves
from experiments.paper.grid import DATASETS, Table
from experiments.paper.pictures import Pictures
from experiments.paper.table5 import SearchSettings
from experiments.paper.table6 import TimeCosts
from experiments.render.curves import write_curves
from experiments.render.pictures import write_pictures
from experiments.render.settings import write_settings, write_times
from experiments.render.tables import write_table
from experiments.results_folder import claim, claim_settings
from experiments.scale import Scale

Say = Callable[[str], None]


def reproduce(
    experiment: Experiment,
    source: Path,
    out: Path,
    scale: Scale,
    *,
    seeds: int,
    device: Device,
    say: Say,
    dataset: str | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    on_progress: Callback | None = None,
) -> list[Path]:
    """Measure what is missing in `out` and write the experiment's pages there; returns their paths.

    `dataset` is the paper's that the numbers are put beside; guessed where it is None. Of a table only these `rows` and
    `columns` are measured, where any are named; its page shows all that is there. `say` hears a line when a piece of
    work is done. Several processes (`core.runtime.distributed`) share each piece; process 0 alone writes and says.
    Raises
    BadInput for what cannot be done, before anything is measured.
    """
    asked = _part(experiment, rows, columns)
    progress = Progress(on_progress)
    on_rank_0(lambda: claim(out, data=fingerprint(source), scale=scale.name))
    images = load_images(source, out / "images", scale, progress=progress)
    on_rank_0(lambda: claim_settings(out, scale.settings(images.size)))
    dataset = dataset or guess_dataset(images)
    if isinstance(experiment, Pictures) and experiment.dataset not in (None, dataset):
        shown = f"{experiment.name} shows {DATASETS[str(experiment.dataset)]}"
        raise BadInput(f"{shown}; name it with --dataset if {source} stands for it")
    seeds = 1 if isinstance(experiment, Pictures) else seeds
    lab = ExperimentCache(out, images, scale, device=device, progress=progress)

    def write() -> list[Path]:
        return on_rank_0(lambda: write_pages_of(experiment, lab, out, seeds=seeds, dataset=dataset))

    work = [(piece, seed) for seed in range(seeds) for piece in pieces(asked)]
    for number, (piece, seed) in enumerate(work, 1):
        said = do(lab, piece, seed)
        if said is not None:
            if rank() == 0:
                say(f"[{number}/{len(work)}] {piece.name}, seed {seed}: {said}")
            if not isinstance(experiment, Pictures):  # which need every noise
                write()
    return write()


def _part(experiment: Experiment, rows: Sequence[str], columns: Sequence[str]) -> Experiment:
    """What is to be measured of an experiment."""
    if not rows and not columns:
        return experiment
    if not isinstance(experiment, Table):
        raise BadInput(f"{experiment.name} is no table of learners, and has no rows and columns to choose")
    return experiment.part(rows=rows, columns=columns)


def pieces(experiment: Experiment) -> list[Noise | Cell]:
    """What has to be there for an experiment: clean cells, then each noise and the cells that need it."""
    cells = experiment.cells
    found: list[Noise | Cell] = [cell for cell in cells if cell.noise is None]
    for noise in experiment.noises:
        found += [noise, *(cell for cell in cells if cell.noise == noise)]
    return found


def do(lab: ExperimentCache, piece: Noise | Cell, seed: int) -> str | None:
    """Make a noise or measure a cell; what came of it in words, or None where it was there."""
    if isinstance(piece, Noise):
        if on_rank_0(lambda: lab.has_noise(piece, seed)):
            return None
        lab.noise(piece, seed)
        return f"noise made in {lab.noise_seconds(piece, seed):.0f} s"
    if on_rank_0(lambda: lab.known(piece, seed)) is not None:
        return None
    found = lab.measure(piece, seed)
    return f"{100 * found.accuracy:.1f} % in {found.seconds:.0f} s"


def write_pages_of(
    experiment: Experiment, lab: ExperimentCache, out: Path, *, seeds: int, dataset: str | None
) -> list[Path]:
    """The pages of an experiment, as far as it is measured."""
    match experiment:
        case Table():
            return write_table(experiment, lab, out, seeds=seeds, dataset=dataset)
        case Curves():
            return write_curves(experiment, lab, out, seeds=seeds, dataset=dataset)
        case Pictures():
            return write_pictures(experiment, lab, out, seeds=seeds, dataset=dataset)
        case SearchSettings():
            return write_settings(experiment, lab, out, seeds=seeds, dataset=dataset)
        case TimeCosts():
            return write_times(experiment, lab, out, seeds=seeds, dataset=dataset)

"""The recipe of a trained generator: a dataset in, a file out that makes noise for other datasets."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.evaluation.evidence import EvaluationData, measure_evidence, unmeasurable
from core.generators.card import Card
from core.generators.measurements import of_evidence
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.limits import Limits
from core.noise.generator_file import as_saved, check_weight, save
from core.noise.inference import predict_noise
from core.noise.methods import METHODS
from core.noise.search import search_noise
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.noise.train_noise_network import train_noise_network
from core.results.evidence import Evidence
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.distributed import Rank0CheckpointStore, on_rank_0
from core.runtime.progress import Callback, Progress
from core.specs.configs import Preset
from core.specs.presets import PRESETS, preset_for
from core.specs.protect import ProtectSpec
from core.specs.work_size import MIN_SIZE, SIZE_STEP, work_size
from core.training.labelled_images import LabelledArrays
from core.version import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """Where a trained generator's file lies, its card, what was measured of it, and how long it took."""

    file: Path
    card: Card
    evidence: Evidence
    seconds: float


def train_generator(
    source: Path,
    out: Path,
    spec: ProtectSpec,
    *,
    scratch: Path,
    on_progress: Callback | None = None,
    checkpoints: CheckpointStore | None = None,
    device: str | None = None,
    cores: int | None = None,
    name: str | None = None,
    title: str | None = None,
    size: int | None = None,
    grey: bool = False,
    command: str = "",
    limits: Limits | None = None,
) -> TrainingResult:
    """Train a surrogate on a folder or archive into the file `out`, which appears only when all of it is done.

    Where the preset has a noise network for the method, that is trained as well, and makes the noise.

    Of `spec` the keys in `core.specs.protect.TRAINING_KEYS` count. The evidence is of its noise on the pictures that
    it was
    trained on, and goes on its card; for that the upload's own test split is held out, or else a fifth of each class.
    `name` is the dataset's, `title` the generator's; `command` goes on the card. `size` is the side in pixels that it
    works at; default: the pictures' own, as the preset takes it. With `grey` its noise is judged in grey as well.
    Several processes (`core.runtime.distributed`) train one generator, which process 0 writes. The rest is as for
    `core.recipes.protect.protect`; raises BadInput also for a size that these pictures do not have, for `grey`
    where they are
    grey themselves, and for a network too large to be a generator.
    """
    run = RunContext(
        device=Device(device, cores=cores),
        progress=Progress(on_progress),
        checkpoints=Rank0CheckpointStore(checkpoints or NullCheckpointStore()),
    )
    progress, allowed = run.progress, limits or Limits()

    def read() -> tuple[Card, EvaluationData]:
        with DecoderSandbox(limits=allowed) as sandbox:
            dataset, apart, why_not = _parts(
                open_dataset(source, scratch, name=name, limits=allowed, progress=progress, sandbox=sandbox), spec
            )
            side = _size(dataset, spec, size)
            preset = preset_for(spec.preset, side)
            card = _card(
                dataset,
                spec,
                preset,
                side,
                images=int((~apart).sum()),
                name=title or out.stem,
                device=run.device.label,
                command=command,
                grey=grey,
            )
            check_weight(card)
            progress.start("decoding", 0)
            pixels = load_pixels(dataset, side, progress=progress, sandbox=sandbox)
        return card, EvaluationData(
            clean=pixels,
            delivered=pixels,
            labels=_labels(dataset),
            held_out=apart,
            classes=card.classes,
            note=why_not,
        )

    card, exhibit = on_rank_0(read)
    preset, train_mask = preset_for(spec.preset, card.size), ~exhibit.held_out
    setup = NoiseSetup(spec=spec, preset=preset)
    images = LabelledArrays(pixels=exhibit.clean, labels=exhibit.labels, classes=card.classes)
    learned = images.select(train_mask)
    surrogate = as_saved(train_surrogate(learned, setup, run))
    network = train_noise_network(surrogate, learned, setup, run, greyscale=grey)
    if exhibit.note is None:
        if network is None:
            noise = search_noise(surrogate, images, setup, run, protect_mask=train_mask)
        else:
            noise = predict_noise(as_saved(network), images, run, radius=spec.radius_u, protect_mask=train_mask)
        exhibit = replace(exhibit, delivered=exhibit.clean + noise.view(np.uint8))
    evidence = measure_evidence(exhibit, spec, preset, run)
    if spec.evidence != "none":
        found = of_evidence(evidence, data=card.data, classes=card.classes, seed=spec.seed)
        card = replace(card, measured=found)
    progress.start("writing", 1)
    on_rank_0(lambda: save(surrogate, card, out, network=network))
    progress.advance()
    progress.finish()
    return TrainingResult(file=out, card=card, evidence=evidence, seconds=sum(progress.seconds.values()))


def _parts(dataset: ImageDataset, spec: ProtectSpec) -> tuple[ImageDataset, NDArray[np.bool_], str | None]:
    """The pictures that are needed, bool (n,) of those held out to test on, and why nothing can be measured.

    Where nothing is measured, the upload's own test split is left out, and all else is learned from.
    """
    labels, splits = _labels(dataset), [picture.split for picture in dataset.images]
    apart = select_test_mask(labels, splits, seed=spec.seed)
    why_not = unmeasurable(spec.evidence, labels, apart, len(dataset.classes))
    if why_not is None:
        return dataset, apart, None
    learned = replace(dataset, images=tuple(p for p in dataset.images if p.split != "test"))
    return learned, np.zeros(len(learned.images), dtype=bool), why_not


def _labels(dataset: ImageDataset) -> NDArray[np.int64]:
    return np.array([picture.label for picture in dataset.images], dtype=np.int64)


def _size(dataset: ImageDataset, spec: ProtectSpec, asked: int | None) -> int:
    """The side to work at, in pixels: as asked, or the pictures' own. Raises BadInput for one they do not have."""
    own = work_size([(p.width, p.height) for p in dataset.images], max_size=PRESETS[spec.preset].max_size)
    if asked is None or asked == own:
        return own
    if asked not in range(MIN_SIZE, own, SIZE_STEP):
        sizes = ", ".join(map(str, range(MIN_SIZE, own + 1, SIZE_STEP)))
        raise BadInput(f"These pictures can be worked on at {sizes} px with the preset {spec.preset}, not at {asked}.")
    return asked


def _card(
    dataset: ImageDataset,
    spec: ProtectSpec,
    preset: Preset,
    size: int,
    *,
    images: int,
    name: str,
    device: str,
    command: str,
    grey: bool,
) -> Card:
    """What is known before the training. Raises BadInput where it makes no card, such as for a name without letters."""
    if grey and dataset.channels == 1:
        raise BadInput("These pictures are grey themselves: there is nothing that turning them grey could take away.")
    method = METHODS[spec.method or preset.method]
    recipe = preset.noise[method.name]
    values: dict[str, Any] = {
        "name": name,
        "method": method.name,
        "preset": preset.name,
        "architecture": preset.architecture,
        "channels": dataset.channels,
        "size": size,
        "class_names": dataset.classes,
        "radius_u": spec.radius_u,
        "radius_a": spec.adversarial_radius,
        "seed": spec.seed,
        "updates": recipe.length.updates(images),
        "network_updates": 0 if recipe.network_length is None else recipe.network_length.updates(images),
        "grey_updates": recipe.length.updates(images) if grey else 0,
        "images": images,
        "data": dataset.name,
        "device": device,
        "command": command,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "versions": versions(),
    }
    try:
        return Card(**values)
    except ValueError as error:
        raise BadInput(f"This would be a generator that cannot be used: {error}.") from None

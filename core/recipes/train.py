"""The recipe of a trained generator: a dataset in, a file out that makes noise for other datasets."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput
from core.evaluation.evaluation_data import EvaluationData, unmeasurable
from core.evaluation.evidence import measure_evidence
from core.generators.card import Card
from core.generators.measurements import measurements_from
from core.imaging.sandbox import DecoderSandbox
from core.ingest.dataset import ImageDataset, open_dataset
from core.ingest.pixels import load_pixels
from core.ingest.split import select_test_mask
from core.noise.final_search import search_noise
from core.noise.generator_file import as_saved, check_file_size, save_generator
from core.noise.inference import predict_noise
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.noise.train_noise_network import train_noise_network
from core.recipes.options import DatasetSource, RunOptions
from core.recipes.report_dataset import labels_of, utc_timestamp
from core.results.evidence import Evidence
from core.runtime.context import RunContext
from core.runtime.distributed import Rank0CheckpointStore, on_rank_0
from core.specs.presets import PRESETS, preset_for
from core.specs.protect import ProtectSpec
from core.specs.work_size import MIN_SIZE, SIZE_STEP, work_size
from core.training.labelled_images import LabelledArrays
from core.version import versions


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorOptions:
    """What the spec of a generator's noise does not say.

    Attributes:
        title: The name of the generator; by default that of its file.
        size: The side in pixels at which it works; by default that of the images, up to the largest of the preset.
        greyscale: Whether the noise network is also trained on greyscale images, against a second surrogate.
        command: How it was made, for its card.
    """

    title: str | None = None
    size: int | None = None
    greyscale: bool = False
    command: str = ""


DEFAULT_CONFIG = GeneratorOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A trained generator.

    Attributes:
        file: Its file.
        card: What the file says about it.
        evidence: What its noise does to learners on the training images.
        seconds: How long everything took.
    """

    file: Path
    card: Card
    evidence: Evidence
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _TrainingData:
    """The decoded dataset, and the card of the generator as far as it is known before the training."""

    card: Card
    images: LabelledArrays
    test_mask: NDArray[np.bool_]  # bool (n,)
    unmeasurable: str | None  # why there can be no evidence

    def evaluation_data(self, delivered: NDArray[np.uint8]) -> EvaluationData:
        return EvaluationData(
            clean=self.images.pixels,
            delivered=delivered,
            labels=self.images.labels,
            test_mask=self.test_mask,
            classes=self.images.classes,
            note=self.unmeasurable,
        )


def train_generator(
    source: DatasetSource,
    out: Path,
    spec: ProtectSpec,
    options: RunOptions,
    config: GeneratorOptions = DEFAULT_CONFIG,
) -> TrainingResult:
    """Train a noise generator on a dataset, and measure its noise there.

    The file holds a surrogate, and a noise network where the preset has one for the method. Several processes
    (`core.runtime.distributed`) train one generator together; process 0 reads the dataset and writes the file.

    Args:
        source: The training images. Their own test split is for the evidence, or else a fifth of each class.
        out: The file to write. It appears only when the whole recipe is done.
        spec: The method, the radii, the preset, the evidence and the seed: `core.specs.protect.TRAINING_KEYS`.
        options: Where and how to run.
        config: The name, the size and the kind of the generator.

    Raises:
        BadInput: The source or the device cannot be used, the images do not have the size, images are greyscale where
            `config.greyscale` is set, or the network is too large for a generator.
        Cancelled: Or whatever else `options.on_progress` raises.
    """
    run = options.context()
    run = run.with_checkpoints(Rank0CheckpointStore(run.checkpoints))
    data = on_rank_0(lambda: _read(source, spec, options, config, run, default_title=out.stem))
    card, images, train_mask = data.card, data.images, ~data.test_mask
    setup = NoiseSetup(spec=spec, preset=preset_for(spec.preset, card.size))
    train_images = images.select(train_mask)
    surrogate = as_saved(train_surrogate(train_images, setup, run))
    network = train_noise_network(surrogate, train_images, setup, run, greyscale=config.greyscale)
    delivered = images.pixels
    if data.unmeasurable is None:
        if network is None:
            noise = search_noise(surrogate, images, setup, run, protect_mask=train_mask)
        else:
            noise = predict_noise(as_saved(network), images, run, radius=spec.radius_u, protect_mask=train_mask)
        delivered = images.pixels + noise.view(np.uint8)  # exact modulo 256, because no sum leaves 0 to 255
    untimed = spec.model_copy(update={"evidence_minutes": 0})  # the figures on a card do not depend on the machine
    evidence = measure_evidence(data.evaluation_data(delivered), untimed, setup.preset, run)
    if spec.evidence != "none":
        measured = measurements_from(evidence, data=card.data, classes=card.classes, seed=spec.seed)
        card = replace(card, measured=measured)
    run.progress.start("writing", 1)
    on_rank_0(lambda: save_generator(surrogate, card, out, network=network))
    run.progress.advance()
    run.progress.finish()
    return TrainingResult(file=out, card=card, evidence=evidence, seconds=sum(run.progress.seconds.values()))


def _read(
    source: DatasetSource,
    spec: ProtectSpec,
    options: RunOptions,
    config: GeneratorOptions,
    run: RunContext,
    *,
    default_title: str,
) -> _TrainingData:
    """Read the dataset, draw the test images, and check that the generator will be a valid one."""
    with DecoderSandbox(limits=options.limits) as sandbox:
        dataset = open_dataset(
            source.path,
            options.scratch,
            name=source.name,
            limits=options.limits,
            progress=run.progress,
            sandbox=sandbox,
        ).with_named_classes()
        if len(dataset.classes) < 2:
            raise BadInput(f"A generator is trained on images of at least two classes. {dataset.layout.reason}")
        dataset, test_mask, reason = _split(dataset, spec)
        size = _choose_size(dataset, spec, config.size)
        if config.greyscale and dataset.channels == 1:
            raise BadInput("These images are greyscale already, so training on greyscale images changes nothing.")
        setup = NoiseSetup(spec=spec, preset=preset_for(spec.preset, size))
        images, title = int((~test_mask).sum()), config.title or default_title
        card = _card(dataset, setup, config, size=size, images=images, title=title, device=run.device.label)
        check_file_size(card)
        run.progress.start("decoding", 0)
        pixels = load_pixels(dataset, size, progress=run.progress, sandbox=sandbox)
    arrays = LabelledArrays(pixels=pixels, labels=labels_of(dataset), classes=card.classes)
    return _TrainingData(card=card, images=arrays, test_mask=test_mask, unmeasurable=reason)


def _split(dataset: ImageDataset, spec: ProtectSpec) -> tuple[ImageDataset, NDArray[np.bool_], str | None]:
    """The images to use, the test images among them (bool (n,)), and why nothing can be measured.

    Where nothing is measured, the upload's own test split is left out, and all other images are for training.
    """
    labels, splits = labels_of(dataset), [image.split for image in dataset.images]
    test_mask = select_test_mask(labels, splits, seed=spec.seed)
    reason = unmeasurable(spec.evidence, labels, test_mask, len(dataset.classes))
    if reason is None:
        return dataset, test_mask, None
    dataset = replace(dataset, images=tuple(image for image in dataset.images if image.split != "test"))
    return dataset, np.zeros(len(dataset.images), dtype=bool), reason


def _choose_size(dataset: ImageDataset, spec: ProtectSpec, wanted: int | None) -> int:
    """The size in pixels: the wanted one, or that of the images. Raises BadInput for a size that they do not have."""
    edges = [(image.width, image.height) for image in dataset.images]
    largest = work_size(edges, max_size=PRESETS[spec.preset].max_size)
    if wanted is None or wanted == largest:
        return largest
    if wanted not in range(MIN_SIZE, largest, SIZE_STEP):
        sizes = ", ".join(map(str, range(MIN_SIZE, largest + 1, SIZE_STEP)))
        raise BadInput(f"With the preset {spec.preset} these images can be used at {sizes} px, not at {wanted}.")
    return wanted


def _card(
    dataset: ImageDataset,
    setup: NoiseSetup,
    config: GeneratorOptions,
    *,
    size: int,
    images: int,
    title: str,
    device: str,
) -> Card:
    """The card before the training. Raises BadInput where it is invalid, such as for a name without letters."""
    spec, noise = setup.spec, setup.config
    try:
        return Card(
            name=title,
            method=setup.method,
            preset=setup.preset.name,
            architecture=setup.preset.architecture,
            channels=dataset.channels,
            size=size,
            class_names=dataset.classes,
            radius_u=spec.radius_u,
            radius_a=spec.adversarial_radius,
            seed=spec.seed,
            updates=noise.length.updates(images),
            network_updates=0 if noise.network_length is None else noise.network_length.updates(images),
            grey_updates=noise.length.updates(images) if config.greyscale else 0,
            images=images,
            data=dataset.name,
            device=device,
            command=config.command,
            created_at=utc_timestamp(),
            versions=versions(),
        )
    except ValueError as error:
        raise BadInput(f"This would be a generator that cannot be used: {error}.") from None

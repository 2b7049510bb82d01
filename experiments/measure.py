"""Measure cells and make noises, each once: a result that the folder already contains is read from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.evaluation.partial_protection import clean_rest, mixed, training_set
from core.models.registry import build_network
from core.noise.make import generate_noise
from core.noise.setup import NoiseSetup
from core.runtime.atomic_files import read_json, write_bytes, write_json
from core.runtime.checkpoints import array_to_bytes
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.distributed import Rank0CheckpointStore, on_rank_0
from core.runtime.folder_checkpoints import FolderCheckpointStore
from core.runtime.progress import Progress
from core.specs.configs import LearnerSchedule
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.learner import LEARNER_CHECKPOINT, MAX_CURVE_POINTS, LearnerImages, LearnerMethod, LearnerTraining
from core.training.loop import TrainingPlan
from core.version import versions
from experiments.cells import Cell, Noise
from experiments.datasets import ExperimentImages
from experiments.measurement_record import Measurement
from experiments.scale import Scale

MONITORED_IMAGES = 2_000  # about how many training images have their accuracy measured during training
LEARNER_STREAM, COUNTERMEASURE_STREAM = 200, 201  # random streams: numbers mixed into the seed


class ExperimentCache:
    """One folder of results for one set of images at one scale.

    A killed run continues from its last checkpoint. Several processes (`core.runtime.distributed`) compute each noise
    and each learner together if process 0 finds it missing; all of them must see the folder.

    Args:
        folder: the results folder.
        images: training and test images.
        scale: how much of the paper's setting to run.
        device: where to compute.
        progress: receives the steps of noises and learners.
    """

    def __init__(
        self, folder: Path, images: ExperimentImages, scale: Scale, *, device: Device, progress: Progress
    ) -> None:
        self.folder, self.images, self.scale, self.device = folder, images, scale, device
        self.preset = scale.preset(images.size)
        self._progress = progress

    def schedule(self, architecture: str) -> LearnerSchedule:
        """How to train the learner that replaces the paper's `architecture`."""
        return self.scale.schedule_for(self.images.size, architecture)

    def updates(self, architecture: str) -> int:
        """How many updates this learner takes: the same for any share of the images (appendix A.4)."""
        return self.schedule(architecture).length.updates(len(self.images.train))

    def noise(self, noise: Noise, seed: int) -> NDArray[np.int8]:
        """The noise of every training image in units of 1/255, int8 (n, c, s, s). A missing noise is made.

        Args:
            noise: What it is made by.
            seed: Of all random numbers.
        """
        if not on_rank_0(lambda: self.has_noise(noise, seed)):
            self._make_noise(noise, seed)
        return self.load_noise(noise, seed)

    def load_noise(self, noise: Noise, seed: int) -> NDArray[np.int8]:
        """The noise of every training image. Raises OSError if it is missing.

        Args:
            noise: What it is made by.
            seed: Of all random numbers.
        """
        made: NDArray[np.int8] = np.load(self._noise_file(noise, seed, ".npy"), mmap_mode="c", allow_pickle=False)
        return made

    def has_noise(self, noise: Noise, seed: int) -> bool:
        """Whether the results folder contains the noise.

        Args:
            noise: What it is made by.
            seed: Of all random numbers.
        """
        return self._noise_file(noise, seed, ".npy").exists()

    def save_noise(self, noise: Noise, seed: int, made: NDArray[np.int8], *, seconds: float) -> None:
        """Keep a noise of every training image, also one that was made elsewhere.

        Args:
            noise: its name.
            seed: of its random numbers.
            made: int8 (n, c, s, s) in units of 1/255; images with it stay in 0 to 255.
            seconds: how long it took.
        """
        metadata = {"seconds": seconds, "device": self.device.label, "versions": versions()}
        write_json(self._noise_file(noise, seed, ".json"), metadata)
        # written last: it marks the noise as made
        write_bytes(self._noise_file(noise, seed, ".npy"), array_to_bytes(made))

    def noise_seconds(self, noise: Noise, seed: int) -> float | None:
        """How long the noise took to make, or None if it is missing.

        Args:
            noise: What it is made by.
            seed: Of all random numbers.
        """
        metadata = read_json(self._noise_file(noise, seed, ".json"))
        return None if metadata is None else float(metadata["seconds"])

    def measure(self, cell: Cell, seed: int) -> Measurement:
        """The measurement of a cell. If it is missing, the learner is trained.

        Args:
            cell: What is measured.
            seed: Of all random numbers.
        """
        saved = on_rank_0(lambda: self.load_measurement(cell, seed))
        if saved is not None:
            return saved
        checkpoints = FolderCheckpointStore(self._cell_file(cell, seed, ".parts"))
        measured = self._train_learner(cell, seed, checkpoints)

        def save() -> None:
            write_json(self._cell_file(cell, seed, ".json"), measured.to_json(cell, seed))
            checkpoints.remove()

        on_rank_0(save)
        return measured

    def load_measurement(self, cell: Cell, seed: int) -> Measurement | None:
        """The measurement of a cell, or None if it is missing.

        Args:
            cell: What is measured.
            seed: Of all random numbers.
        """
        value = read_json(self._cell_file(cell, seed, ".json"))
        return None if value is None else Measurement.from_json(value)

    def _cell_file(self, cell: Cell, seed: int, suffix: str) -> Path:
        return self.folder / "cells" / f"{cell.name}.seed-{seed}{suffix}"

    def _noise_file(self, noise: Noise, seed: int, suffix: str) -> Path:
        return self.folder / "noise" / f"{noise.name}.seed-{seed}{suffix}"

    def _make_noise(self, noise: Noise, seed: int) -> None:
        checkpoints = FolderCheckpointStore(self._noise_file(noise, seed, ".parts"))
        all_images = np.ones(len(self.images.train), dtype=bool)
        spec = ProtectSpec(
            method=noise.method, radius_u=noise.radius_u, radius_a=noise.radius_a, eot=noise.eot, seed=seed
        )
        made = generate_noise(
            self.images.train_set,
            NoiseSetup(spec=spec, preset=self.preset),
            RunContext(device=self.device, progress=self._progress, checkpoints=Rank0CheckpointStore(checkpoints)),
            protect_mask=all_images,
            train_mask=all_images,
        )

        def save() -> None:
            self.save_noise(noise, seed, made, seconds=checkpoints.seconds)
            checkpoints.remove()

        on_rank_0(save)

    def _train_learner(self, cell: Cell, seed: int, checkpoints: FolderCheckpointStore) -> Measurement:
        network, updates = self.scale.network(cell.architecture), self.updates(cell.architecture)
        _, channels, size, _ = self.images.train.shape
        self._progress.start("evidence", updates)
        training = LearnerTraining(
            build_network(
                network,
                channels=channels,
                size=size,
                classes=self.images.classes,
                seed=seed + 100,
                device=self.device.name,
            ),
            self._learner_images(cell, seed),
            self._learner_method(cell),
            device=self.device,
            generator=self.device.generator(seed, LEARNER_STREAM),
        )
        training.resume(self._progress, checkpoints=Rank0CheckpointStore(checkpoints), name=LEARNER_CHECKPOINT)
        curve, points = training.curve, len(training.curve.accuracy)
        return Measurement(
            network=network,
            updates=tuple(-(-(point + 1) * updates // min(MAX_CURVE_POINTS, updates)) for point in range(points)),
            test_accuracy=curve.accuracy,
            train_accuracy=training.monitored_accuracy,
            loss=curve.loss,
            seconds=checkpoints.seconds,
            device=self.device.label,
            versions=versions(),
        )

    def _learner_images(self, cell: Cell, seed: int) -> LearnerImages:
        """The images that the learner of a cell is trained and tested on, after what its countermeasure does once."""
        images = self._training_set(cell, seed).on(self.device)
        if cell.countermeasure:
            generator = self.device.generator(seed, COUNTERMEASURE_STREAM)
            preprocess = COUNTERMEASURES[cell.countermeasure].preprocess
            images = replace(images, pixels=preprocess(images.pixels, images.labels, generator=generator))
        step = max(1, len(images) // MONITORED_IMAGES)
        monitored = torch.arange(0, len(images), step, device=self.device.name)
        return LearnerImages(
            train=images,
            test=self.images.test_set.on(self.device),
            monitored=LabelledTensors(pixels=images.pixels[monitored], labels=images.labels[monitored]),
        )

    def _learner_method(self, cell: Cell) -> LearnerMethod:
        """How the learner of a cell is trained."""
        schedule = self.schedule(cell.architecture)
        return LearnerMethod(
            threat=ThreatModel(
                norm=cell.norm, radius=cell.radius, steps=schedule.attack_steps, step=schedule.attack_step
            ),
            plan=TrainingPlan.of(
                schedule.length,
                schedule.learning_rate,
                images=len(self.images.train),  # the same for any share of them (appendix A.4)
                details=self.preset.details,
            ),
            augment=COUNTERMEASURES[cell.countermeasure].augment if cell.countermeasure else None,
        )

    def _training_set(self, cell: Cell, seed: int) -> LabelledArrays:
        """The images that the learner of a cell is trained on."""
        clean = self.images.train_set
        if cell.rest == "clean":
            return clean.select(clean_rest(clean.labels, cell.percentage, seed=seed).train_mask)
        if cell.noise is None:
            return clean
        noise = self.noise(cell.noise, seed).view(np.uint8)  # modulo 256 is exact: every sum is in 0 to 255
        return training_set(mixed(clean.labels, cell.percentage, seed=seed), clean, clean.pixels + noise)

"""Measures cells and makes noises, each once: what lies in the folder is not made again."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.attacks.threat_model import ThreatModel
from core.countermeasures.registry import COUNTERMEASURES
from core.evaluation.partial_protection import clean_rest, mixed, scraped
from core.models.registry import build
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
from experiments.measurement import Measurement
from experiments.scale import Scale

MONITORED = 2_000  # training images, about, whose accuracy is taken along the way


class ExperimentCache:
    """One folder of results for one set of images at one scale.

    A run that is killed goes on, noises and learners from their last piece. Several processes
    (`core.runtime.distributed`) make
    each together, where process 0 finds it missing; all of them see the folder.
    """

    def __init__(
        self, folder: Path, images: ExperimentImages, scale: Scale, *, device: Device, progress: Progress
    ) -> None:
        self.folder, self.images, self.scale, self.device = folder, images, scale, device
        self.preset = scale.preset(images.size)
        self._progress = progress

    def course(self, architecture: str) -> LearnerSchedule:
        """How the learner that stands for `architecture` is trained."""
        return self.scale.course_for(self.images.size, architecture)

    def updates(self, architecture: str) -> int:
        """How many updates it takes, however many of the images it gets (A.4)."""
        return self.course(architecture).length.updates(len(self.images.train))

    def noise(self, noise: Noise, seed: int) -> NDArray[np.int8]:
        """Noise for every training image in pixel units, int8 (n, c, s, s); made where it is not there yet."""
        if not on_rank_0(lambda: self.has_noise(noise, seed)):
            self._make(noise, seed)
        return self.kept_noise(noise, seed)

    def kept_noise(self, noise: Noise, seed: int) -> NDArray[np.int8]:
        """Noise that is made. Raises OSError where it is not."""
        made: NDArray[np.int8] = np.load(self._noise_file(noise, seed, ".npy"), mmap_mode="c", allow_pickle=False)
        return made

    def has_noise(self, noise: Noise, seed: int) -> bool:
        """Whether a noise is made."""
        return self._noise_file(noise, seed, ".npy").exists()

    def noise_seconds(self, noise: Noise, seed: int) -> float | None:
        """How long a noise took to make, or None where there is none."""
        about = read_json(self._noise_file(noise, seed, ".json"))
        return None if about is None else float(about["seconds"])

    def measure(self, cell: Cell, seed: int) -> Measurement:
        """The learner of a cell, trained where that was not done yet."""
        known = on_rank_0(lambda: self.known(cell, seed))
        if known is not None:
            return known
        checkpoints = FolderCheckpointStore(self._cell_file(cell, seed, ".parts"))
        found = self._learn(cell, seed, checkpoints)

        def keep() -> None:
            write_json(self._cell_file(cell, seed, ".json"), found.to_json(cell, seed))
            checkpoints.remove()

        on_rank_0(keep)
        return found

    def known(self, cell: Cell, seed: int) -> Measurement | None:
        """What was measured of a cell before."""
        value = read_json(self._cell_file(cell, seed, ".json"))
        return None if value is None else Measurement.from_json(value)

    def _cell_file(self, cell: Cell, seed: int, suffix: str) -> Path:
        return self.folder / "cells" / f"{cell.name}.seed-{seed}{suffix}"

    def _noise_file(self, noise: Noise, seed: int, suffix: str) -> Path:
        return self.folder / "noise" / f"{noise.name}.seed-{seed}{suffix}"

    def _make(self, noise: Noise, seed: int) -> None:
        checkpoints = FolderCheckpointStore(self._noise_file(noise, seed, ".parts"))
        everything = np.ones(len(self.images.train_labels), dtype=bool)
        spec = ProtectSpec(
            method=noise.method, radius_u=noise.radius_u, radius_a=noise.radius_a, eot=noise.eot, seed=seed
        )
        made = generate_noise(
            LabelledArrays(pixels=self.images.train, labels=self.images.train_labels, classes=self.images.classes),
            NoiseSetup(spec=spec, preset=self.preset),
            RunContext(device=self.device, progress=self._progress, checkpoints=Rank0CheckpointStore(checkpoints)),
            protect_mask=everything,
            train_mask=everything,
        )

        def keep() -> None:
            about = {"seconds": checkpoints.seconds, "device": self.device.label, "versions": versions()}
            write_json(self._noise_file(noise, seed, ".json"), about)
            write_bytes(self._noise_file(noise, seed, ".npy"), array_to_bytes(made))  # last: it says that all is there
            checkpoints.remove()

        on_rank_0(keep)

    def _learn(self, cell: Cell, seed: int, checkpoints: FolderCheckpointStore) -> Measurement:
        network, course = self.scale.network(cell.architecture), self.course(cell.architecture)
        updates = self.updates(cell.architecture)
        countermeasure = COUNTERMEASURES[cell.countermeasure] if cell.countermeasure else None
        data = self._labelled(*self._scraped(cell, seed))
        if countermeasure:
            generator = self.device.generator(seed, 201)
            data = LabelledTensors(
                pixels=countermeasure.preprocess(data.pixels, data.labels, generator=generator), labels=data.labels
            )
        spread = torch.arange(0, len(data.labels), max(1, len(data.labels) // MONITORED), device=self.device.name)
        _, channels, size, _ = self.images.train.shape
        self._progress.start("evidence", updates)
        training = LearnerTraining(
            build(
                network,
                channels=channels,
                size=size,
                classes=self.images.classes,
                seed=seed + 100,
                device=self.device.name,
            ),
            LearnerImages(
                train=data,
                test=self._labelled(self.images.test, self.images.test_labels),
                monitored=LabelledTensors(pixels=data.pixels[spread], labels=data.labels[spread]),
            ),
            LearnerMethod(
                threat=ThreatModel(
                    norm=cell.norm, radius=cell.radius, steps=course.attack_steps, step=course.attack_step
                ),
                plan=TrainingPlan(updates=updates, batch=course.length.batch, learning_rate=course.learning_rate),
                augment=countermeasure.augment if countermeasure else None,
            ),
            device=self.device,
            generator=self.device.generator(seed, 200),
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

    def _scraped(self, cell: Cell, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """What the learner of a cell gets: images uint8 (m, c, s, s) and labels (m,)."""
        clean, labels = self.images.train, self.images.train_labels
        if cell.rest == "clean":
            learned = clean_rest(labels, cell.percentage, seed=seed).learned
            return clean[learned], labels[learned]
        if cell.noise is None:
            return clean, labels
        delivered = clean + self.noise(cell.noise, seed).view(np.uint8)  # exact modulo 256, as no sum leaves 0..255
        return scraped(mixed(labels, cell.percentage, seed=seed), clean, delivered, labels)

    def _labelled(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> LabelledTensors:
        return LabelledTensors(
            pixels=torch.tensor(pixels, device=self.device.name), labels=torch.tensor(labels, device=self.device.name)
        )

"""Standard and adversarial training (Fu et al. 2022, Eq. (1) and (2), A.4): what a thief would do with the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.attacks.threat_model import ThreatModel, adversarial_examples
from core.attacks.transforms import sample_transform
from core.models.folded import FoldedModel
from core.results.evidence import Curve
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training.augmentation import Augmentation, Learner
from core.training.loop import TrainingLoop
from core.training.pretrained import start_from

TESTS = 10
TEST_BATCH = 256
LEARNER = "learner.safetensors"  # a piece of unfinished training


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImages:
    """Images uint8 (n, c, s, s) and labels int64 (n,) on the device."""

    pixels: Tensor
    labels: Tensor


class LearnerTraining(TrainingLoop):
    """A learner's training on `data` against `threat`, which can be stopped after any step and gone on with.

    `curve` has a point of each of up to TESTS tests so far, on the clean `test` images, with the mean training loss
    since the point before; `watched_accuracy` has the accuracy on `watched` at each. `augment` comes after the usual
    crop and mirror and before the adversary.
    """

    def __init__(
        self,
        model: nn.Module,
        data: LabelledImages,
        test: LabelledImages,
        *,
        threat: ThreatModel,
        updates: int,
        batch: int,
        learning_rate: LearningRate,
        device: Device,
        generator: torch.Generator,
        augment: Augmentation | None = None,
        watched: LabelledImages | None = None,
    ) -> None:
        run: dict[str, Any] = {"updates": updates, "batch": batch, "learning_rate": learning_rate}
        super().__init__(model, len(data.labels), device=device, generator=generator, **run)
        self._data, self._test, self._watched = data, test, watched
        self._threat, self._augment = threat, augment
        self._frozen = FoldedModel(model, dtype=device.dtype)
        self._classes = _classes(self._frozen, data)
        self._epoch: list[int] = []
        self._accuracy: list[float] = []
        self._loss: list[float] = []
        self._watched_accuracy: list[float] = []
        self._losses: list[Tensor] = []  # of the updates since the last point

    @property
    def curve(self) -> Curve:
        """The tests so far."""
        return Curve(epoch=tuple(self._epoch), accuracy=tuple(self._accuracy), loss=tuple(self._loss))

    @property
    def watched_accuracy(self) -> tuple[float, ...]:
        """On what is watched, a point for each of the curve's; none where nothing is."""
        return tuple(self._watched_accuracy)

    def one_step(self, progress: Progress) -> None:
        """One update, and a test where it is time for one."""
        chosen = next(self._batches)
        x, y = self._data.pixels[chosen].float() * PIXEL, self._data.labels[chosen]
        x = sample_transform(len(x), x.shape[-1], generator=self.generator)(x)
        if self._augment is not None:
            learner = Learner(self._frozen, self.device, classes=self._classes, progress=progress)
            x, y = self._augment(x, y, learner=learner, generator=self.generator)
        if self._threat.radius:
            attack = partial(adversarial_examples, self._frozen.refresh(), threat=self._threat, tick=progress.tick)
            x = self.device.in_chunks(attack, x, y, generator=self.generator)
        self._losses.append(self.update(x, y))
        if (self.step + 1) * TESTS // self.updates > self.step * TESTS // self.updates:
            self._epoch.append(round((self.step + 1) * len(chosen) / len(self._data.labels)))
            self._take_point(progress)

    def _take_point(self, progress: Progress) -> None:
        self._frozen.refresh()
        self._accuracy.append(accuracy_of(self._frozen, self._test, device=self.device, progress=progress))
        self._loss.append(torch.stack(self._losses).mean().item())
        self._losses.clear()
        if self._watched is not None:
            seen = accuracy_of(self._frozen, self._watched, device=self.device, progress=progress)
            self._watched_accuracy.append(seen)

    def state(self) -> dict[str, Tensor]:
        """That of every run, the points so far, and the losses since the last of them."""
        points = {
            "epoch": torch.tensor(self._epoch, dtype=torch.int64),
            "accuracy": torch.tensor(self._accuracy, dtype=torch.float64),
            "loss": torch.tensor(self._loss, dtype=torch.float64),
            "watched_accuracy": torch.tensor(self._watched_accuracy, dtype=torch.float64),
        }
        return {**super().state(), **points, "losses": torch.stack(self._losses) if self._losses else torch.empty(0)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`, as every run does."""
        super().restore(state)
        self._epoch, self._accuracy = state["epoch"].tolist(), state["accuracy"].tolist()
        self._loss, self._watched_accuracy = state["loss"].tolist(), state["watched_accuracy"].tolist()
        self._losses = list(state["losses"].to(self.generator.device))


def train(
    model: nn.Module,
    data: LabelledImages,
    test: LabelledImages,
    *,
    threat: ThreatModel,
    updates: int,
    batch: int,
    learning_rate: LearningRate,
    device: Device,
    generator: torch.Generator,
    progress: Progress,
    augment: Augmentation | None = None,
    start: Mapping[str, Tensor] | None = None,
    checkpoints: CheckpointStore | None = None,
    name: str = LEARNER,
) -> Curve:
    """Train `model` on `data` against `threat` by SGD, momentum 0.9, weight decay 5e-4, for so many `updates`.

    The curve holds up to TESTS points: accuracy on the clean `test` images, mean training loss since the point before.
    `progress` counts updates. `augment` comes after the usual crop and mirror and before the adversary. `start` is the
    state dict of a model trained before, on whatever classes; see `start_from` for what it raises. Unfinished training
    is kept on `checkpoints` as `name` and gone on with from there; see `TrainingLoop.restore` for what that raises.
    """
    if start is not None:
        start_from(model, start)
    run: dict[str, Any] = {"updates": updates, "batch": batch, "learning_rate": learning_rate, "augment": augment}
    training = LearnerTraining(model, data, test, threat=threat, device=device, generator=generator, **run)
    training.resume(progress, checkpoints=checkpoints or NullCheckpointStore(), name=name)
    return training.curve


@torch.no_grad()
def _classes(network: FoldedModel, data: LabelledImages) -> int:
    """How many classes the network tells apart, which may be more than `data` holds."""
    return network(data.pixels[:1].float() * PIXEL).shape[1]


@torch.no_grad()
def accuracy_of(network: nn.Module, test: LabelledImages, *, device: Device, progress: Progress) -> float:
    """The share of `test` that the frozen network labels right, 0 to 1."""

    @torch.no_grad()
    def right(pixels: Tensor, labels: Tensor) -> int:
        progress.tick()
        return int((network(pixels.float() * PIXEL).argmax(1) == labels).sum())

    parts = list(zip(test.pixels.split(TEST_BATCH), test.labels.split(TEST_BATCH), strict=True))
    return sum(device.side_by_side(right, parts)) / len(test.labels)

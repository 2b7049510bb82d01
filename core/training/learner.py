"""Standard and adversarial training (Fu et al. 2022, Eq. (1) and (2), A.4), as an unauthorized trainer would do it."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.attacks.threat_model import ThreatModel, adversarial_examples
from core.attacks.transforms import DrawTransform, sample_transform
from core.models.folded import FoldedModel
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import CPU_ROWS, Device
from core.runtime.progress import Progress
from core.training.augmentation import Augmentation, LearnerView
from core.training.labelled_images import LabelledTensors
from core.training.loop import TrainingLoop, TrainingPlan

MAX_CURVE_POINTS = 10
TEST_BATCH = 256  # images in one forward pass, if they have up to TEST_PIXELS together; larger images are fewer
TEST_PIXELS = TEST_BATCH * 64 * 64
LEARNER_CHECKPOINT = "learner.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerMethod:
    """How a learner is trained.

    Attributes:
        threat: The adversary; radius 0 is standard training.
        plan: The number of updates, the batch size and the learning rate.
        augment: Changes a batch after the usual flip and crop, and before the adversary; None changes nothing.
        draw_transform: Draws the usual flip and crop for a batch, from its number of images and their size.
    """

    threat: ThreatModel
    plan: TrainingPlan
    augment: Augmentation | None = None
    draw_transform: DrawTransform = sample_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerImages:
    """The images of a learner, on its device.

    Attributes:
        train: The training set.
        test: The clean test set, on which each point of the curve is measured.
        monitored: More images on which the accuracy is measured at the same points.
    """

    train: LabelledTensors
    test: LabelledTensors
    monitored: LabelledTensors | None = None


class LearnerTraining(TrainingLoop):
    """The training of a learner, with tests on the way."""

    def __init__(
        self,
        model: nn.Module,
        images: LearnerImages,
        method: LearnerMethod,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        """Start before the first step.

        Args:
            model: The network to train, on `device`; its weights change.
            images: The training set, the test set and the monitored images.
            method: The adversary, the plan and the augmentation.
            device: Where to compute.
            generator: The only source of randomness, on `device`.
        """
        super().__init__(model, len(images.train), method.plan, device=device, generator=generator)
        self._data, self._test, self._monitored = images.train, images.test, images.monitored
        self._threat, self._augment, self._draw_transform = method.threat, method.augment, method.draw_transform
        self._folded = FoldedModel(model, dtype=device.dtype)
        self._classes = _classes(self._folded, images.train)
        self._epoch: list[int] = []
        self._accuracy: list[float] = []
        self._loss: list[float] = []
        self._monitored_accuracy: list[float] = []
        self._correct = self._correct_at_peak = torch.empty(0, dtype=torch.bool)
        self._losses: list[Tensor] = []  # of the updates since the last point

    @property
    def curve(self) -> Curve:
        """The tests so far: the accuracy on the test set, and the mean training loss since the previous point."""
        return Curve(
            epoch=tuple(self._epoch),
            accuracy=tuple(self._accuracy),
            loss=tuple(self._loss),
            correct=as_digits(self._correct),
            correct_at_peak=as_digits(self._correct_at_peak),
        )

    @property
    def monitored_accuracy(self) -> tuple[float, ...]:
        """The accuracy on the monitored images at each point of the curve; empty if there are none."""
        return tuple(self._monitored_accuracy)

    def train_step(self, progress: Progress) -> None:
        """Update the learner once, and test it if a point of the curve is due; see `TrainingLoop.train_step`."""
        batch = next(self._batches)
        x, y = self._data.pixels[batch].float() * PIXEL, self._data.labels[batch]
        x = self._draw_transform(len(x), x.shape[-1], generator=self.generator)(x)
        if self._augment is not None:
            learner = LearnerView(self._folded, self.device, classes=self._classes, progress=progress)
            x, y = self._augment(x, y, learner=learner, generator=self.generator)
        if self._threat.radius:
            attack = partial(adversarial_examples, self._folded.refresh(), threat=self._threat, tick=progress.tick)
            rows = max(1, CPU_ROWS // self.plan.sgd.part_images)
            x = self.device.map_chunks(attack, x, y, rows_per_image=rows, generator=self.generator)
        self._losses.append(self.update(x, y))
        done, before = ((step * MAX_CURVE_POINTS) // self.plan.updates for step in (self.step + 1, self.step))
        if done > before:
            self._epoch.append(round((self.step + 1) * len(batch) / len(self._data.labels)))
            self._add_point(progress)

    def _add_point(self, progress: Progress) -> None:
        self._folded.refresh()
        self._correct = correct_of(self._folded, self._test, device=self.device, progress=progress)
        accuracy = int(self._correct.sum()) / len(self._correct)
        if accuracy > max(self._accuracy, default=-1.0):
            self._correct_at_peak = self._correct.clone()  # a checkpoint refuses tensors that share memory
        self._accuracy.append(accuracy)
        self._loss.append(torch.stack(self._losses).mean().item())
        self._losses.clear()
        if self._monitored is not None:
            monitored = accuracy_of(self._folded, self._monitored, device=self.device, progress=progress)
            self._monitored_accuracy.append(monitored)

    def state(self) -> dict[str, Tensor]:
        """The state of every training loop, the points so far, and the losses since the last point."""
        points = {
            "epoch": torch.tensor(self._epoch, dtype=torch.int64),
            "accuracy": torch.tensor(self._accuracy, dtype=torch.float64),
            "loss": torch.tensor(self._loss, dtype=torch.float64),
            "watched_accuracy": torch.tensor(self._monitored_accuracy, dtype=torch.float64),
            "correct": self._correct,
            "correct_at_peak": self._correct_at_peak,
        }
        return {**super().state(), **points, "losses": torch.stack(self._losses) if self._losses else torch.empty(0)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state; see `TrainingLoop.restore`."""
        super().restore(state)
        self._epoch, self._accuracy = state["epoch"].tolist(), state["accuracy"].tolist()
        self._loss, self._monitored_accuracy = state["loss"].tolist(), state["watched_accuracy"].tolist()
        unknown = self._correct  # checkpoints of older versions have no answers
        self._correct, self._correct_at_peak = (state.get(key, unknown) for key in ("correct", "correct_at_peak"))
        self._losses = list(state["losses"].to(self.generator.device))


def train(
    model: nn.Module,
    images: LearnerImages,
    method: LearnerMethod,
    run: RunContext,
    *,
    generator: torch.Generator,
    name: str = LEARNER_CHECKPOINT,
) -> Curve:
    """Train a network by SGD with momentum 0.9 and weight decay 5e-4, and test it on the way.

    Args:
        model: The network to train, on the device of `run`; its weights change.
        images: The training set and the test set.
        method: The adversary, the plan and the augmentation.
        run: The device, the progress, which counts updates, and the checkpoints to start from and to save.
        generator: The only source of randomness, on the device of `run`.
        name: The name of the checkpoint.

    Returns:
        Up to MAX_CURVE_POINTS points: the accuracy on the test set, and the mean training loss since the previous one.

    Raises:
        BadInput: The checkpoint belongs to another plan.
        RuntimeError: The checkpoint belongs to another model.
    """
    training = LearnerTraining(model, images, method, device=run.device, generator=generator)
    training.resume(run.progress, checkpoints=run.checkpoints, name=name)
    return training.curve


@torch.no_grad()
def _classes(network: FoldedModel, data: LabelledTensors) -> int:
    """The number of classes that the network distinguishes, which may be more than `data` has."""
    return network(data.pixels[:1].float() * PIXEL).shape[1]


def accuracy_of(network: nn.Module, test: LabelledTensors, *, device: Device, progress: Progress) -> float:
    """The share of images that a network classifies correctly, 0 to 1.

    Args:
        network: Maps images in [0, 1] to logits; its weights stay fixed.
        test: The images and their labels, on `device`.
        device: Where to compute.
        progress: Checks between forward passes whether the work should stop.
    """
    return int(correct_of(network, test, device=device, progress=progress).sum()) / len(test.labels)


@torch.no_grad()
def correct_of(network: nn.Module, test: LabelledTensors, *, device: Device, progress: Progress) -> Tensor:
    """Which images a network classifies correctly, bool (n,) on the CPU; the arguments are those of `accuracy_of`."""

    @torch.no_grad()
    def compare(pixels: Tensor, labels: Tensor) -> Tensor:
        progress.tick()
        return (network(pixels.float() * PIXEL).argmax(1) == labels).cpu()

    pixels = test.pixels.shape[-1] * test.pixels.shape[-2]
    count = min(TEST_BATCH, max(1, TEST_PIXELS // pixels))
    chunks = list(zip(test.pixels.split(count), test.labels.split(count), strict=True))
    return torch.cat(device.starmap(compare, chunks))


def as_digits(correct: Tensor) -> str:
    """The answers to test images, bool (n,), as `Curve.correct` has them."""
    return "".join("1" if one else "0" for one in correct.tolist())

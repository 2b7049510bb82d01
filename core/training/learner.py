"""Standard and adversarial training (Fu et al. 2022, Eq. (1) and (2), A.4): what a thief would do with the pictures."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.attacks.threat_model import ThreatModel, adversarial_examples
from core.attacks.transforms import sample_transform
from core.models.folded import FoldedModel
from core.results.evidence import Curve
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.training.augmentation import Augmentation, Learner
from core.training.labelled_images import LabelledTensors
from core.training.loop import TrainingLoop, TrainingPlan

TESTS = 10
TEST_BATCH = 256
LEARNER = "learner.safetensors"  # a piece of unfinished training


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerMethod:
    """How a learner is trained.

    Attributes:
        threat: The adversary; radius 0 is standard training.
        plan: How many updates, of how many images, at which learning rate.
        augment: Changes a batch after the usual crop and mirror, and before the adversary.
    """

    threat: ThreatModel
    plan: TrainingPlan
    augment: Augmentation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerImages:
    """What a learner gets, all on its device.

    Attributes:
        train: It learns from these.
        test: Clean images; each point of the curve is the accuracy on them.
        monitored: Other images whose accuracy is taken at the same points.
    """

    train: LabelledTensors
    test: LabelledTensors
    monitored: LabelledTensors | None = None


class LearnerTraining(TrainingLoop):
    """The training of a learner, which can be stopped after any step and resumed.

    `curve` has a point for each of up to TESTS tests so far; `monitored_accuracy` has the accuracy on the monitored
    images at the same points.
    """

    def __init__(
        self,
        model: nn.Module,
        images: LearnerImages,
        method: LearnerMethod,
        *,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(model, len(images.train), method.plan, device=device, generator=generator)
        self._data, self._test, self._monitored = images.train, images.test, images.monitored
        self._threat, self._augment = method.threat, method.augment
        self._frozen = FoldedModel(model, dtype=device.dtype)
        self._classes = _classes(self._frozen, images.train)
        self._epoch: list[int] = []
        self._accuracy: list[float] = []
        self._loss: list[float] = []
        self._monitored_accuracy: list[float] = []
        self._losses: list[Tensor] = []  # of the updates since the last point

    @property
    def curve(self) -> Curve:
        """The tests so far."""
        return Curve(epoch=tuple(self._epoch), accuracy=tuple(self._accuracy), loss=tuple(self._loss))

    @property
    def monitored_accuracy(self) -> tuple[float, ...]:
        """The accuracy on the monitored images at each point of the curve; empty where none are monitored."""
        return tuple(self._monitored_accuracy)

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
        if (self.step + 1) * TESTS // self.plan.updates > self.step * TESTS // self.plan.updates:
            self._epoch.append(round((self.step + 1) * len(chosen) / len(self._data.labels)))
            self._take_point(progress)

    def _take_point(self, progress: Progress) -> None:
        self._frozen.refresh()
        self._accuracy.append(accuracy_of(self._frozen, self._test, device=self.device, progress=progress))
        self._loss.append(torch.stack(self._losses).mean().item())
        self._losses.clear()
        if self._monitored is not None:
            seen = accuracy_of(self._frozen, self._monitored, device=self.device, progress=progress)
            self._monitored_accuracy.append(seen)

    def state(self) -> dict[str, Tensor]:
        """That of every run, the points so far, and the losses since the last of them."""
        points = {
            "epoch": torch.tensor(self._epoch, dtype=torch.int64),
            "accuracy": torch.tensor(self._accuracy, dtype=torch.float64),
            "loss": torch.tensor(self._loss, dtype=torch.float64),
            "watched_accuracy": torch.tensor(self._monitored_accuracy, dtype=torch.float64),
        }
        return {**super().state(), **points, "losses": torch.stack(self._losses) if self._losses else torch.empty(0)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`, as every run does."""
        super().restore(state)
        self._epoch, self._accuracy = state["epoch"].tolist(), state["accuracy"].tolist()
        self._loss, self._monitored_accuracy = state["loss"].tolist(), state["watched_accuracy"].tolist()
        self._losses = list(state["losses"].to(self.generator.device))


def train(
    model: nn.Module,
    images: LearnerImages,
    method: LearnerMethod,
    run: RunContext,
    *,
    generator: torch.Generator,
    name: str = LEARNER,
) -> Curve:
    """Train `model` by SGD with momentum 0.9 and weight decay 5e-4.

    Args:
        model: The network to train, on the device of `run`; its weights change.
        images: The training and the test images.
        method: The adversary, the plan and the augmentation.
        run: The progress counts updates; the training starts from its checkpoint.
        generator: All random numbers come from it.
        name: The name of the checkpoint.

    Returns:
        Up to TESTS points: the accuracy on the test images, and the mean training loss since the point before.

    Raises:
        BadInput: For a checkpoint of another plan.
    """
    training = LearnerTraining(model, images, method, device=run.device, generator=generator)
    training.resume(run.progress, checkpoints=run.checkpoints, name=name)
    return training.curve


@torch.no_grad()
def _classes(network: FoldedModel, data: LabelledTensors) -> int:
    """How many classes the network tells apart, which may be more than `data` holds."""
    return network(data.pixels[:1].float() * PIXEL).shape[1]


@torch.no_grad()
def accuracy_of(network: nn.Module, test: LabelledTensors, *, device: Device, progress: Progress) -> float:
    """The share of `test` that the frozen network labels right, 0 to 1."""

    @torch.no_grad()
    def right(pixels: Tensor, labels: Tensor) -> int:
        progress.tick()
        return int((network(pixels.float() * PIXEL).argmax(1) == labels).sum())

    parts = list(zip(test.pixels.split(TEST_BATCH), test.labels.split(TEST_BATCH), strict=True))
    return sum(device.side_by_side(right, parts)) / len(test.labels)

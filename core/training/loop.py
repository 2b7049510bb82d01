"""Training by SGD that can be stopped after any step and gone on with: what surrogates and learners have in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import TrainingLength
from core.specs.lr_schedule import LearningRate
from core.training.batches import Batches
from core.training.sgd import DataParallelSGD, Loss, classification_loss

KEEP_EVERY = 30.0  # seconds of training that a crash may cost


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long a training takes, and at which learning rate.

    Attributes:
        updates: The number of SGD steps.
        batch: Images in a batch, at most.
        learning_rate: The learning rate of each step.
    """

    updates: int
    batch: int
    learning_rate: LearningRate

    @classmethod
    def of(cls, length: TrainingLength, learning_rate: LearningRate, *, images: int) -> "TrainingPlan":
        """The plan of a preset for a training set of `images` images."""
        return cls(updates=length.updates(images), batch=length.batch, learning_rate=learning_rate)


class TrainingLoop(ABC):
    """So many `updates` of `model` on shuffled passes over so many `images`; `state` and `restore` are all it is.

    Who inherits says what `one_step` is, and adds to the state whatever else it leaves to the next. All randomness
    comes from `generator`. A run that goes on from its state ends with the same weights as one that was never stopped:
    bit for bit on a CPU.
    """

    def __init__(
        self,
        model: nn.Module,
        images: int,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
        loss: Loss = classification_loss,
    ) -> None:
        self.model, self.device, self.generator = model, device, generator
        self.plan, self.step = plan, 0
        self._plan_numbers = torch.tensor([plan.updates, plan.batch, images])
        self._batches = Batches(images, plan.batch, generator=generator)
        # its replicas have no state: after each step all have the model's
        self._updater = DataParallelSGD(model, device, loss=loss)

    @abstractmethod
    def one_step(self, progress: Progress) -> None:
        """Do all of the step of number `step`, from 0."""

    def update(self, *batch: Tensor) -> Tensor:
        """The step's update, as `DataParallelSGD.step`; the mean loss."""
        return self._updater.step(*batch, learning_rate=self.plan.learning_rate.at(self.step, steps=self.plan.updates))

    def steps(self, progress: Progress) -> Iterator[int]:
        """Take every step that is left, yielding after each the number taken; `progress` counts them."""
        while self.step < self.plan.updates:
            self.one_step(progress)
            self.step += 1
            progress.advance()
            yield self.step

    def resume(self, progress: Progress, *, checkpoints: CheckpointStore, name: str) -> None:
        """Take every step that is left after the piece `name` of the shelf, keeping another every KEEP_EVERY seconds.

        `progress` counts the steps that were taken before as well. Raises what `restore` raises.
        """
        kept = checkpoints.load(name)
        if kept is not None:
            self.restore(safetensors.torch.load(kept))
        progress.advance(self.step)
        saved = time.monotonic()
        for _ in self.steps(progress):
            if time.monotonic() - saved > KEEP_EVERY:
                self.save(checkpoints, name)
                saved = time.monotonic()

    def save(self, checkpoints: CheckpointStore, name: str) -> None:
        """Keep the state as the piece `name`."""
        checkpoints.save(name, safetensors.torch.save(_contiguous(self.state())))

    def state(self) -> dict[str, Tensor]:
        """Everything that the rest of the run depends on, as tensors."""
        momentum = {
            f"momentum.{name}": self._updater.optimizer.state[p]["momentum_buffer"]
            for name, p in self.model.named_parameters()
            if "momentum_buffer" in self._updater.optimizer.state[p]
        }
        weights = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        run = {"plan": self._plan_numbers, "step": torch.tensor(self.step), "rng": self.generator.get_state()}
        return {**weights, **momentum, **run, **self._batches.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`; raises BadInput where it belongs to another plan, RuntimeError where to another model.

        Where it was kept on a CPU and this is a GPU, or the other way round, random numbers start from the seed again.
        """
        if not torch.equal(state["plan"], self._plan_numbers):
            planned, kept = self._plan_numbers.tolist(), state["plan"].tolist()
            raise BadInput(
                "The unfinished training was kept by another version, which trains otherwise: start it again. (It was "
                f"kept of a run of [updates, batch, images] {kept}, and this is one of {planned}.)"
            )
        self.model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        for name, p in self.model.named_parameters():
            if f"momentum.{name}" in state:
                momentum = torch.empty_like(p, requires_grad=False).copy_(state[f"momentum.{name}"])  # laid out alike
                self._updater.optimizer.state[p]["momentum_buffer"] = momentum
        if state["rng"].shape == self.generator.get_state().shape:
            self.generator.set_state(state["rng"])
        self._batches.restore(state)
        self.step = int(state["step"])


def _contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU that share no memory, as safetensors wants them."""
    return {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}

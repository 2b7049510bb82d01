"""The training loop of surrogates, learners and noise networks: it can stop after any step and be resumed."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

import safetensors.torch
import torch
from torch import Tensor, nn

from core.errors import BadInput
from core.runtime.checkpoints import CheckpointStore
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.configs import OUR_DETAILS, OpenDetails, TrainingLength
from core.specs.lr_schedule import LearningRate
from core.training.batches import Batches
from core.training.sgd import PAPER_SGD, BatchLoss, DataParallelSGD, SGDSettings, classification_loss

CHECKPOINT_INTERVAL_SECONDS = 30.0  # a crash costs at most this much training


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long a training takes, and at which learning rate.

    Attributes:
        updates: The number of SGD steps.
        batch: The images in a batch, at most.
        learning_rate: The schedule of the learning rate.
        sgd: The weight decay, the rate of the body, and how a batch is divided among the cores.
    """

    updates: int
    batch: int
    learning_rate: LearningRate
    sgd: SGDSettings = PAPER_SGD

    @classmethod
    def of(
        cls,
        length: TrainingLength,
        learning_rate: LearningRate,
        *,
        images: int,
        details: OpenDetails = OUR_DETAILS,
    ) -> "TrainingPlan":
        """Make the plan of a preset for one training set.

        Args:
            length: How the number of updates follows from the size of the training set.
            learning_rate: The schedule of the learning rate.
            images: The size of the training set.
            details: Say of how many images batch norm takes its statistics.
        """
        sgd = replace(PAPER_SGD, part_images=length.batch) if details.whole_batch_norm else PAPER_SGD
        return cls(updates=length.updates(images), batch=length.batch, learning_rate=learning_rate, sgd=sgd)


class TrainingLoop(ABC):
    """Updates of a model on shuffled passes over a training set.

    A subclass implements `train_step`. It extends `state` and `restore` by everything else that one step leaves to the
    next. A resumed training ends with the weights of an uninterrupted one; on a CPU they are the same bit for bit.

    Attributes:
        model: The model in training.
        device: Where to compute.
        generator: The only source of randomness.
        plan: The number of updates, the batch size and the learning rate.
        step: The number of finished steps.
    """

    def __init__(
        self,
        model: nn.Module,
        images: int,
        plan: TrainingPlan,
        *,
        device: Device,
        generator: torch.Generator,
        loss: BatchLoss = classification_loss,
    ) -> None:
        """Start before the first step.

        Args:
            model: The model to train, on `device`; its weights change.
            images: The size of the training set.
            plan: The number of updates, the batch size and the learning rate.
            device: Where to compute.
            generator: The only source of randomness, on `device`.
            loss: The loss to minimize.
        """
        self.model, self.device, self.generator = model, device, generator
        self.plan, self.step = plan, 0
        self._plan_numbers = torch.tensor([plan.updates, plan.batch, images])
        self._batches = Batches(images, plan.batch, generator=generator)
        # the state leaves the replicas out: after each step they equal the model
        self._sgd = DataParallelSGD(model, device, loss=loss, settings=plan.sgd)

    @abstractmethod
    def train_step(self, progress: Progress) -> None:
        """Do one step of the training, with all that belongs to it.

        Args:
            progress: Checks within the step whether the work should stop.
        """

    def update(self, *batch: Tensor) -> Tensor:
        """Update the model at the learning rate of the current step; see `DataParallelSGD.step`."""
        return self._sgd.step(*batch, learning_rate=self.plan.learning_rate.at(self.step, steps=self.plan.updates))

    def steps(self, progress: Progress) -> Iterator[int]:
        """Do the remaining steps one by one.

        Args:
            progress: Counts the steps.

        Yields:
            The number of finished steps, after each step.
        """
        while self.step < self.plan.updates:
            self.train_step(progress)
            self.step += 1
            progress.advance()
            yield self.step

    def resume(self, progress: Progress, *, checkpoints: CheckpointStore, name: str) -> None:
        """Do the remaining steps, from the checkpoint if there is one, and save checkpoints on the way.

        Args:
            progress: Counts the steps, including those before the checkpoint.
            checkpoints: Has the checkpoint, and gets a new one every CHECKPOINT_INTERVAL_SECONDS.
            name: The name of the checkpoint.

        Raises:
            BadInput: The checkpoint belongs to another plan.
            RuntimeError: The checkpoint belongs to another model.
        """
        checkpoint = checkpoints.load(name)
        if checkpoint is not None:
            self.restore(safetensors.torch.load(checkpoint))
        progress.advance(self.step)
        saved = time.monotonic()
        for _ in self.steps(progress):
            if time.monotonic() - saved > CHECKPOINT_INTERVAL_SECONDS:
                self.save_checkpoint(checkpoints, name)
                saved = time.monotonic()

    def save_checkpoint(self, checkpoints: CheckpointStore, name: str) -> None:
        """Save the state.

        Args:
            checkpoints: Where to save it.
            name: The name of the checkpoint.
        """
        checkpoints.save(name, safetensors.torch.save(_for_safetensors(self.state())))

    def state(self) -> dict[str, Tensor]:
        """All that the remaining steps depend on, as tensors."""
        run = {"plan": self._plan_numbers, "step": torch.tensor(self.step), "rng": self.generator.get_state()}
        return {**self._sgd.state(), **run, **self._batches.state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a state. Between a CPU and a GPU the random numbers start again from the seed.

        Args:
            state: What `state` returned.

        Raises:
            BadInput: The state belongs to another plan.
            RuntimeError: The state belongs to another model.
        """
        if not torch.equal(state["plan"], self._plan_numbers):
            raise BadInput(
                "The unfinished training was started by another version, which trains differently. Start it again. "
                f"(Its [updates, batch, images] are {state['plan'].tolist()}; this version has "
                f"{self._plan_numbers.tolist()}.)"
            )
        self._sgd.restore(state)
        if state["rng"].shape == self.generator.get_state().shape:
            self.generator.set_state(state["rng"])
        self._batches.restore(state)
        self.step = int(state["step"])


def _for_safetensors(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the CPU that share no memory, as safetensors requires."""
    return {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}

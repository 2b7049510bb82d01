"""Training a noise network: the minimum of Eq. (5) over one function of all pictures, not over each one's delta_u."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.noise_network import NoiseNetwork
from core.noise.objective import Objective, robust_loss
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training.loop import TrainingLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSurrogate:
    """A trained surrogate, which stays as it is, and the `share` that its `objective` has of the loss.

    Of the objective everything counts but the steps of its search: T, the inner maximum, the draws and the target.
    """

    surrogate: nn.Module
    objective: Objective
    share: float = 1.0


class NoiseNetworkTraining(TrainingLoop):
    """So many `updates` of `network` against `judges`, whose shares add up to 1.

    `pixels` is uint8 (n, c, s, s), `labels` int64 (n,), both on the device that `generator` belongs to.
    """

    def __init__(
        self,
        network: NoiseNetwork,
        judges: Sequence[WeightedSurrogate],
        pixels: Tensor,
        labels: Tensor,
        *,
        updates: int,
        batch: int,
        learning_rate: LearningRate,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        run: dict[str, Any] = {"updates": updates, "batch": batch, "learning_rate": learning_rate}
        super().__init__(network, len(labels), device=device, generator=generator, loss=self._robust, **run)
        self.network, self.pixels, self.labels = network, pixels, labels
        self._judges = [(judge, FoldedModel(judge.surrogate, dtype=device.dtype)) for judge in judges]
        self._progress = Progress()

    def one_step(self, progress: Progress) -> None:
        """One update on a batch of pictures, each with the noise that the network gives it by now."""
        self._progress = progress
        chosen = next(self._batches)
        seeds = torch.randint(2**62, chosen.shape, generator=self.generator, device=chosen.device)
        self.update(self.pixels[chosen], self.labels[chosen], seeds)

    def _robust(self, network: nn.Module, shown: Tensor, y: Tensor, seeds: Tensor) -> Tensor:
        """The robust loss of some of a batch, added over its images; what is drawn comes from the first of `seeds`."""
        draws = torch.Generator(shown.device).manual_seed(int(seeds[0]))
        x = shown.float() * PIXEL
        protected = _in_whole_pixels((x + network(x, y)).clamp(0, 1))
        parts = []
        for judge, frozen in self._judges:
            loss = robust_loss(frozen, y, judge.objective, generator=draws, tick=self._progress.tick)
            parts.append(judge.share * loss(protected) / judge.objective.samples)
        return torch.stack(parts).sum()


def _in_whole_pixels(x: Tensor) -> Tensor:
    """`x` as it is delivered; the gradient passes as if it were not rounded (Bengio et al. 2013)."""
    return x + ((x * 255).round() * PIXEL - x).detach()

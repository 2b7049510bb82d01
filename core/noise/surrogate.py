"""Algorithm 1: training the surrogate f' whose last state makes the noise. The surrogate is the noise generator."""

from typing import Any

import torch
from torch import Tensor, nn

from core.attacks.norms import PIXEL
from core.models.folded import FoldedModel
from core.noise.objective import Objective, attack, draw_transform, optimize_noise, quantize_noise
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.training.loop import TrainingLoop


class SurrogateTraining(TrainingLoop):
    """A run of Algorithm 1 that can be stopped after any step and gone on with.

    M is `updates`. `pixels` is uint8 (n, c, s, s), `labels` int64 (n,), both on the device that `generator` belongs to.
    """

    def __init__(
        self,
        model: nn.Module,
        pixels: Tensor,
        labels: Tensor,
        *,
        objective: Objective,
        updates: int,
        batch: int,
        learning_rate: LearningRate,
        device: Device,
        generator: torch.Generator,
    ) -> None:
        run: dict[str, Any] = {"updates": updates, "batch": batch, "learning_rate": learning_rate}
        super().__init__(model, len(labels), device=device, generator=generator, **run)
        self.pixels, self.labels, self.objective = pixels, labels, objective
        self._frozen = FoldedModel(model, dtype=device.dtype)

    def one_step(self, progress: Progress) -> None:
        """Lines 7 to 19."""
        chosen = next(self._batches)
        self._frozen.refresh()

        def adversarial(shown: Tensor, y: Tensor, *, generator: torch.Generator) -> Tensor:
            delta_u = optimize_noise(
                self._frozen, shown.float() * PIXEL, y, self.objective, generator=generator, tick=progress.tick
            )
            protected = (shown + quantize_noise(delta_u, shown, self.objective.radius_u)).float() * PIXEL
            drawn = self.objective.augment
            t = draw_transform(len(y), shown.shape[-1], self.objective, generator=generator, drawn=drawn)
            seen = t(protected)
            return seen + attack(self._frozen, seen, y, self.objective, generator=generator, tick=progress.tick)

        y = self.labels[chosen]
        x = self.device.in_chunks(
            adversarial, self.pixels[chosen], y, rows_per_image=self.objective.samples, generator=self.generator
        )
        self.update(x, y)

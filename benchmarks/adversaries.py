"""Whether a cheaper adversary keeps the order of noises that training by PGD finds: side by side.

    .venv/bin/python -m benchmarks.adversaries --data cifar10 --out build/adversaries \\
        --generator core/generators/weights/tiny-imagenet-32.safetensors

"PGD, 2 steps" is the adversary of the preset's evidence; the others are compared with "PGD, 4 steps". "one step" takes
one step of 1.25 radii from a random start (Wong et al., ICLR 2020). "free" (Shafahi et al., NeurIPS 2019) updates the
weights REPLAYS times on each batch, and moves its perturbation by the gradient that each update has anyway. All take
the preset's learner with as many updates as its evidence, or LEARNER_UPDATES. The noise "joint" is that of `quick`,
"instant" that of the generator. DATA holds train/CLASS/FILE and test/CLASS/FILE. A cell is a noise and a radius;
figures are test accuracies in per cent. A cell is saved in OUT as soon as it is there, so the same command continues
after an interruption.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from scipy.stats import kendalltau
from torch import Tensor

from benchmarks.measuring import protect_by_generator, protect_jointly
from benchmarks.small_images import ORIGINALS, SmallImages, argument_parser, open_images, shortened
from core.attacks.norms import PIXEL
from core.attacks.threat_model import ThreatModel
from core.models.registry import build_network
from core.noise.generator_file import load_generator
from core.runtime.context import RunContext
from core.runtime.progress import Progress
from core.specs.presets import QUICK
from core.training.labelled_images import LabelledArrays
from core.training.learner import LearnerImages, LearnerMethod, LearnerTraining
from core.training.loop import TrainingPlan
from core.training.sgd import classification_loss

REPLAYS = 4
INSTANT = "instant"
JOINT = "joint"
NOISES = (ORIGINALS, INSTANT, JOINT, "em", "sem", "tap", "ntga", "rem")
ONE_STEP = 1.25
"""The length of the only step, as a share of the radius (Wong et al., section 4.1)."""
_SCHEDULE = QUICK.schedules["quick"]


class FreeTraining(LearnerTraining):
    """A learner whose adversary moves by the gradient of each update: `train_step` is one replay."""

    _batch: tuple[Tensor, Tensor]
    _delta: Tensor | None = None

    def train_step(self, progress: Progress) -> None:
        """Update the learner once on the batch of this replay, and move the perturbation of its images."""
        if self.step % REPLAYS == 0:
            index = next(self._batches)
            x = self._data.pixels[index].float() * PIXEL
            x = self._draw_transform(len(x), x.shape[-1], generator=self.generator)(x)
            self._batch = x, self._data.labels[index]
        x, y = self._batch
        radius = self._threat.radius * PIXEL
        delta = torch.zeros_like(x) if self._delta is None else self._delta
        at = (x + delta).clamp(0, 1).requires_grad_(True)
        loss, slope = self._update_with_pixels(at, y)
        self._delta = (delta + radius * slope.sign()).clamp(-radius, radius)
        self._losses.append(loss)
        if self.step + 1 == self.plan.updates:
            self._epoch.append(round((self.step + 1) / REPLAYS * len(y) / len(self._data.labels)))
            self._add_point(progress)
        progress.tick()

    def _update_with_pixels(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One step of SGD, and the gradient of the pixels from the same pass. Batch norm sees parts as elsewhere."""
        parts = x.split(self.plan.sgd.part_images), y.split(self.plan.sgd.part_images)
        parameters = list(self.model.parameters())
        for parameter in parameters:
            parameter.grad = None
        slopes, total = [], torch.zeros(())
        for images, labels in zip(*parts, strict=True):
            self.model.train()
            with self.device.autocast():
                loss = classification_loss(self.model, images, labels) / len(x)
            *gradients, slope = torch.autograd.grad(loss, [*parameters, images])
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
            slopes.append(slope)
            total += loss.detach()
        for group in self._sgd.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate.at(self.step, steps=self.plan.updates)
        self._sgd.optimizer.step()
        return total, torch.cat(slopes)


KINDS: dict[str, tuple[type[LearnerTraining], ThreatModel]] = {
    "PGD, 4 steps": (LearnerTraining, ThreatModel(radius=0, steps=4, step=0.3)),
    "PGD, 2 steps": (LearnerTraining, ThreatModel(radius=0, steps=2, step=0.6)),
    "one step": (LearnerTraining, ThreatModel(radius=0, steps=1, step=ONE_STEP)),
    "free": (FreeTraining, ThreatModel(radius=0)),
}
"""How the learner is trained, and the search of its adversary, without the radius; the first is the reference."""


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--generator", type=Path, required=True, help="the file of a trained generator")
    parser.add_argument("--radii", type=int, nargs="+", default=[2, 4], help="of adversarial training, of 255")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="of the adversary")
    parser.add_argument("--noises", nargs="+", default=list(NOISES), choices=NOISES)
    parser.add_argument("--learner-updates", type=int, help="of each learner; by default those of the evidence")
    args = parser.parse_args()
    images, seed = open_images(args), args.seeds[0]
    print(f"\n{images.caption}; at most {args.updates} updates of a surrogate; seed {seed}\n")
    print("| noise | " + " | ".join(f"AT {radius}/255, {kind}" for radius in args.radii for kind in args.kinds) + " |")
    print("|---" * (1 + len(args.radii) * len(args.kinds)) + "|")
    cells: dict[tuple[int, str], list[dict[str, float]]] = {(r, kind): [] for r in args.radii for kind in args.kinds}
    for noise in args.noises:
        for radius, kind in cells:
            cells[radius, kind].append(_measured(images, noise, radius, kind, seed, args))
        row = " | ".join(f"{found[-1]['accuracy']:.1f}" for found in cells.values())
        print(f"| {noise} | {row} |", flush=True)
    reference, *others = args.kinds
    for (radius, kind), found in cells.items():
        if kind in others:
            tau = kendalltau(*([cell["accuracy"] for cell in row] for row in (cells[radius, reference], found)))
            print(f"\nAT {radius}/255, {kind}: Kendall's tau is {tau.statistic:.2f} (p = {tau.pvalue:.3f}).")
    for kind in args.kinds:
        seconds = sum(cell["seconds"] for radius in args.radii for cell in cells[radius, kind])
        print(f"The learners took {seconds:.0f} core-seconds by {kind}.")


def _measured(
    images: SmallImages, noise: str, radius: int, kind: str, seed: int, args: argparse.Namespace
) -> dict[str, float]:
    """The accuracy in per cent and the core-seconds of a learner, from the file of an earlier run if there is one."""
    file = images.out / f"{noise}-{radius}-{kind}-{args.learner_updates}-{seed}.json"
    if not file.exists():
        train_set = _protected(images, noise, seed, args)
        began = time.process_time()
        found = _accuracy(train_set, images, radius, kind, seed, updates=args.learner_updates)
        file.write_text(json.dumps({"accuracy": found, "seconds": time.process_time() - began}))
    read: dict[str, float] = json.loads(file.read_text())
    return read


def _protected(images: SmallImages, noise: str, seed: int, args: argparse.Namespace) -> LabelledArrays:
    if noise in (INSTANT, JOINT):
        generator = load_generator(args.generator, device=images.run.device.name)
        conditions = images.conditions(seed)
        protect_by = protect_by_generator if noise == INSTANT else protect_jointly
        return protect_by(generator, images.train, conditions)
    preset = shortened(QUICK, args.updates)
    return images.protected(noise, seed, preset=preset, name=noise)


def _accuracy(
    train_set: LabelledArrays, images: SmallImages, radius: int, kind: str, seed: int, *, updates: int | None
) -> float:
    device, length = images.run.device, _SCHEDULE.length
    if updates is not None:
        length = replace(length, epochs=0, min_updates=updates, max_updates=updates)
    size = train_set.pixels.shape[-1]
    model = build_network(
        QUICK.architecture, channels=3, size=size, classes=train_set.classes, seed=seed + 100, device=device.name
    )
    training_of, threat = KINDS[kind]
    training = training_of(
        model,
        LearnerImages(train=train_set.on(device), test=images.test.on(device)),
        LearnerMethod(
            threat=replace(threat, radius=radius),
            plan=TrainingPlan.of(length, _SCHEDULE.learning_rate, images=len(train_set)),
        ),
        device=device,
        generator=device.generator(seed, 200),
    )
    run = RunContext(device=device)
    training.resume(run.progress, checkpoints=run.checkpoints, name=kind)
    return round(100 * training.curve.accuracy[-1], 2)


if __name__ == "__main__":
    main()

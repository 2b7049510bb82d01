"""Cheaper adversaries: free adversarial training replays a batch, and the reference is stronger than ours."""

import torch
import torch.nn.functional as F

from benchmarks.adversaries import KINDS, REPLAYS, FreeTraining
from core.attacks.norms import PIXEL
from core.attacks.threat_model import ThreatModel
from core.attacks.transforms import identity
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.lr_schedule import LearningRate
from core.specs.presets import QUICK
from core.training.labelled_images import LabelledTensors
from core.training.learner import LearnerImages, LearnerMethod
from core.training.loop import TrainingPlan
from tests.support.networks import network
from tests.support.seeded import rng

RADIUS = 4


def test_the_first_replays_are_plain_steps_and_move_the_pixels_by_the_sign_of_the_same_gradient() -> None:
    device = Device("cpu", cores=1)
    device.dtype = torch.float32
    pixels = torch.randint(20, 236, (6, 3, 32, 32), generator=rng()).to(torch.uint8)
    images = LabelledTensors(pixels=pixels, labels=torch.arange(6) % 3)
    model, plain = network("small"), network("small")
    plain.load_state_dict(model.state_dict())
    rate = LearningRate(peak=0.1)
    training = FreeTraining(
        model,
        LearnerImages(train=images, test=images),
        LearnerMethod(
            threat=ThreatModel(radius=RADIUS),
            plan=TrainingPlan(updates=8, batch=6, learning_rate=rate),
            draw_transform=lambda n, size, *, generator: identity,
        ),
        device=device,
        generator=rng(1),
    )
    order = torch.randperm(6, generator=rng(1))  # the same batch for all replays
    x, y, radius = pixels[order].float() * PIXEL, images.labels[order], RADIUS * PIXEL
    optimizer, delta = torch.optim.SGD(plain.parameters(), lr=0.0, momentum=0.9, weight_decay=5e-4), torch.zeros_like(x)
    steps = training.steps(Progress())
    for step in range(REPLAYS):
        next(steps)
        at = (x + delta).requires_grad_(True)
        optimizer.zero_grad()
        F.cross_entropy(plain.train()(at), y).backward()
        optimizer.param_groups[0]["lr"] = rate.at(step, steps=8)
        optimizer.step()
        assert at.grad is not None
        delta = (delta + radius * at.grad.sign()).clamp(-radius, radius)
        if step == 0:  # later, the sign of a gradient near zero may differ
            torch.testing.assert_close(training._delta, delta)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-2)


def test_the_adversary_of_the_evidence_is_compared_with_one_of_more_steps() -> None:
    threats = {name: threat for name, (_, threat) in KINDS.items()}
    schedule = QUICK.schedules["quick"]
    ours, reference = threats["PGD, 2 steps"], next(iter(threats.values()))
    assert (ours.steps, ours.step) == (schedule.attack_steps, schedule.attack_step)
    assert reference.steps > ours.steps

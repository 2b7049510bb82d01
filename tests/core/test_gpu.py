"""Everything that the science computes, on a real GPU; skipped where there is none. CI has none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.attacks.losses import cross_entropy_sum
from core.attacks.norms import BALLS, PIXEL
from core.attacks.pgd import pgd
from core.attacks.threat_model import ThreatModel, adversarial_examples
from core.countermeasures.registry import COUNTERMEASURES
from core.models.folded import FoldedModel
from core.models.registry import build_network
from core.noise.inference import predict_noise
from core.noise.make import generate_noise
from core.noise.ntga.attack import trained_coefficients
from core.noise.ntga.ntk import WideNetwork
from core.noise.objective import robust_loss
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.noise.train_noise_network import train_noise_network
from core.runtime.checkpoints import NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.runtime.progress import Progress
from core.specs.catalog import ARCHITECTURE_LABELS, COUNTERMEASURE_INFO
from core.specs.configs import TrainingLength
from core.specs.lr_schedule import LearningRate
from core.specs.presets import QUICK
from core.specs.protect import METHODS, ProtectSpec
from core.training.augmentation import LearnerView
from core.training.labelled_images import LabelledArrays, LabelledTensors
from core.training.learner import LearnerImages, LearnerMethod, LearnerTraining
from core.training.loop import TrainingPlan
from core.training.sgd import DataParallelSGD
from experiments.measure import ExperimentCache
from experiments.paper.table1 import TABLE
from tests.core.noise.test_make import SHORT, Smooth, an_objective, some_images
from tests.core.training.test_learner import stripes
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.short_training import short_training
from tests.support.tiny_experiments import TINY, drawn_images

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that PyTorch can use")
SOME = TrainingLength(epochs=0, min_updates=4, max_updates=4, batch=32)


@pytest.fixture
def device() -> Device:
    return Device("cuda")


def on(device: Device, data: LabelledTensors) -> LabelledTensors:
    """The same images on a device."""
    return LabelledTensors(pixels=data.pixels.to(device.name), labels=data.labels.to(device.name))


def a_run(device: Device, *, norm: str = "Linf", radius: float = 4, updates: int = 25) -> LearnerTraining:
    return LearnerTraining(
        build_network("small", channels=3, size=32, classes=2, seed=1, device=device.name),
        LearnerImages(train=on(device, stripes(96, seed=1)), test=on(device, stripes(60, seed=2))),
        LearnerMethod(
            threat=ThreatModel(norm=norm, radius=radius, steps=2, step=0.5),
            plan=TrainingPlan(updates=updates, batch=32, learning_rate=LearningRate(peak=0.1)),
        ),
        device=device,
        generator=device.generator(0),
    )


def finished(run: LearnerTraining, checkpoints: Any = None) -> LearnerTraining:
    run.resume(Progress(), checkpoints=checkpoints or NullCheckpointStore(), name="learner")
    return run


def test_a_gpu_is_taken_by_itself_and_named() -> None:
    assert Device().name == "cuda"
    assert torch.cuda.get_device_name() in Device().label


@pytest.mark.parametrize("architecture", ARCHITECTURE_LABELS)
@pytest.mark.parametrize("size", [32, 96])
def test_a_network_is_the_same_function_as_on_the_cpu_and_learns(architecture: str, size: int, device: Device) -> None:
    x, y = torch.rand(4, 3, size, size, dtype=torch.float64), torch.arange(4)
    model = build_network(architecture, channels=3, size=size, classes=5, seed=0, device="cpu")
    cpu, gpu = (FoldedModel(model.to(on), dtype=torch.float64) for on in ("cpu", device.name))
    with torch.no_grad():
        torch.testing.assert_close(gpu(x.to(device.name)).cpu(), cpu(x), atol=1e-5, rtol=1e-5)
    before = [parameter.clone() for parameter in model.parameters()]
    loss = DataParallelSGD(model, device).step(x.float().to(device.name), y.to(device.name), learning_rate=0.05)
    assert torch.isfinite(loss)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("method", ["em", "tap"])
def test_a_search_without_chance_finds_what_it_finds_on_the_cpu(method: str, device: Device) -> None:
    """In float64, from the same start; a sign of a gradient that is zero but for rounding may differ."""
    pixels, labels = some_images(9)
    x, y = torch.from_numpy(pixels).double() / 255, torch.from_numpy(labels)
    aim = replace(an_objective(method, outer_steps=5), eot=False)

    def found(on: str) -> Tensor:
        network, generator = Smooth().to(on), torch.Generator(on).manual_seed(0)
        loss = robust_loss(network, y.to(on), aim, generator=generator, tick=lambda: None)
        start = torch.zeros_like(x).to(on)
        delta = pgd(loss, x.to(on), aim.outer_search, generator=generator, start=start)
        return delta.cpu()

    assert (found(device.name) - found("cpu")).abs().gt(1e-9).double().mean() < 1e-4


def test_the_tangent_kernel_is_that_of_the_cpu(device: Device) -> None:
    x = torch.rand(20, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.eye(2, dtype=torch.float64)[torch.arange(20) % 2]
    for activation in ("relu", "erf"):
        wide = WideNetwork(activation=activation)
        torch.testing.assert_close(wide.kernel(x.to(device.name), x.to(device.name)).cpu(), wide.kernel(x, x))
    torch.testing.assert_close(
        trained_coefficients(x.to(device.name), y.to(device.name), time=64.0).cpu(),
        trained_coefficients(x, y, time=64.0),
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_image_has_noise_within_the_radius(method: str, device: Device) -> None:
    (pixels, labels), everything = some_images(75), np.ones(75, dtype=bool)
    images = LabelledArrays(pixels=pixels, labels=labels, classes=3)
    setup = NoiseSetup(spec=ProtectSpec(method=method), preset=SHORT)
    run = RunContext(device=device, checkpoints=MemoryCheckpointStore())
    noise = generate_noise(images, setup, run, protect_mask=everything, train_mask=everything)
    assert np.abs(noise).max() == 8
    assert (np.abs(noise).reshape(75, -1).mean(1) > 2).all()
    delivered = pixels.astype(int) + noise
    assert delivered.min() >= 0
    assert delivered.max() <= 255


@pytest.mark.parametrize("greyscale", [False, True])
def test_a_noise_network_is_trained_and_used(greyscale: bool, device: Device) -> None:
    pixels, labels = some_images(75)
    images = LabelledArrays(pixels=pixels, labels=labels, classes=3)
    preset = replace(QUICK, noise={"sem": replace(QUICK.noise["sem"], length=SOME, network_length=SOME)})
    setup, run = (
        NoiseSetup(spec=ProtectSpec(), preset=preset),
        RunContext(device=device, checkpoints=MemoryCheckpointStore()),
    )
    surrogate = train_surrogate(images, setup, run)
    network = train_noise_network(surrogate, images, setup, run, greyscale=greyscale)
    assert network is not None
    noise = predict_noise(network, images, RunContext(device=device), radius=8, protect_mask=np.arange(75) % 2 == 0)
    assert 0 < np.abs(noise.astype(int)).max() <= 8
    assert not noise[1::2].any()


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 0), ("Linf", 4), ("L2", 100), ("L1", 1000)])
def test_a_learner_learns_against_every_adversary(norm: str, radius: float, device: Device) -> None:
    curve = finished(a_run(device, norm=norm, radius=radius)).curve
    assert curve.accuracy[-1] > 0.9
    assert curve.loss[-1] < curve.loss[0]


@pytest.mark.parametrize(("norm", "radius"), [("Linf", 4), ("L2", 100), ("L1", 1000)])
def test_adversarial_examples_are_as_far_as_the_threat_allows(norm: str, radius: float, device: Device) -> None:
    data = on(device, stripes(64, seed=4))
    x, y = data.pixels.float() * PIXEL, data.labels
    model = build_network("small", channels=3, size=32, classes=2, seed=1, device=device.name)
    network, threat = FoldedModel(model, dtype=device.dtype), ThreatModel(norm=norm, radius=radius)
    assert threat.ball == BALLS[norm](radius * PIXEL)
    found = adversarial_examples(network, x, y, threat=threat, generator=device.generator(0))
    order = {"Linf": np.inf, "L2": 2, "L1": 1}[norm]
    far = torch.linalg.vector_norm((found - x).flatten(1), ord=order, dim=1) * 255
    assert far.max() <= radius * (1 + 1e-4)
    assert far.median() > 0.9 * radius
    loss = cross_entropy_sum(network, y)
    assert loss(found) > loss(x)


@pytest.mark.parametrize("began_on", ["cuda", "cpu"])
def test_an_interrupted_learner_resumes(began_on: str, device: Device) -> None:
    """Also one that a CPU began."""
    checkpoints, broken = MemoryCheckpointStore(), a_run(Device(began_on), updates=20)
    steps = broken.steps(Progress())
    for _ in range(12):
        next(steps)
    broken.save_checkpoint(checkpoints, "learner")
    resumed = finished(a_run(device, updates=20), checkpoints)
    assert len(resumed.curve.accuracy) == 10
    assert resumed.curve.accuracy[:6] == broken.curve.accuracy
    assert resumed.curve.accuracy[-1] > 0.9


@pytest.mark.parametrize("name", COUNTERMEASURE_INFO)
def test_every_countermeasure(name: str, device: Device) -> None:
    countermeasure, generator = COUNTERMEASURES[name], device.generator(0)
    pixels, labels = (torch.from_numpy(array).to(device.name) for array in some_images(24))
    treated = countermeasure.preprocess(pixels, labels, generator=generator)
    assert treated.device.type == device.name
    assert (treated.shape, treated.dtype) == (pixels.shape, torch.uint8)
    if COUNTERMEASURE_INFO[name].applied == "data":
        assert not torch.equal(treated, pixels)
    if countermeasure.augment is not None:
        model = build_network("small", channels=3, size=32, classes=3, seed=0, device=device.name)
        learner = LearnerView(FoldedModel(model, dtype=device.dtype), device, classes=3, progress=Progress())
        x, _ = countermeasure.augment(pixels.float() * PIXEL, labels, learner=learner, generator=generator)
        assert x.shape == pixels.shape
        assert (x.min() >= 0, x.max() <= 1) == (True, True)


def test_a_cell_of_every_column_of_table_1(tmp_path: Path, device: Device) -> None:
    lab = ExperimentCache(tmp_path, drawn_images(), TINY, device=device, progress=Progress())
    for cell in TABLE.rows[-1].cells:
        found = lab.measure(cell, 0)
        assert 0 <= found.accuracy <= 1
        assert torch.cuda.get_device_name() in found.device


@pytest.mark.parametrize("preset", ["quick", "instant"])
def test_the_whole_path_of_a_dataset(preset: str, tmp_path: Path) -> None:
    """Protecting it, with evidence, and verifying that: on the GPU without being told."""
    from core.recipes import protect
    from core.recipes.options import DatasetSource, RunOptions
    from core.recipes.verify import VerificationTarget, verify
    from core.specs.verify import VerifySpec
    from tests.support.short_training import drawn

    source, out = drawn(tmp_path / "pets.zip", "ant bee cow", each=90), tmp_path / "out.zip"
    verify_spec = VerifySpec.parse(
        {"trainings": [{"radius": 0}, {"radius": 4}], "countermeasures": ["greyscale", "none"]}
    )
    for name in ("protect", "verify"):
        (tmp_path / name).mkdir()
    with short_training():
        pets, target = DatasetSource(path=source), VerificationTarget(archive=out)
        spec = ProtectSpec.parse({"preset": preset})
        done = protect.protect(pets, out, spec, RunOptions(scratch=tmp_path / "protect"))
        report = verify(pets, target, verify_spec, RunOptions(scratch=tmp_path / "verify"))
    assert done.report.device == report.device == torch.cuda.get_device_name()
    assert len(report.evidence.rows) == 4

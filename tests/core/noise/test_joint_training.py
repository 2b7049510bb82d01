"""A noise network and a surrogate are trained together: the same bits after a stop, and a lower loss of Eq. (5)."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.attacks.norms import PIXEL
from core.errors import Cancelled
from core.generators.shipped import select_shipped_generator
from core.models.folded import FoldedModel
from core.noise.class_map import class_map
from core.noise.generator_file import load_generator
from core.noise.inference import predict_noise
from core.noise.joint_training import JOINT, train_jointly
from core.noise.methods import objective_of
from core.noise.noise_network import NoiseNetwork
from core.noise.objective import robust_loss
from core.noise.setup import NoiseSetup
from core.noise.surrogate import train_surrogate
from core.runtime.checkpoints import CheckpointStore, NullCheckpointStore
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.configs import TrainingLength
from core.specs.presets import QUICK
from core.specs.protect import ProtectSpec
from core.training.labelled_images import LabelledArrays
from tests.support.checkpoints import MemoryCheckpointStore
from tests.support.seeded import rng

OUTPUTS = 90


def network() -> NoiseNetwork:
    """The noise network that ships for 32 px and so many classes."""
    shipped = select_shipped_generator(channels=3, size=32, classes=OUTPUTS)
    found = load_generator(shipped.file, device="cpu").network
    assert found is not None
    return found


def images(count: int = 48, *, classes: int = 3) -> LabelledArrays:
    labels = torch.arange(count) % classes
    pixels = torch.randint(0, 120, (count, 3, 32, 32), generator=rng(3)) + 40 * labels[:, None, None, None]
    return LabelledArrays(pixels=pixels.to(torch.uint8).numpy(), labels=labels.numpy(), classes=classes)


def setup(updates: int) -> NoiseSetup:
    """The preset quick with so many updates."""
    sem, length = QUICK.noise["sem"], TrainingLength(epochs=0, min_updates=updates, max_updates=updates, batch=24)
    assert sem.joint is not None
    shorter = replace(sem, length=length, joint=replace(sem.joint, length=length))
    return NoiseSetup(spec=ProtectSpec(), preset=replace(QUICK, noise=QUICK.noise | {"sem": shorter}))


def run(checkpoints: CheckpointStore | None = None) -> RunContext:
    return RunContext(device=Device("cpu", cores=1), checkpoints=checkpoints or NullCheckpointStore())


def trained(updates: int, checkpoints: CheckpointStore | None = None) -> NoiseNetwork:
    return train_jointly(network(), images(), setup(updates), run(checkpoints), outputs=OUTPUTS)


def test_an_interrupted_training_resumes_to_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.loop.CHECKPOINT_INTERVAL_SECONDS", 0)
    checkpoints = MemoryCheckpointStore()

    class Breaks(MemoryCheckpointStore):
        def save(self, name: str, data: bytes) -> None:
            checkpoints.save(name, data)
            self.saves = getattr(self, "saves", 0) + 1
            if self.saves == 2:
                raise Cancelled

    with pytest.raises(Cancelled):
        trained(4, Breaks())
    assert list(checkpoints.saved) == [JOINT]
    resumed, whole = trained(4, checkpoints).state_dict(), trained(4).state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert any(not torch.equal(whole[name], tensor) for name, tensor in network().state_dict().items())


def test_the_noise_stays_within_the_radius_and_the_pixels() -> None:
    data = images()
    mapped = replace(data, labels=class_map(3, outputs=OUTPUTS)[data.labels], classes=OUTPUTS)
    noise = predict_noise(trained(2), mapped, run(), radius=8, protect_mask=np.ones(len(data), bool))
    assert np.abs(noise).max() <= 8
    protected = data.pixels.astype(np.int16) + noise
    assert protected.min() >= 0
    assert protected.max() <= 255
    assert np.abs(noise).mean() > 1


def test_the_trained_noise_lowers_the_robust_loss_of_another_surrogate() -> None:
    """Eq. (5) on a network that neither of them was trained against: a surrogate of the search, of the same images."""
    data, jointly = images(), setup(12)
    other = FoldedModel(train_surrogate(data, setup(8), run()), dtype=torch.float32).refresh()
    objective = replace(objective_of(jointly, QUICK.noise["sem"].training), samples=1)
    outputs = torch.from_numpy(class_map(3, outputs=OUTPUTS)[data.labels])
    x, y = torch.from_numpy(data.pixels).float() * PIXEL, torch.from_numpy(data.labels)

    @torch.no_grad()
    def loss_of(noise: NoiseNetwork) -> float:
        loss = robust_loss(other, y, objective, generator=rng(0), tick=lambda: None)
        return loss((x + noise(x, outputs)).clamp(0, 1)).item()

    after = train_jointly(network(), data, jointly, run(), outputs=OUTPUTS)
    assert loss_of(after) < loss_of(network())


def test_a_preset_without_a_joint_training_is_refused() -> None:
    searched = NoiseSetup(spec=ProtectSpec(method="rem"), preset=QUICK)
    with pytest.raises(ValueError, match="does not train rem jointly"):
        train_jointly(network(), images(), searched, run(), outputs=OUTPUTS)

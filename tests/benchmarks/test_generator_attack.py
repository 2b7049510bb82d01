"""An unauthorized trainer with the shipped generator: whose noise is subtracted, and from which images."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import generator_attack
from benchmarks.generator_attack import ATTACKS, NOISES, subtract_noise
from benchmarks.measuring import Conditions, class_outputs
from benchmarks.setting import Setting
from core.generators.shipped import WEIGHTS_FOLDER
from core.noise.generator_file import load_generator
from core.runtime.context import RunContext
from core.runtime.device import Device
from core.specs.presets import QUICK
from core.training.labelled_images import LabelledArrays

CLASSES, IMAGES = 3, 6


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Smooth images of three classes."""
    file = WEIGHTS_FOLDER / "tiny-imagenet-32.safetensors"
    slopes = np.linspace(40, 200, 32, dtype=np.uint8)
    pixels = np.stack([np.broadcast_to(np.roll(slopes, 5 * number), (3, 32, 32)) for number in range(IMAGES)])
    images = LabelledArrays(pixels=pixels.copy(), labels=np.arange(IMAGES) % CLASSES, classes=CLASSES)
    return Setting(
        file=file,
        generator=load_generator(file, device="cpu"),
        conditions=Conditions(seed=0, preset=QUICK, run=RunContext(device=Device("cpu", cores=1))),
        data="slopes",
        first=0,
        images=images,
        test=images,
        out=Path(tmp_path_factory.mktemp("attack")),
    )


def distance(images: LabelledArrays, setting: Setting) -> float:
    """The mean distance of some images from the originals."""
    return float(np.abs(images.pixels.astype(int) - setting.images.pixels).mean())


def test_without_a_key_the_noise_of_the_own_class_brings_images_nearer_to_the_originals(setting: Setting) -> None:
    protected, outputs = NOISES["no key"](setting), class_outputs(setting.generator, setting.images)
    own, other = (subtract_noise(setting, protected, chosen) for chosen in (outputs, np.roll(outputs, 1)))
    assert distance(own, setting) < distance(protected, setting) < distance(other, setting)


def test_with_a_key_it_does_not(setting: Setting) -> None:
    protected = NOISES["instant"](setting)
    assert distance(ATTACKS["own class"](setting, protected), setting) > distance(protected, setting)


def test_fitted_vectors_bring_images_nearer_to_the_originals(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator_attack, "FITTING_STEPS", 30)
    protected = NOISES["no key"](setting)
    assert distance(ATTACKS["fitted"](setting, protected), setting) < distance(protected, setting)


def test_every_class_gives_a_copy_of_each_image_under_its_own_label(setting: Setting) -> None:
    copies = ATTACKS["every class"](setting, setting.images)
    own = ATTACKS["own class"](setting, setting.images)
    assert copies.pixels.shape == (CLASSES * IMAGES, 3, 32, 32)
    assert copies.labels.tolist() == setting.images.labels.tolist() * CLASSES
    found = [(copies.pixels[number::IMAGES] == own.pixels[number]).all(axis=(1, 2, 3)) for number in range(IMAGES)]
    assert all(equal.any() for equal in found)
